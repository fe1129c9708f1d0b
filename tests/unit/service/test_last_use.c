/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder of last uses, over a catalog of a few rows that may fail or be slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/last_use.h"

#define ROWS_MAX 4096
#define SINCE_MS 77
#define KEYS_MAX 64
#define INTERVAL_MS 10

static const struct kms_scope home = {"aws", "us-east-1", "111122223333"};

static struct {
	pthread_mutex_t lock;
	struct kms_last_use rows[ROWS_MAX];
	size_t count;
	unsigned saves;
	atomic_bool away;
	struct last_use *noting; /* a use is noted while a save is under way */
} stored = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct kms_last_use use_of(uint16_t key, const char *operation, int64_t time_ms)
{
	struct kms_last_use use = {.scope = home, .time_ms = time_ms};
	use.key_id.bytes[0] = (uint8_t)key;
	use.key_id.bytes[1] = (uint8_t)(key >> 8);
	assert_int_equal(
		text_copy(use.operation, sizeof use.operation, view_of_text(operation)).code, E_OK);
	return use;
}

/* Under the lock. */
static struct kms_last_use *row_of(const struct kms_key_id *id)
{
	for (size_t i = 0; i < stored.count; i++)
		if (kms_key_id_equal(&stored.rows[i].key_id, id))
			return &stored.rows[i];
	return NULL;
}

static struct err save(UNUSED void *self, const struct kms_last_use *uses, size_t count)
{
	REQUIRE(!atomic_load(&stored.away), E_STORE);
	if (stored.noting != NULL) {
		const struct kms_last_use meanwhile = use_of(1, "Decrypt", 2000);
		last_use_note(TAKE(stored.noting), &meanwhile);
	}
	LOCK_SCOPE(&stored.lock);
	stored.saves++;
	for (size_t i = 0; i < count; i++) {
		struct kms_last_use *row = row_of(&uses[i].key_id);
		if (row == NULL) {
			row = &stored.rows[stored.count++];
			*row = (struct kms_last_use){0};
		}
		if (row->time_ms <= uses[i].time_ms)
			*row = uses[i];
	}
	return OK;
}

static struct err load(UNUSED void *self, UNUSED const struct kms_scope *scope,
		       const struct kms_key_id *id, struct kms_last_use *out)
{
	REQUIRE(!atomic_load(&stored.away), E_STORE);
	LOCK_SCOPE(&stored.lock);
	const struct kms_last_use *row = row_of(id);
	REQUIRE(row != NULL, E_NOT_FOUND);
	*out = *row;
	return OK;
}

static struct err since(UNUSED void *self, int64_t *out)
{
	*out = SINCE_MS;
	return OK;
}

static const struct kms_catalog_ops ops = {
	.last_use_save = save, .last_use_load = load, .last_use_since = since};

static struct last_use *start(uint32_t keys_max, uint32_t interval_ms)
{
	const struct last_use_options options = {
		.catalog = {.ops = &ops}, .keys_max = keys_max, .interval_ms = interval_ms};
	struct last_use *recorder = NULL;
	assert_int_equal(last_use_start(&options, &recorder).code, E_OK);
	return recorder;
}

static int set_up(UNUSED void **state)
{
	stored.count = 0;
	stored.saves = 0;
	stored.noting = NULL;
	atomic_store(&stored.away, false);
	return 0;
}

static void note(struct last_use *recorder, uint16_t key, const char *operation, int64_t time_ms)
{
	const struct kms_last_use use = use_of(key, operation, time_ms);
	last_use_note(recorder, &use);
}

static struct last_use_answer answer_of(struct last_use *recorder, uint16_t key)
{
	struct last_use_answer answer;
	const struct kms_last_use use = use_of(key, "", 0);
	assert_int_equal(last_use_find(recorder, &home, &use.key_id, &answer).code, E_OK);
	assert_int_equal(answer.since_ms, SINCE_MS);
	return answer;
}

static bool becomes_written(struct last_use *recorder)
{
	for (unsigned i = 0; i < 400 && last_use_pending(recorder) > 0; i++)
		(void)usleep(5000);
	return last_use_pending(recorder) == 0;
}

static void test_what_is_noted_is_answered_at_once(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, 60000);
	assert_false(answer_of(recorder, 1).used);
	note(recorder, 1, "Encrypt", 1000);
	note(recorder, 2, "ReEncrypt", 1001);
	struct last_use_answer answer = answer_of(recorder, 1);
	assert_true(answer.used);
	assert_string_equal(answer.use.operation, "Encrypt");
	assert_int_equal(answer.use.time_ms, 1000);
	assert_string_equal(answer_of(recorder, 2).use.operation, "ReEncrypt");
	assert_false(answer_of(recorder, 3).used);
	assert_int_equal(stored.saves, 0);
}

