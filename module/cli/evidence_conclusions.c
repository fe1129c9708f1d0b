/* SPDX-License-Identifier: Apache-2.0 */
/* What a bundle shows of each promise, and what it cannot show: from its facts alone. */
#include "base/text.h"
#include "cli/evidence.h"
#include "cli/evidence_facts.h"

enum shown { SHOWN, SHOWN_IN_PART, NOT_SHOWN, CONTRADICTED };

static const char *const shown_names[] = {
	[SHOWN] = "shown",
	[SHOWN_IN_PART] = "shown in part",
	[NOT_SHOWN] = "not shown here",
	[CONTRADICTED] = "CONTRADICTED",
};

#define HOW_MAX 640

static enum shown judge_p1(const struct evidence_facts *f, char how[HOW_MAX])
{
	uint64_t wrong = f->judged[JUDGE_NO] + f->own[JUDGE_NO] + f->misplaced;
	uint64_t silent = f->judged[JUDGE_UNKNOWN] + f->own[JUDGE_UNKNOWN];
	(void)!err_failed(text_format(
		how, HOW_MAX,
		"The attributes of %llu key versions and of the installation's own keys were read "
		"from the token while this report was made, and judged one by one: %llu are as "
		"required (sensitive and always so, not extractable and never so, not modifiable, "
		"made on the token, and of no use but their own), %llu are not, and of %llu the "
		"token does not report all. The tables below have every attribute.",
		(unsigned long long)(f->versions - f->gone),
		(unsigned long long)(f->judged[JUDGE_YES] + f->own[JUDGE_YES]),
		(unsigned long long)wrong, (unsigned long long)silent));
	if (wrong > 0)
		return CONTRADICTED;
	return silent > 0 || f->own[JUDGE_YES] == 0 ? SHOWN_IN_PART : SHOWN;
}

static enum shown judge_p2(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)!err_failed(text_format(
		how, HOW_MAX,
		"The token sealed and opened in a test of its own during this report, and the "
		"usage "
		"attributes let no version key do anything else. That plaintexts which nobody "
		"asked for never enter the network-facing process, and that others are wiped, is a "
		"property of the program: its test suite shows it, this report does not."));
	return f->tests_failed > 0 || f->tests == 0 ? NOT_SHOWN : SHOWN_IN_PART;
}

static enum shown judge_p3(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)!err_failed(text_format(
		how, HOW_MAX,
		f->audit_looked
			? "The audit log was verified line by line with the public key of this "
			  "bundle: see below for what the token has signed. That each record was "
			  "on disk before its answer left is a property of the program."
			: "The audit log was not verified while this report was made; below is "
			  "why. "
			  "holdfast audit verify does it, anywhere, with the public key of this "
			  "bundle."));
	if (!f->audit_looked)
		return NOT_SHOWN;
	if (!f->audit_well)
		return CONTRADICTED;
	return f->audit_signed ? SHOWN_IN_PART : NOT_SHOWN;
}

static enum shown judge_p4(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)f;
	(void)!err_failed(text_copy(
		how, HOW_MAX,
		VIEW_LITERAL("No report of a running service can show this: the test suite kills "
			     "both processes under load and counts.")));
	return NOT_SHOWN;
}

static enum shown judge_p5(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)!err_failed(text_copy(
		how, HOW_MAX,
		f->store_looked
			? VIEW_LITERAL(
				  "Every row's seal, the manifest over all rows and its anchor "
				  "on the token were verified during this report.")
			: VIEW_LITERAL(
				  "The store as a whole was not verified while this report was "
				  "made; below is why. The rows that it tells of did carry "
				  "their seal.")));
	if (!f->store_looked)
		return NOT_SHOWN;
	return f->store_well ? SHOWN : CONTRADICTED;
}

static enum shown judge_p6(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)!err_failed(text_format(
		how, HOW_MAX,
		"The self-tests asked for what must be refused: a changed tag, another encryption "
		"context, a signature over something else. %llu of %llu tests failed. %llu key "
		"versions are refused by the service now.",
		(unsigned long long)f->tests_failed, (unsigned long long)f->tests,
		(unsigned long long)f->refused));
	if (f->tests_failed > 0)
		return CONTRADICTED;
	return f->tests > 0 ? SHOWN_IN_PART : NOT_SHOWN;
}

