/* SPDX-License-Identifier: Apache-2.0 */
#include "service/last_use.h"

#include "base/mem.h"
#include "service/notes.h"

#define INTERVAL_DEFAULT_MS 5000

_Static_assert(KMS_KEY_ID_NAME <= NOTES_NAME_MAX, "a note's name holds a key's id");

struct last_use {
	struct last_use_options options;
	struct notes *notes;
};

void last_use_note(struct last_use *recorder, const struct kms_last_use *use)
{
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(&use->key_id, name);
	notes_put(recorder->notes, VIEW_ARRAY(name), use->time_ms, use);
}

NODISCARD struct err last_use_find(struct last_use *recorder, const struct kms_scope *scope,
				   const struct kms_key_id *key_id, struct last_use_answer *out)
{
	const struct kms_catalog *catalog = &recorder->options.catalog;
	struct last_use_answer answer = {.used = false};
	uint8_t name[KMS_KEY_ID_NAME];
	kms_key_id_name(key_id, name);
	TRY(catalog->ops->last_use_since(catalog->self, &answer.since_ms));
	answer.used = notes_find(recorder->notes, VIEW_ARRAY(name), &answer.use);
	struct kms_last_use stored;
	struct err e = catalog->ops->last_use_load(catalog->self, scope, key_id, &stored);
	if (!err_is(e, E_NOT_FOUND)) {
		TRY(e);
		if (!answer.used || stored.time_ms > answer.use.time_ms)
			answer.use = stored;
		answer.used = true;
	}
	*out = answer;
	return OK;
}

size_t last_use_pending(struct last_use *recorder)
{
	return notes_pending(recorder->notes);
}

static struct err save(void *user, const void *values, size_t count)
{
	const struct kms_catalog *catalog = &((struct last_use *)user)->options.catalog;
	return catalog->ops->last_use_save(catalog->self, (const struct kms_last_use *)values,
					   count);
}

NODISCARD struct err last_use_start(const struct last_use_options *options, struct last_use **out)
{
	CLEANUP(last_use_stop) struct last_use *recorder = NULL;
	TRY(MEM_NEW(&recorder));
	recorder->options = *options;
	const struct notes_options notes = {
		.value_size = sizeof(struct kms_last_use),
		.notes_max = options->keys_max,
		.interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_DEFAULT_MS,
		.save = save,
		.user = recorder,
		.event = "last_use.not_written",
	};
	TRY(notes_start(&notes, &recorder->notes));
	*out = TAKE(recorder);
	return OK;
}

void last_use_stop(struct last_use **recorder)
{
	if (*recorder == NULL)
		return;
	notes_stop(&(*recorder)->notes);
	mem_free(TAKE(*recorder));
}
