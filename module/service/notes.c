/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A note stays in its shard until the store has it, and is then taken out if nothing was noted
 * since: whoever asks finds it in the shard or, once it is not there, in the store.
 */
#include "service/notes.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define SHARDS 16              /* a power of two */
#define SAVED_AT_ONCE_MAX 1000 /* values of one transaction */

struct note {
	uint8_t name[NOTES_NAME_MAX]; /* the map's key */
	size_t name_len;
	int64_t time_ms;
	uint64_t number; /* of the note; grows with each */
	uint8_t value[]; /* value_size bytes */
};

struct shard {
	pthread_mutex_t lock;
	struct map notes;
	uint64_t number;
};

struct notes {
	struct notes_options options;
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
	uint8_t name[NOTES_NAME_MAX];
	size_t name_len;
	uint64_t number;
};

/* What one round writes; both arrays in the same order. */
struct round {
	uint8_t *values;
	struct taken *taken;
	size_t count, room;
};

static void round_cleanup(struct round *round)
{
	mem_free(round->values);
	mem_free(round->taken);
}

/* Names are ids, which are random: the sum of their bytes spreads them. */
static struct shard *shard_of(struct notes *notes, struct view name)
{
	size_t sum = 0;
	for (size_t i = 0; i < name.len; i++)
		sum += name.ptr[i];
	return &notes->shards[sum % SHARDS];
}

static struct err note_new(const struct notes *notes, struct view name, struct note **out)
{
	size_t size = sizeof(struct note) + notes->options.value_size;
	TRY(mem_alloc_array(1, size, (void **)out));
	mem_copy((*out)->name, sizeof(*out)->name, name.ptr, name.len);
	(*out)->name_len = name.len;
	return OK;
}

/* Under the shard's lock. NULL without room or memory. */
static struct note *note_of(struct notes *notes, struct shard *shard, struct view name)
{
	struct note *found = (struct note *)map_get(&shard->notes, name);
	if (found != NULL)
		return found;
	if (shard->notes.count > notes->options.notes_max / SHARDS)
		return NULL;
	CLEANUP(mem_free_at) struct note *note = NULL;
	void *old = NULL;
	if (err_failed(note_new(notes, name, &note)) ||
	    err_failed(map_put(&shard->notes, view_of(note->name, name.len), note, &old)))
		return NULL;
	return TAKE(note);
}

void notes_put(struct notes *notes, struct view name, int64_t time_ms, const void *value)
{
	if (name.len > NOTES_NAME_MAX)
		return;
	struct shard *shard = shard_of(notes, name);
	LOCK_SCOPE(&shard->lock);
	struct note *note = note_of(notes, shard, name);
	if (note == NULL || note->time_ms > time_ms)
		return;
	mem_copy(note->value, notes->options.value_size, value, notes->options.value_size);
	note->time_ms = time_ms;
	note->number = ++shard->number;
}

bool notes_find(struct notes *notes, struct view name, void *value)
{
	struct shard *shard = shard_of(notes, name);
	LOCK_SCOPE(&shard->lock);
	const struct note *note = (const struct note *)map_get(&shard->notes, name);
	if (note != NULL)
		mem_copy(value, notes->options.value_size, note->value, notes->options.value_size);
	return note != NULL;
}

size_t notes_pending(struct notes *notes)
{
	size_t count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		LOCK_SCOPE(&notes->shards[i].lock);
		count += notes->shards[i].notes.count;
	}
	return count;
}

/* --- the writing thread --- */

static void take_note(const struct notes *notes, struct shard *shard, const struct note *note,
		      struct round *round)
{
	size_t size = notes->options.value_size;
	struct taken *taken = &round->taken[round->count];
	mem_copy(&round->values[round->count++ * size], size, note->value, size);
	taken->shard = shard;
	taken->number = note->number;
	taken->name_len = note->name_len;
	mem_copy(taken->name, sizeof taken->name, note->name, note->name_len);
}

static void take_shard(const struct notes *notes, struct shard *shard, struct round *round)
{
	LOCK_SCOPE(&shard->lock);
	const struct note *note;
	for (size_t at = 0; (note = (const struct note *)map_next(&shard->notes, &at)) != NULL;) {
		if (round->count == round->room)
			return; /* noted meanwhile: in the next round */
		take_note(notes, shard, note, round);
	}
}

