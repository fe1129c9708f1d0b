/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A note stays in its shard until the store has it, and is then taken out if nothing was noted
 * since: whoever asks finds it in the shard or, once it is not there, in the store.
 */
#include "service/last_use.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define SHARDS 16 /* a power of two */
#define INTERVAL_DEFAULT_MS 5000
#define SAVED_AT_ONCE_MAX 1000 /* rows of one transaction */
#define NAME_LEN (sizeof((struct kms_key_id *)NULL)->bytes + 1)

struct note {
	uint8_t name[NAME_LEN]; /* the map's key */
	struct kms_last_use use;
	uint64_t number; /* of the note; grows with each */
};

struct shard {
	pthread_mutex_t lock;
	struct map notes;
	uint64_t number;
};

struct last_use {
	struct last_use_options options;
	struct shard shards[SHARDS];
	size_t made; /* shards */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	pthread_t thread;
	bool stopping, running;
};

/* A note as it was when the thread took it. */
struct taken {
	struct shard *shard;
	uint64_t number;
};

/* What one round writes; both arrays in the same order. */
struct round {
	struct kms_last_use *uses;
	struct taken *taken;
	size_t count, room;
};

static void round_cleanup(struct round *round)
{
	mem_free(round->uses);
	mem_free(round->taken);
}

static void name_of(const struct kms_key_id *id, uint8_t out[NAME_LEN])
{
	mem_copy(out, NAME_LEN, id->bytes, sizeof id->bytes);
	out[sizeof id->bytes] = id->multi_region;
}

/* Ids are random: any byte spreads them. */
static struct shard *shard_of(struct last_use *recorder, const struct kms_key_id *id)
{
	return &recorder->shards[id->bytes[0] % SHARDS];
}

/* Under the shard's lock. NULL without room or memory. */
static struct note *note_of(struct last_use *recorder, struct shard *shard,
			    const struct kms_key_id *id)
{
	uint8_t name[NAME_LEN];
	name_of(id, name);
	struct note *found = (struct note *)map_get(&shard->notes, VIEW_ARRAY(name));
	if (found != NULL)
		return found;
	if (shard->notes.count > recorder->options.keys_max / SHARDS)
		return NULL;
	CLEANUP(mem_free_at) struct note *note = NULL;
	if (err_failed(MEM_NEW(&note)))
		return NULL;
	mem_copy(note->name, sizeof note->name, name, sizeof name);
	void *old = NULL;
	if (err_failed(map_put(&shard->notes, VIEW_ARRAY(note->name), note, &old)))
		return NULL;
	return TAKE(note);
}

void last_use_note(struct last_use *recorder, const struct kms_last_use *use)
{
	struct shard *shard = shard_of(recorder, &use->key_id);
	LOCK_SCOPE(&shard->lock);
	struct note *note = note_of(recorder, shard, &use->key_id);
	if (note == NULL || note->use.time_ms > use->time_ms)
		return;
	note->use = *use;
	note->number = ++shard->number;
}

static bool find_noted(struct last_use *recorder, const struct kms_key_id *key_id,
		       struct kms_last_use *out)
{
	uint8_t name[NAME_LEN];
	name_of(key_id, name);
	struct shard *shard = shard_of(recorder, key_id);
	LOCK_SCOPE(&shard->lock);
	const struct note *note = (const struct note *)map_get(&shard->notes, VIEW_ARRAY(name));
	if (note != NULL)
		*out = note->use;
	return note != NULL;
}

NODISCARD struct err last_use_find(struct last_use *recorder, const struct kms_scope *scope,
				   const struct kms_key_id *key_id, struct last_use_answer *out)
{
	const struct kms_catalog *catalog = &recorder->options.catalog;
	struct last_use_answer answer = {.used = false};
	TRY(catalog->ops->last_use_since(catalog->self, &answer.since_ms));
	/* First memory, then the store: a note leaves memory after the store has it. */
	answer.used = find_noted(recorder, key_id, &answer.use);
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
	size_t count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		LOCK_SCOPE(&recorder->shards[i].lock);
		count += recorder->shards[i].notes.count;
	}
	return count;
}

/* --- the writing thread --- */

static void take_shard(struct shard *shard, struct round *round)
{
	LOCK_SCOPE(&shard->lock);
	const struct note *note;
	for (size_t at = 0; (note = (const struct note *)map_next(&shard->notes, &at)) != NULL;) {
		if (round->count == round->room)
			return; /* noted meanwhile: in the next round */
		round->uses[round->count] = note->use;
		round->taken[round->count++] = (struct taken){shard, note->number};
	}
}