static enum shown judge_p7(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)!err_failed(text_format(
		how, HOW_MAX,
		"%llu keys have %llu versions, %llu of them made by rotation. Every version that "
		"was ever made is listed and its object was asked for on the token: %llu did not "
		"answer. %llu keys have a gap in their history. The material of %llu versions is "
		"gone because it was imported and expired or was deleted, or is being destroyed.",
		(unsigned long long)f->keys, (unsigned long long)f->versions,
		(unsigned long long)f->rotations, (unsigned long long)f->unread,
		(unsigned long long)f->gaps, (unsigned long long)f->gone));
	if (f->gaps > 0 || f->refused > 0)
		return CONTRADICTED;
	return f->unread > 0 ? SHOWN_IN_PART : SHOWN;
}

static enum shown judge_p8(const struct evidence_facts *f, char how[HOW_MAX])
{
	(void)f;
	(void)!err_failed(text_copy(
		how, HOW_MAX,
		VIEW_LITERAL("Stock AWS clients make, use and rotate keys in the test suite; "
			     "nothing of that is in this report.")));
	return NOT_SHOWN;
}

/* README, "Promises". */
static const struct promise {
	const char *id, *text;
	enum shown (*judge)(const struct evidence_facts *f, char how[HOW_MAX]);
} promises[] = {
	{"P1", "Root key material never leaves the token.", judge_p1},
	{"P2",
	 "Data keys are wrapped on the token; a plaintext that nobody asked for never enters the "
	 "daemon.",
	 judge_p2},
	{"P3", "No response leaves before its audit record is on disk.", judge_p3},
	{"P4", "What was acknowledged survives a crash or power loss.", judge_p4},
	{"P5",
	 "Metadata is sealed by the token: what was changed, added, swapped, deleted or rolled "
	 "back is detected and refused.",
	 judge_p5},
	{"P6", "What is unclear, broken or away is denied.", judge_p6},
	{"P7", "Rotation never breaks decryption.", judge_p7},
	{"P8", "A stock AWS client cannot tell the difference.", judge_p8},
};

static void write_summary(const struct evidence_facts *f, struct json_out *out)
{
	json_out_begin_object(out, "Summary");
	json_out_integer(out, "Keys", (int64_t)f->keys);
	json_out_integer(out, "Versions", (int64_t)f->versions);
	json_out_integer(out, "VersionsAsRequired", (int64_t)f->judged[JUDGE_YES]);
	json_out_integer(out, "VersionsNotReported", (int64_t)f->judged[JUDGE_UNKNOWN]);
	json_out_integer(out, "VersionsNotAsRequired", (int64_t)f->judged[JUDGE_NO]);
	json_out_integer(out, "VersionsMisplaced", (int64_t)f->misplaced);
	json_out_integer(out, "VersionsGone", (int64_t)f->gone);
	json_out_integer(out, "ServiceKeysAsRequired", (int64_t)f->own[JUDGE_YES]);
	json_out_integer(out, "Rotations", (int64_t)f->rotations);
	json_out_integer(out, "Grants", (int64_t)f->grants);
	json_out_integer(out, "Identities", (int64_t)f->identities);
	json_out_integer(out, "SelfTests", (int64_t)f->tests);
	json_out_integer(out, "SelfTestsFailed", (int64_t)f->tests_failed);
	json_out_end_object(out);
}

void evidence_write_conclusions(const struct json *facts, struct json_out *out)
{
	struct evidence_facts f;
	evidence_facts_count(facts, &f);
	write_summary(&f, out);
	json_out_begin_array(out, "Promises");
	for (size_t i = 0; i < ARRAY_LEN(promises); i++) {
		char how[HOW_MAX] = "";
		enum shown shown = promises[i].judge(&f, how);
		json_out_begin_object(out, NULL);
		json_out_text(out, "Id", view_of_text(promises[i].id));
		json_out_text(out, "Promise", view_of_text(promises[i].text));
		json_out_text(out, "Verdict", view_of_text(shown_names[shown]));
		json_out_text(out, "How", view_of_text(how));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}
