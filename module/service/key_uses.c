/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_uses.h"

#include "base/mem.h"
#include "service/notes.h"

#define KEYS_MAX 16384 /* that wait to be written */
#define INTERVAL_DEFAULT_MS 60000

_Static_assert(AUTH_ACCESS_KEY_ID_LEN <= NOTES_NAME_MAX, "a note's name holds an access key id");

struct key_uses {
	struct key_uses_options options;
	struct notes *notes;
};

void key_uses_note(struct key_uses *uses, const struct auth_key_use *use)
{
	notes_put(uses->notes, view_of_text(use->access_key_id), use->time_ms, use);
}

NODISCARD struct err key_uses_find(struct key_uses *uses, struct view access_key_id,
				   struct auth_key_use *out)
{
	const struct auth_identities *identities = &uses->options.identities;
	struct auth_key_use noted, stored;
	bool found = notes_find(uses->notes, access_key_id, &noted);
	struct err e = identities->key_use_load(identities->self, access_key_id, &stored);
	if (!found || (!err_failed(e) && stored.time_ms > noted.time_ms)) {
		TRY(e);
		noted = stored;
	}
	*out = noted;
	return OK;
}

static struct err save(void *user, const void *values, size_t count)
{
	const struct auth_identities *identities = &((struct key_uses *)user)->options.identities;
	return identities->key_use_save(identities->self, (const struct auth_key_use *)values,
					count);
}

NODISCARD struct err key_uses_start(const struct key_uses_options *options, struct key_uses **out)
{
	CLEANUP(key_uses_stop) struct key_uses *uses = NULL;
	TRY(MEM_NEW(&uses));
	uses->options = *options;
	const struct notes_options notes = {
		.value_size = sizeof(struct auth_key_use),
		.notes_max = KEYS_MAX,
		.interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_DEFAULT_MS,
		.save = save,
		.user = uses,
		.event = "key_uses.not_written",
	};
	TRY(notes_start(&notes, &uses->notes));
	*out = TAKE(uses);
	return OK;
}

void key_uses_stop(struct key_uses **uses)
{
	if (*uses == NULL)
		return;
	notes_stop(&(*uses)->notes);
	mem_free(TAKE(*uses));
}