static void test_calls_may_end_out_of_order(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, 60000);
	note(recorder, 1, "Decrypt", 2000);
	note(recorder, 1, "Encrypt", 1000);
	assert_string_equal(answer_of(recorder, 1).use.operation, "Decrypt");
	note(recorder, 1, "Encrypt", 2000);
	assert_string_equal(answer_of(recorder, 1).use.operation, "Encrypt");
}

static void test_it_is_written_after_a_while_and_answered_from_the_store(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, INTERVAL_MS);
	note(recorder, 1, "Encrypt", 1000);
	note(recorder, 2, "Decrypt", 1000);
	assert_true(becomes_written(recorder));
	assert_int_equal(stored.count, 2);
	assert_string_equal(answer_of(recorder, 1).use.operation, "Encrypt");
}

static void test_stopping_writes_what_is_left(UNUSED void **state)
{
	struct last_use *recorder = start(KEYS_MAX, 60000);
	note(recorder, 1, "Encrypt", 1000);
	last_use_stop(&recorder);
	assert_null(recorder);
	assert_int_equal(stored.count, 1);
	assert_string_equal(stored.rows[0].operation, "Encrypt");
}

/* Another daemon on the same store used the key later. */
static void test_the_later_of_memory_and_store_is_answered(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, 60000);
	const struct kms_last_use there = use_of(1, "Decrypt", 3000);
	assert_int_equal(save(NULL, &there, 1).code, E_OK);
	note(recorder, 1, "Encrypt", 1000);
	assert_string_equal(answer_of(recorder, 1).use.operation, "Decrypt");
	note(recorder, 1, "Encrypt", 4000);
	assert_string_equal(answer_of(recorder, 1).use.operation, "Encrypt");
}

static void test_a_use_during_a_write_is_not_lost(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, INTERVAL_MS);
	stored.noting = recorder;
	note(recorder, 1, "Encrypt", 1000);
	assert_true(becomes_written(recorder));
	assert_int_equal(stored.saves, 2);
	assert_int_equal(stored.rows[0].time_ms, 2000);
	assert_string_equal(stored.rows[0].operation, "Decrypt");
}

static void test_while_the_store_is_away_notes_wait(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, INTERVAL_MS);
	atomic_store(&stored.away, true);
	note(recorder, 1, "Encrypt", 1000);
	(void)usleep(10 * INTERVAL_MS * 1000);
	assert_int_equal(last_use_pending(recorder), 1);
	struct last_use_answer answer;
	const struct kms_last_use use = use_of(1, "", 0);
	assert_int_equal(last_use_find(recorder, &home, &use.key_id, &answer).code, E_STORE);
	atomic_store(&stored.away, false);
	assert_true(becomes_written(recorder));
	assert_int_equal(stored.count, 1);
}

static void test_notes_are_bounded(UNUSED void **state)
{
	CLEANUP(last_use_stop) struct last_use *recorder = start(KEYS_MAX, 60000);
	for (uint16_t key = 0; key < 20 * KEYS_MAX; key++)
		note(recorder, key, "Encrypt", 1000);
	assert_true(last_use_pending(recorder) >= KEYS_MAX);
	assert_true(last_use_pending(recorder) <= 2 * KEYS_MAX);
	note(recorder, 0, "Decrypt", 2000); /* one that has its place keeps it */
	assert_string_equal(answer_of(recorder, 0).use.operation, "Decrypt");
}

/* --- many threads; how long a note takes is printed --- */

#define WRITERS 4
#define NOTES 50000

static void *note_on(void *arg)
{
	for (int64_t i = 0; i < NOTES; i++)
		note(arg, (uint16_t)(i % 256), "Encrypt", i);
	return NULL;
}

static void test_many_threads_note_while_it_is_written(UNUSED void **state)
{
	struct last_use *recorder = start(1024, INTERVAL_MS);
	pthread_t threads[WRITERS];
	int64_t began_ms = clock_steady_ms(&clock_system);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, note_on, recorder), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	int64_t took_ms = clock_steady_ms(&clock_system) - began_ms;
	print_message("%d notes of %d threads: %lld ns each\n", WRITERS * NOTES, WRITERS,
		      (long long)(took_ms * 1000000 / (WRITERS * NOTES)));
	last_use_stop(&recorder);
	assert_int_equal(stored.count, 256);
	for (size_t i = 0; i < stored.count; i++)
		assert_true(stored.rows[i].time_ms >= NOTES - 256);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_noted_is_answered_at_once),
		TEST(test_calls_may_end_out_of_order),
		TEST(test_it_is_written_after_a_while_and_answered_from_the_store),
		TEST(test_stopping_writes_what_is_left),
		TEST(test_the_later_of_memory_and_store_is_answered),
		TEST(test_a_use_during_a_write_is_not_lost),
		TEST(test_while_the_store_is_away_notes_wait),
		TEST(test_notes_are_bounded),
		TEST(test_many_threads_note_while_it_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
