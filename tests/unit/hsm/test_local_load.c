/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, full queues, deadlines, and closing in the middle of it. */
#include "test_local_token.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"

#define THREADS 8
#define ROUNDS 40
#define FLOOD 200

static struct token token;
static struct hsm_object version;

static void open_with(enum token_kind kind, uint32_t lanes, uint32_t queue_max)
{
	token_make(&token, kind);
	token.options.lanes = lanes;
	token.options.queue_max = queue_max;
	token.options.message_key_messages = 5;
	token.options.message_key_cache = 8;
	token_open(&token);
	assert_ok(make_key(token.hsm, 1, HSM_ROLE_VERSION, &version));
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static void *seal_and_open(void *argument)
{
	struct err *result = (struct err *)argument;
	struct hsm_sealing s = sealing_of(&version);
	for (int i = 0; i < ROUNDS && !err_failed(*result); i++) {
		CLEANUP(buf_cleanup) struct buf sealed = {0};
		*result = seal_text(token.hsm, &s, "text", &sealed);
		if (!err_failed(*result))
			*result = open_text(token.hsm, &s, buf_view(&sealed), "text");
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[THREADS];
	struct err results[THREADS];
	for (int i = 0; i < THREADS; i++) {
		results[i] = OK;
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open, &results[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_ok(results[i]);
	struct hsm_status status;
	hsm_status(token.hsm, &status);
	assert_int_equal(status.operations, THREADS * ROUNDS * 2 + 1);
	assert_int_equal(status.failures, 0);
	assert_int_equal(atomic_load(&token.watch.operations), status.operations);
}

static void many_threads_on_softhsm(UNUSED void **state)
{
	open_with(TOKEN_SOFTHSM, 4, 0);
	run_threads();
}

static void many_threads_on_nss(UNUSED void **state)
{
	open_with(TOKEN_NSS, 4, 0);
	run_threads();
}

/* Counts what becomes of operations that nobody waits for. */
struct tally {
	pthread_mutex_t lock;
	pthread_cond_t all;
	int ended;
	int ok;
	int busy;
	int cancelled;
	int timeout;
	int other;
};

static struct tally tally;

static void tally_start(void)
{
	tally = (struct tally){
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, 0, 0};
}

static int *place_of(struct err result)
{
	if (!err_failed(result))
		return &tally.ok;
	if (err_is(result, E_BUSY))
		return &tally.busy;
	if (err_is(result, E_CANCELLED))
		return &tally.cancelled;
	return err_is(result, E_HSM_TIMEOUT) ? &tally.timeout : &tally.other;
}

static void note(struct hsm_op *op, struct err result)
{
	hsm_op_cleanup(op);
	LOCK_SCOPE(&tally.lock);
	tally.ended++;
	(*place_of(result))++;
	(void)pthread_cond_signal(&tally.all);
}

static void wait_for_all(int count)
{
	LOCK_SCOPE(&tally.lock);
	while (tally.ended < count)
		(void)pthread_cond_wait(&tally.all, &tally.lock);
}

static struct hsm_op flood[FLOOD];

static void submit(size_t count, int64_t deadline_in_ms)
{
	tally_start();
	for (size_t i = 0; i < count; i++) {
		flood[i] = op_of(HSM_GENERATE_SEALED);
		flood[i].deadline_ms = clock_steady_ms(&clock_system) + deadline_in_ms;
		flood[i].to = sealing_of(&version);
		flood[i].length = 32;
		flood[i].done = note;
		hsm_submit(token.hsm, &flood[i]);
	}
}

static void a_full_queue_says_so(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 1, 3);
	token_shim(&token, "C_Encrypt delay=500 times=1");
	submit(10, 10000);
	wait_for_all(10);
	assert_true(tally.busy >= 6 && tally.busy <= 7); /* three wait, one may be on the lane */
	assert_int_equal(tally.ok, 10 - tally.busy);
}

static void what_waits_too_long_is_not_begun(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 1, 0);
	token_shim(&token, "C_Encrypt delay=1000 times=1");
	submit(5, 500);
	wait_for_all(5);
	assert_int_equal(tally.timeout, 4);
	assert_int_equal(tally.ok, 1); /* begun in time; its caller decides what it is worth */
}

static void closing_under_load_ends_every_operation_once(UNUSED void **state)
{
	open_with(TOKEN_SOFTHSM, 2, 0);
	submit(FLOOD, 10000);
	token_close(&token);
	assert_int_equal(tally.ended, FLOOD);
	assert_int_equal(tally.ok + tally.cancelled, FLOOD);
}

static void closing_while_the_token_is_away_does_not_wait_for_it(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 1, 0);
	token_shim(&token, "C_Encrypt ckr=0x30 times=1\nC_GetSlotList ckr=0x30");
	submit(3, 10000);
	wait_for_all(3);
	assert_int_equal(tally.other, 3);
	int64_t before = clock_steady_ms(&clock_system);
	token_close(&token);
	assert_true(clock_steady_ms(&clock_system) - before < 2000);
}

static void the_watch_shows_what_a_lane_is_in(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 1, 0);
	assert_int_equal(atomic_load(&token.watch.deadline_ms[0]), 0);
	token_shim(&token, "C_Encrypt delay=300 times=1");
	submit(1, 10000);
	int64_t seen = 0;
	while (seen == 0 && atomic_load(&token.watch.operations) < 2) {
		seen = atomic_load(&token.watch.deadline_ms[0]);
		(void)sched_yield();
	}
	assert_int_equal(seen, flood[0].deadline_ms);
	wait_for_all(1);
	assert_int_equal(atomic_load(&token.watch.deadline_ms[0]), 0);
}