static struct err take_all(struct notes *notes, struct round *round)
{
	round->room = notes_pending(notes);
	if (round->room == 0)
		return OK;
	TRY(mem_alloc_array(round->room, notes->options.value_size, (void **)&round->values));
	TRY(MEM_NEW_ARRAY(round->room, &round->taken));
	for (size_t i = 0; i < SHARDS; i++)
		take_shard(notes, &notes->shards[i], round);
	return OK;
}

/* The store has it. What was noted since is still to be written. */
static void settle(const struct taken *taken)
{
	struct view name = view_of(taken->name, taken->name_len);
	struct shard *shard = taken->shard;
	LOCK_SCOPE(&shard->lock);
	struct note *note = (struct note *)map_get(&shard->notes, name);
	if (note == NULL || note->number != taken->number)
		return;
	(void)map_remove(&shard->notes, name);
	mem_free(note);
}

static struct err save_part(struct notes *notes, const struct round *round, size_t from)
{
	const struct notes_options *options = &notes->options;
	size_t count = MIN_OF(round->count - from, (size_t)SAVED_AT_ONCE_MAX);
	TRY(options->save(options->user, &round->values[from * options->value_size], count));
	for (size_t i = from; i < from + count; i++)
		settle(&round->taken[i]);
	return OK;
}

/* What is not written stays noted, and is written by a later round. */
static struct err write_all(struct notes *notes)
{
	CLEANUP(round_cleanup) struct round round = {0};
	TRY(take_all(notes, &round));
	for (size_t from = 0; from < round.count; from += SAVED_AT_ONCE_MAX)
		TRY(save_part(notes, &round, from));
	return OK;
}

/* false: this is the last round. */
static bool pause_writing(struct notes *notes)
{
	uint32_t interval_ms = notes->options.interval_ms;
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += interval_ms / 1000;
	until.tv_nsec += (long)(interval_ms % 1000) * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	LOCK_SCOPE(&notes->lock);
	while (!notes->stopping)
		if (pthread_cond_timedwait(&notes->wake, &notes->lock, &until) == ETIMEDOUT)
			break;
	return !notes->stopping;
}

static void *serve(void *arg)
{
	struct notes *notes = (struct notes *)arg;
	bool failing = false;
	for (bool on = true; on;) {
		on = pause_writing(notes);
		struct err e = write_all(notes);
		if (err_failed(e) && !failing)
			log_event(LOG_WARNING, notes->options.event,
				  LOG_NUMBER("keys", notes_pending(notes)), LOG_ERR(e));
		failing = err_failed(e);
	}
	return NULL;
}

static struct err make_shards(struct notes *notes)
{
	for (; notes->made < SHARDS; notes->made++) {
		struct shard *shard = &notes->shards[notes->made];
		TRY(map_init(&shard->notes));
		(void)pthread_mutex_init(&shard->lock, NULL);
	}
	return OK;
}

static struct err start_thread(struct notes *notes)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&notes->lock, NULL);
	(void)pthread_cond_init(&notes->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	int failed = pthread_create(&notes->thread, NULL, serve, notes);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	notes->running = true;
	return OK;
}

NODISCARD struct err notes_start(const struct notes_options *options, struct notes **out)
{
	CLEANUP(notes_stop) struct notes *notes = NULL;
	TRY(MEM_NEW(&notes));
	notes->options = *options;
	TRY(make_shards(notes));
	TRY(start_thread(notes));
	*out = TAKE(notes);
	return OK;
}

static void end_thread(struct notes *notes)
{
	pthread_mutex_lock(&notes->lock);
	notes->stopping = true;
	(void)pthread_cond_signal(&notes->wake);
	pthread_mutex_unlock(&notes->lock);
	(void)pthread_join(notes->thread, NULL);
	(void)pthread_cond_destroy(&notes->wake);
	(void)pthread_mutex_destroy(&notes->lock);
}

static void free_shard(struct shard *shard)
{
	struct note *note;
	for (size_t at = 0; (note = (struct note *)map_next(&shard->notes, &at)) != NULL;)
		mem_free(note);
	map_cleanup(&shard->notes);
	(void)pthread_mutex_destroy(&shard->lock);
}

void notes_stop(struct notes **notes)
{
	if (*notes == NULL)
		return;
	if ((*notes)->running)
		end_thread(*notes);
	for (size_t i = 0; i < (*notes)->made; i++)
		free_shard(&(*notes)->shards[i]);
	mem_free(TAKE(*notes));
}
