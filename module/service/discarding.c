/* SPDX-License-Identifier: Apache-2.0 */
#include "service/discarding.h"

#include "base/text.h"

static const struct {
	const char *table;
	bool needed;
	const char *meaning;
} rows[] = {
	{"outbox", true,
	 "the record of a call is in the audit log already, or never will be: look there for its "
	 "event id; the text stays in the store that is kept"},
	{"intents", true,
	 "a version was being made or destroyed: its object on the token is claimed by nobody "
	 "then; adopted when it is whole, else reported at the start and left there"},
	{"audit_heads", true,
	 "how far that audit log had come is forgotten: the next start cannot tell whether its end "
	 "was cut off; see that it is whole: holdfast audit verify"},
	{"installation", false,
	 "it cannot be discarded: without it nothing is verified; restore a backup"},
	{"keys", false,
	 "the key is lost once none of its rows is sound; its objects stay on the token, and what "
	 "they encrypted cannot be opened"},
	{"versions", false,
	 "the token has its object still, and it is adopted at the next start; a key that "
	 "encrypted with it is to be rotated then"},
	{"aliases", false, "the name is gone: make it again"},
	{"tags", false, "the tag is gone: make it again, where policies ask for it"},
	{"grants", false, "the grant is gone: make it again, for whom it shall allow something"},
	{"identities", false,
	 "the identity is gone once no sound row hangs on it: make it again, with its policies"},
	{"access_keys", false, "the access key is gone: make another"},
	{"sessions", false, "the temporary credentials are gone: their holder asks for others"},
	{"principals", false, "a caller of a version before identities is gone: make a user"},
	{"clock_marks", false,
	 "how far the clock was trusted is forgotten: nothing is destroyed before holdfast clock "
	 "accept"},
};

bool discarding_needed(const char *table)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (text_equal(rows[i].table, table))
			return rows[i].needed;
	return false;
}

const char *discarding_meaning(const char *table)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (text_equal(rows[i].table, table))
			return rows[i].meaning;
	return "";
}

bool discarding_needed_by(const struct kms_survey *survey)
{
	for (size_t i = 0; i < survey->finding_count; i++)
		if (survey->findings[i].kind == KMS_FINDING_CHANGED &&
		    discarding_needed(survey->findings[i].table))
			return true;
	return false;
}