/* Keys come and go while others are in use. */
static void *make_and_destroy(UNUSED void *argument)
{
	for (uint8_t i = 0; i < 10; i++) {
		struct hsm_object o;
		struct err e = make_key(token.hsm, (uint8_t)(100 + i), HSM_ROLE_VERSION, &o);
		struct hsm_op op = op_of(HSM_KEY_DESTROY);
		op.object = o;
		if (err_failed(e) || err_failed(hsm_call(token.hsm, &op)))
			return &tally;
	}
	return NULL;
}

static void keys_come_and_go_under_load(UNUSED void **state)
{
	open_with(TOKEN_SOFTHSM, 2, 0);
	pthread_t maker;
	pthread_t sealer;
	struct err result = OK;
	void *failed = NULL;
	assert_int_equal(pthread_create(&maker, NULL, make_and_destroy, NULL), 0);
	assert_int_equal(pthread_create(&sealer, NULL, seal_and_open, &result), 0);
	assert_int_equal(pthread_join(maker, &failed), 0);
	assert_int_equal(pthread_join(sealer, NULL), 0);
	assert_null(failed);
	assert_ok(result);
}

static void a_slow_creation_does_not_hold_up_sealing(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 1, 0);
	token_shim(&token, "C_GenerateKey delay=1500 times=1");
	tally_start();
	struct hsm_op slow = op_of(HSM_KEY_GENERATE);
	slow.object = version;
	slow.object.id = id_of(50);
	slow.done = note;
	hsm_submit(token.hsm, &slow);
	struct hsm_sealing s = sealing_of(&version);
	CLEANUP(buf_cleanup) struct buf sealed = {0};
	assert_ok(seal_text(token.hsm, &s, "text", &sealed));
	assert_int_equal(tally.ended, 0);
	wait_for_all(1);
	assert_int_equal(tally.ok, 1);
}

/* Goes on while the token is away, so that the faults behind the first are met, too. */
static void *seal_and_open_on(void *argument)
{
	enum { TRIES = 10000 };
	struct err *result = (struct err *)argument;
	struct hsm_sealing s = sealing_of(&version);
	for (int i = 0, tries = 0; i < ROUNDS && tries < TRIES; tries++) {
		CLEANUP(buf_cleanup) struct buf sealed = {0};
		struct err e = seal_text(token.hsm, &s, "text", &sealed);
		if (!err_failed(e))
			e = open_text(token.hsm, &s, buf_view(&sealed), "text");
		if (err_failed(e) && !err_is(e, E_HSM_AWAY))
			*result = e;
		if (err_failed(e))
			(void)usleep(1000);
		else
			i++;
	}
	return NULL;
}

/* Recovery in the middle of traffic: nothing is lost, nothing is mixed up. */
static void the_token_goes_and_comes_under_load(UNUSED void **state)
{
	open_with(TOKEN_SHIM, 4, 0);
	token_shim(&token, "C_Encrypt ckr=0x30 from=20 times=1\nC_Decrypt ckr=0x101 from=70 "
			   "times=1\nC_DecryptInit ckr=0xb3 from=30 times=3");
	pthread_t threads[THREADS];
	struct err results[THREADS];
	for (int i = 0; i < THREADS; i++) {
		results[i] = OK;
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open_on, &results[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_ok(results[i]);
	struct hsm_status status;
	hsm_status(token.hsm, &status);
	assert_true(status.generation >= 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
		TEST(many_threads_on_softhsm),
		TEST(many_threads_on_nss),
		TEST(a_full_queue_says_so),
		TEST(what_waits_too_long_is_not_begun),
		TEST(closing_under_load_ends_every_operation_once),
		TEST(closing_while_the_token_is_away_does_not_wait_for_it),
		TEST(the_watch_shows_what_a_lane_is_in),
		TEST(keys_come_and_go_under_load),
		TEST(a_slow_creation_does_not_hold_up_sealing),
		TEST(the_token_goes_and_comes_under_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