static struct err take_all(struct last_use *recorder, struct round *round)
{
	round->room = last_use_pending(recorder);
	if (round->room == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(round->room, &round->uses));
	TRY(MEM_NEW_ARRAY(round->room, &round->taken));
	for (size_t i = 0; i < SHARDS; i++)
		take_shard(&recorder->shards[i], round);
	return OK;
}

/* The store has it. What was noted since is still to be written. */
static void settle(const struct taken *taken, const struct kms_last_use *use)
{
	uint8_t name[NAME_LEN];
	name_of(&use->key_id, name);
	struct shard *shard = taken->shard;
	LOCK_SCOPE(&shard->lock);
	struct note *note = (struct note *)map_get(&shard->notes, VIEW_ARRAY(name));
	if (note == NULL || note->number != taken->number)
		return;
	(void)map_remove(&shard->notes, VIEW_ARRAY(name));
	mem_free(note);
}

static struct err save_part(struct last_use *recorder, const struct round *round, size_t from)
{
	const struct kms_catalog *catalog = &recorder->options.catalog;
	size_t count = MIN_OF(round->count - from, (size_t)SAVED_AT_ONCE_MAX);
	TRY(catalog->ops->last_use_save(catalog->self, &round->uses[from], count));
	for (size_t i = from; i < from + count; i++)
		settle(&round->taken[i], &round->uses[i]);
	return OK;
}

/* What is not written stays noted, and is written by a later round. */
static struct err write_all(struct last_use *recorder)
{
	CLEANUP(round_cleanup) struct round round = {0};
	TRY(take_all(recorder, &round));
	for (size_t from = 0; from < round.count; from += SAVED_AT_ONCE_MAX)
		TRY(save_part(recorder, &round, from));
	return OK;
}

/* false: this is the last round. */
static bool pause_writing(struct last_use *recorder)
{
	uint32_t interval_ms = recorder->options.interval_ms;
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += interval_ms / 1000;
	until.tv_nsec += (long)(interval_ms % 1000) * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	LOCK_SCOPE(&recorder->lock);
	while (!recorder->stopping)
		if (pthread_cond_timedwait(&recorder->wake, &recorder->lock, &until) == ETIMEDOUT)
			break;
	return !recorder->stopping;
}

static void *serve(void *arg)
{
	struct last_use *recorder = (struct last_use *)arg;
	bool failing = false;
	for (bool on = true; on;) {
		on = pause_writing(recorder);
		struct err e = write_all(recorder);
		if (err_failed(e) && !failing)
			log_event(LOG_WARNING, "last_use.not_written",
				  LOG_NUMBER("keys", last_use_pending(recorder)), LOG_ERR(e));
		failing = err_failed(e);
	}
	return NULL;
}

static struct err make_shards(struct last_use *recorder)
{
	for (; recorder->made < SHARDS; recorder->made++) {
		struct shard *shard = &recorder->shards[recorder->made];
		TRY(map_init(&shard->notes));
		(void)pthread_mutex_init(&shard->lock, NULL);
	}
	return OK;
}

static struct err start_thread(struct last_use *recorder)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&recorder->lock, NULL);
	(void)pthread_cond_init(&recorder->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	int failed = pthread_create(&recorder->thread, NULL, serve, recorder);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	recorder->running = true;
	return OK;
}

NODISCARD struct err last_use_start(const struct last_use_options *options, struct last_use **out)
{
	CLEANUP(last_use_stop) struct last_use *recorder = NULL;
	TRY(MEM_NEW(&recorder));
	recorder->options = *options;
	if (recorder->options.interval_ms == 0)
		recorder->options.interval_ms = INTERVAL_DEFAULT_MS;
	TRY(make_shards(recorder));
	TRY(start_thread(recorder));
	*out = TAKE(recorder);
	return OK;
}

static void end_thread(struct last_use *recorder)
{
	pthread_mutex_lock(&recorder->lock);
	recorder->stopping = true;
	(void)pthread_cond_signal(&recorder->wake);
	pthread_mutex_unlock(&recorder->lock);
	(void)pthread_join(recorder->thread, NULL);
	(void)pthread_cond_destroy(&recorder->wake);
	(void)pthread_mutex_destroy(&recorder->lock);
}

static void free_shard(struct shard *shard)
{
	struct note *note;
	for (size_t at = 0; (note = (struct note *)map_next(&shard->notes, &at)) != NULL;)
		mem_free(note);
	map_cleanup(&shard->notes);
	(void)pthread_mutex_destroy(&shard->lock);
}

void last_use_stop(struct last_use **recorder)
{
	if (*recorder == NULL)
		return;
	if ((*recorder)->running)
		end_thread(*recorder);
	for (size_t i = 0; i < (*recorder)->made; i++)
		free_shard(&(*recorder)->shards[i]);
	mem_free(TAKE(*recorder));
}
