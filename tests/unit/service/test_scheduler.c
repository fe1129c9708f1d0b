/* SPDX-License-Identifier: Apache-2.0 */
/* Due work is done by itself: once, in order, paced; what fails waits, and what is away delays. */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "breakage.h"
#include "lives.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/scheduler.h"
#include "the_world.h"

#define PERIOD_DAYS 365
#define PERIOD_MS (PERIOD_DAYS * WORLD_DAY_MS)
#define INTERVAL_MS 20

static void watch_agenda(struct kms_agenda_ops *ops);

struct world world = {.adjust = breakage_adjust,
		      .adjust_agenda = watch_agenda,
		      .due_interval_ms = INTERVAL_MS,
		      .due_share_percent = 100};

static struct scheduler_report report(void)
{
	struct scheduler_report now;
	scheduler_report(world.first.service->scheduler, &now);
	return now;
}

/* --- the agenda, watched --- */

static struct kms_agenda_ops agenda;
static atomic_uint rounds;
static atomic_bool agenda_away;

static struct err due_list(void *self, const struct kms_due_query *query, struct kms_due **out,
			   size_t *count)
{
	REQUIRE(!atomic_load(&agenda_away), E_STORE);
	atomic_fetch_add(&rounds, query->kind == KMS_DUE_EXPIRY); /* the last of a round */
	return agenda.due_list(self, query, out, count);
}

static struct err due_count(void *self, const struct kms_due_query *query,
			    struct kms_due_count *out)
{
	REQUIRE(!atomic_load(&agenda_away), E_STORE);
	return agenda.due_count(self, query, out);
}

static void watch_agenda(struct kms_agenda_ops *ops)
{
	if (agenda.due_list == NULL) /* once: threads of the first service read it */
		agenda = *ops;
	ops->due_list = due_list;
	ops->due_count = due_count;
}

/* Some whole rounds more have passed. */
static void await_rounds(void)
{
	unsigned wanted = atomic_load(&rounds) + 3;
	for (unsigned i = 0; i < 1000 && atomic_load(&rounds) < wanted; i++) {
		scheduler_wake(world.first.service->scheduler);
		(void)usleep(10000);
	}
	assert_true(atomic_load(&rounds) >= wanted);
}

/* The count is the last thing that a round does with an act. */
static void await_done(uint64_t wanted)
{
	for (unsigned i = 0; i < 1000 && report().done[KMS_DUE_ROTATION] < wanted; i++)
		(void)usleep(10000);
	assert_int_equal(report().done[KMS_DUE_ROTATION], wanted);
}

static int mend(UNUSED void **state)
{
	break_nothing();
	atomic_store(&agenda_away, false);
	world_break_audit(false);
	for (unsigned i = 0; i < 500 && !audit_log_healthy(world.first.audit); i++)
		(void)usleep(10000);
	life_end_all(&world);
	await_rounds();
	return 0;
}

/* --- as it should be --- */

static void test_what_is_due_is_done_once_and_counted(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	uint64_t done = report().done[KMS_DUE_ROTATION];
	uint64_t counted = metric_get(METRIC_DUE_DONE, METRIC_DUE_ROTATION, 0);
	await_rounds();
	assert_int_equal(life_versions(&world, &key), 1);
	world_advance(PERIOD_MS);
	await_done(done + 1);
	await_rounds();
	life_assert_whole(&world, &key, 2);
	assert_int_equal(report().done[KMS_DUE_ROTATION], done + 1);
	assert_int_equal(metric_get(METRIC_DUE_DONE, METRIC_DUE_ROTATION, 0), counted + 1);
	assert_int_equal(metric_get(METRIC_DUE, METRIC_DUE_ROTATION, 0), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

/* Where each is in the audit log: an act waits for its record. */
static size_t place_of(const char *log, const char *id)
{
	char text[128];
	assert_ok(text_format(text, sizeof text, "\"rotationType\":\"AUTOMATIC\",\"keyId\":\"%s\"",
			      id));
	const char *at = strstr(log, text);
	assert_non_null(at);
	return (size_t)(at - log);
}

static void test_those_due_longest_go_first(UNUSED void **state)
{
	enum { COUNT = 4 };
	char ids[COUNT][KMS_KEY_ID_TEXT + 1];
	struct kms_key_id keys[COUNT];
	static const uint32_t days[COUNT] = {94, 91, 93, 92};
	static const size_t order[COUNT] = {1, 3, 2, 0};
	for (size_t i = 0; i < COUNT; i++)
		keys[i] = life_begin(&world, days[i], ids[i]);
	break_token_off(true);
	world_advance(100 * WORLD_DAY_MS);
	await_rounds();
	break_nothing();
	for (size_t i = 0; i < COUNT; i++)
		life_await_versions(&world, &keys[i], 2);
	await_rounds();
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	for (size_t i = 1; i < COUNT; i++)
		assert_true(place_of(log, ids[order[i - 1]]) < place_of(log, ids[order[i]]));
}

static void test_what_is_due_after_a_downtime_is_caught_up(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	life_restart(&world, 10 * PERIOD_MS);
	life_await_versions(&world, &key, 2);
	await_rounds();
	life_assert_whole(&world, &key, 2);
}

static void await_record(const char *event, const char *id)
{
	for (unsigned i = 0; i < 500 && life_records(&world, event, id) == 0; i++)
		(void)usleep(10000);
	assert_int_equal(life_records(&world, event, id), 1);
}

/* Of whatever kind: the window was over eleven months before the period was. */
static void test_the_kinds_of_one_round_go_by_their_dates(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], doomed[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply scheduled;
	(void)life_begin(&world, PERIOD_DAYS, id);
	world_create_key(&world, "{}", doomed);
	assert_ok(clock_trust_accept(world.first.service->clock_trust, NULL));
	world_call(&world, &scheduled, "ScheduleKeyDeletion", "{\"KeyId\":\"%s\"}", doomed);
	assert_status(&scheduled, 200);
	life_restart(&world, PERIOD_MS);
	await_record("DeleteKey", doomed);
	await_record("RotateKey", id);
	CLEANUP(mem_free_at) char *log = world_audit(&world.first);
	const char *deleted = strstr(log, "\"eventName\":\"DeleteKey\"");
	assert_non_null(deleted);
	assert_true((size_t)(deleted - log) < place_of(log, id));
}

/* --- what fails, and what is away --- */

static uint32_t attempts_at(const struct kms_key_id *id)
{
	const struct kms_agenda port = store_sqlite_agenda(world.first.store);
	const struct kms_claim claim = {
		.kind = KMS_DUE_ROTATION, .scope = world.installation.scope, .key_id = *id};
	uint32_t attempts = 0;
	struct err e = port.ops->claim_attempts(port.self, &claim, &attempts);
	assert_true(!err_failed(e) || err_is(e, E_NOT_FOUND));
	return attempts;
}

static void test_what_fails_is_tried_again_later_each_time(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	static const int64_t waits_ms[] = {5000, 10000, 20000};
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	uint64_t failed = report().failed[KMS_DUE_ROTATION];
	break_token(HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_REFUSED);
	world_advance(PERIOD_MS);
	for (uint32_t i = 0; i < ARRAY_LEN(waits_ms); i++) {
		for (unsigned n = 0; n < 500 && attempts_at(&key) == i; n++)
			(void)usleep(10000);
		await_rounds();
		assert_int_equal(attempts_at(&key), i + 1);
		assert_int_equal(report().failed[KMS_DUE_ROTATION], failed + i + 1);
		assert_int_equal(report().kinds[KMS_DUE_ROTATION].failed, 1);
		assert_int_equal(report().worst.attempts, i + 1);
		assert_string_equal(report().worst.error, "E_HSM_REFUSED");
		world_advance(waits_ms[i] - 3000); /* the test itself takes time */
		await_rounds();
		assert_int_equal(attempts_at(&key), i + 1);
		if (i + 1 < ARRAY_LEN(waits_ms))
			break_token(HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_REFUSED);
		world_advance(3000);
	}
	life_await_versions(&world, &key, 2);
	await_rounds();
	assert_int_equal(attempts_at(&key), 0);
	assert_int_equal(report().kinds[KMS_DUE_ROTATION].failed, 0);
	assert_int_equal(report().worst.attempts, 0);
	life_assert_whole(&world, &key, 2);
}

/* Another key is not held up by one that fails. */
static void test_what_fails_holds_up_nothing_else(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], other_id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS - 1, id);
	struct kms_key_id other = life_begin(&world, PERIOD_DAYS, other_id);
	break_token(HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_REFUSED);
	world_advance(PERIOD_MS);
	life_await_versions(&world, &other, 2);
	assert_int_equal(life_versions(&world, &key), 1);
	world_advance(10000);
	life_await_versions(&world, &key, 2);
}

static void test_a_token_that_is_away_delays_and_fails_nothing(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	uint64_t failed = report().failed[KMS_DUE_ROTATION];
	break_token_off(true);
	world_advance(PERIOD_MS);
	await_rounds();
	await_rounds();
	assert_int_equal(attempts_at(&key), 0);
	assert_int_equal(report().failed[KMS_DUE_ROTATION], failed);
	assert_int_equal(report().kinds[KMS_DUE_ROTATION].due, 1);
	assert_int_equal(err_category(report().held[KMS_DUE_ROTATION]), ERR_UNAVAILABLE);
	assert_int_equal(life_records(&world, "RotateKey", id), 0);
	break_token_off(false);
	life_await_versions(&world, &key, 2);
	await_rounds();
	assert_false(err_failed(report().held[KMS_DUE_ROTATION]));
}

static void test_an_audit_log_that_fails_delays_and_fails_nothing(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	uint64_t failed = report().failed[KMS_DUE_ROTATION];
	size_t objects = life_objects(&world);
	world_break_audit(true);
	CLEANUP(reply_cleanup) struct reply refused;
	world_call(&world, &refused, "DescribeKey", "{\"KeyId\":\"%s\"}", id);
	world_advance(PERIOD_MS);
	await_rounds();
	assert_int_equal(life_versions(&world, &key), 1);
	assert_int_equal(life_objects(&world), objects);
	assert_int_equal(report().failed[KMS_DUE_ROTATION], failed);
	world_break_audit(false);
	life_await_versions(&world, &key, 2);
}

static void test_a_store_that_is_away_is_told_and_caught_up(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	atomic_store(&agenda_away, true);
	world_advance(PERIOD_MS);
	for (unsigned i = 0; i < 500 && !err_failed(report().store); i++)
		(void)usleep(10000);
	assert_err(report().store, E_STORE);
	assert_int_equal(life_versions(&world, &key), 1);
	atomic_store(&agenda_away, false);
	life_await_versions(&world, &key, 2);
	await_rounds();
	assert_false(err_failed(report().store));
}

/* --- what an operator reads --- */

static int log_file = -1;

static int listen_to_log(UNUSED void **state)
{
	log_file = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_file >= 0);
	log_configure(LOG_FORM_TEXT, LOG_WARNING, log_file);
	return 0;
}

static int leave_log(void **state)
{
	int failed = mend(state);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, STDERR_FILENO);
	(void)close(log_file);
	return failed;
}

static size_t logged(const char *text)
{
	static char all[65536];
	size_t count = 0;
	ssize_t len = pread(log_file, all, sizeof all - 1, 0);
	assert_true(len >= 0);
	all[len] = '\0';
	for (const char *at = strstr(all, text); at != NULL; at = strstr(at + 1, text))
		count++;
	return count;
}

#define PUT_OFF_AWAY "due.put_off kind=\"rotation\" error=\"E_HSM_AWAY\""

static void test_what_is_put_off_is_logged_once(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	break_token_off(true);
	await_rounds();
	assert_int_equal(logged("due.put_off"), 0);
	world_advance(PERIOD_MS);
	await_rounds();
	await_rounds();
	assert_int_equal(logged(PUT_OFF_AWAY), 1);
	break_token_off(false);
	life_await_versions(&world, &key, 2);
}

/* Moving the time of day of a running process is what the clock's judge holds deletions for: they
 * wait, fail nothing, and hold up no rotation. */
static void test_a_clock_that_is_not_trusted_holds_deletions_alone(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], doomed[KMS_KEY_ID_TEXT + 1];
	CLEANUP(reply_cleanup) struct reply scheduled;
	CLEANUP(reply_cleanup) struct reply cancelled;
	uint64_t done = report().done[KMS_DUE_DELETION];
	world_create_key(&world, "{}", doomed);
	world_call(&world, &scheduled, "ScheduleKeyDeletion", "{\"KeyId\":\"%s\"}", doomed);
	assert_status(&scheduled, 200);
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	world_advance(PERIOD_MS);
	life_await_versions(&world, &key, 2);
	await_rounds();
	assert_err(report().held[KMS_DUE_DELETION], E_CLOCK_UNTRUSTED);
	assert_int_equal(report().kinds[KMS_DUE_DELETION].due, 1);
	assert_int_equal(report().failed[KMS_DUE_DELETION], 0);
	assert_int_equal(report().done[KMS_DUE_DELETION], done);
	assert_int_equal(logged("due.put_off kind=\"deletion\" error=\"E_CLOCK_UNTRUSTED\""), 1);
	world_call(&world, &cancelled, "CancelKeyDeletion", "{\"KeyId\":\"%s\"}", doomed);
	assert_status(&cancelled, 200);
}

/* --- the end of the process --- */

/* Its claims outlast it, and with them nothing but time. */
static void test_a_death_amid_an_act_is_caught_up(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	size_t objects = life_objects(&world);
	break_store(STORE_KEY_ROTATE, FAULT_DEAD_BEFORE, E_STORE);
	world_advance(PERIOD_MS);
	for (unsigned i = 0; i < 500 && !break_is_dead(); i++)
		(void)usleep(10000);
	assert_true(break_is_dead());
	life_restart(&world, 120000);
	life_await_versions(&world, &key, 2);
	await_rounds();
	life_assert_whole(&world, &key, 2);
	assert_int_equal(life_objects(&world), objects + 1);
	assert_int_equal(life_intents(&world), 0);
	assert_int_equal(life_records(&world, "RotateKey", id), 1);
}

/* --- several --- */

static void test_two_services_do_each_act_once(UNUSED void **state)
{
	enum { COUNT = 6 };
	static struct world_service second;
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id keys[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		keys[i] = life_begin(&world, PERIOD_DAYS, id);
	world_start(&world, &second, "audit-second");
	size_t objects = life_objects(&world);
	uint64_t done = report().done[KMS_DUE_ROTATION];
	struct scheduler_report other;
	world_advance(PERIOD_MS);
	for (size_t i = 0; i < COUNT; i++)
		life_await_versions(&world, &keys[i], 2);
	await_rounds();
	scheduler_report(second.service->scheduler, &other);
	world_stop(&second);
	assert_int_equal(report().done[KMS_DUE_ROTATION] - done + other.done[KMS_DUE_ROTATION],
			 COUNT);
	for (size_t i = 0; i < COUNT; i++)
		life_assert_whole(&world, &keys[i], 2);
	assert_int_equal(life_objects(&world), objects + COUNT);
	assert_int_equal(life_intents(&world), 0);
}

/* --- pace --- */

static void test_rests_are_in_proportion(UNUSED void **state)
{
	enum { COUNT = 3, SLOW_MS = 10, SHARE = 25 };
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id keys[COUNT];
	for (size_t i = 0; i < COUNT; i++)
		keys[i] = life_begin(&world, PERIOD_DAYS, id);
	struct scheduler_report before = report();
	service_set_due_pace(world.first.service, INTERVAL_MS, SHARE);
	break_token_slow(SLOW_MS);
	int64_t began_ms = clock_steady_ms(&clock_system);
	world_advance(PERIOD_MS);
	for (size_t i = 0; i < COUNT; i++)
		life_await_versions(&world, &keys[i], 2);
	await_rounds();
	int64_t took_ms = clock_steady_ms(&clock_system) - began_ms;
	int64_t busy_ms = report().busy_ms - before.busy_ms;
	int64_t rested_ms = report().rested_ms - before.rested_ms;
	service_set_due_pace(world.first.service, INTERVAL_MS, 100);
	assert_true(busy_ms >= COUNT * SLOW_MS);
	assert_int_equal(rested_ms, busy_ms * (100 - SHARE) / SHARE);
	assert_true(took_ms >= rested_ms); /* and not only counted */
}

static void test_a_rest_does_not_hold_up_the_stop(UNUSED void **state)
{
	enum { SLOW_MS = 2000, SHARE = 1 }; /* a rest of half a minute */
	char id[KMS_KEY_ID_TEXT + 1];
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	service_set_due_pace(world.first.service, INTERVAL_MS, SHARE);
	break_token_slow(SLOW_MS);
	world_advance(PERIOD_MS);
	life_await_versions(&world, &key, 2);
	int64_t began_ms = clock_steady_ms(&clock_system);
	life_restart(&world, 0);
	assert_true(clock_steady_ms(&clock_system) - began_ms < 15000);
	life_assert_whole(&world, &key, 2);
}

static void test_elsewhere_nobody_rests(UNUSED void **state)
{
	struct scheduler_report before = report();
	assert_ok(scheduler_rest(world.first.service->scheduler));
	assert_ok(scheduler_rest(NULL));
	assert_int_equal(report().rested_ms, before.rested_ms);
}

/* --- what else it does --- */

static void test_sessions_that_ended_are_removed_hourly(UNUSED void **state)
{
	await_rounds();
	uint64_t done = report().done[0];
	assert_true(done > 0); /* at the start */
	await_rounds();
	assert_int_equal(report().done[0], done);
	world_add_steady(60 * 60 * 1000);
	await_rounds();
	assert_int_equal(report().done[0], done + 1);
}

static const struct json *due_row(const struct reply *r)
{
	const struct json *rows = json_member(r->json, "Checks");
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		if (view_equal_text(json_string_of(json_member(row, "Name")), "due work"))
			return row;
	}
	fail_msg("no row of due work");
	return NULL;
}

static void read_status(struct reply *out)
{
	const struct twist operator= {.admin = true};
	*out = (struct reply){0};
	world_call_twisted(&world, &operator, "Status", "{}", out);
	assert_status(out, 200);
}

static const char *row_text(const struct reply *r, const char *member)
{
	struct view text = json_string_of(json_member(due_row(r), member));
	return text.len > 0 ? (const char *)text.ptr : "";
}

static void test_the_status_tells_what_is_late_and_why(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1], expected[256];
	CLEANUP(reply_cleanup) struct reply well;
	CLEANUP(reply_cleanup) struct reply due;
	CLEANUP(reply_cleanup) struct reply late;
	CLEANUP(reply_cleanup) struct reply failing;
	struct kms_key_id key = life_begin(&world, PERIOD_DAYS, id);
	read_status(&well);
	assert_string_equal(row_text(&well, "Level"), "ok");
	assert_string_equal(row_text(&well, "Detail"), "0 due, 0 late, 0 failing");
	break_token_off(true);
	world_advance(PERIOD_MS);
	await_rounds();
	read_status(&due);
	assert_string_equal(row_text(&due, "Level"), "ok");
	assert_string_equal(row_text(&due, "Detail"), "1 due, 0 late, 0 failing");
	world_advance(SCHEDULER_LATE_MS);
	await_rounds();
	read_status(&late);
	assert_string_equal(row_text(&late, "Level"), "warning");
	assert_string_equal(row_text(&late, "Detail"),
			    "1 due, 1 late, 0 failing; put off: the token cannot be reached "
			    "[E_HSM_AWAY]");
	assert_non_null(strstr(row_text(&late, "Remedy"), "holdfast-token"));
	break_token(HSM_KEY_GENERATE, FAULT_NOT_DONE, E_HSM_REFUSED);
	break_token_off(false);
	for (unsigned n = 0; n < 500 && attempts_at(&key) == 0; n++)
		(void)usleep(10000);
	await_rounds();
	read_status(&failing);
	assert_ok(text_format(expected, sizeof expected,
			      "1 due, 1 late, 1 failing; rotation of key %s has failed 1 times "
			      "[E_HSM_REFUSED]",
			      id));
	assert_string_equal(row_text(&failing, "Detail"), expected);
	world_advance(10000);
	life_await_versions(&world, &key, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_due_is_done_once_and_counted, mend),
		cmocka_unit_test_teardown(test_those_due_longest_go_first, mend),
		cmocka_unit_test_teardown(test_what_is_due_after_a_downtime_is_caught_up, mend),
		cmocka_unit_test_teardown(test_the_kinds_of_one_round_go_by_their_dates, mend),
		cmocka_unit_test_teardown(test_what_fails_is_tried_again_later_each_time, mend),
		cmocka_unit_test_teardown(test_what_fails_holds_up_nothing_else, mend),
		cmocka_unit_test_teardown(test_a_token_that_is_away_delays_and_fails_nothing, mend),
		cmocka_unit_test_teardown(test_an_audit_log_that_fails_delays_and_fails_nothing,
					  mend),
		cmocka_unit_test_teardown(test_a_store_that_is_away_is_told_and_caught_up, mend),
		cmocka_unit_test_setup_teardown(test_what_is_put_off_is_logged_once, listen_to_log,
						leave_log),
		cmocka_unit_test_setup_teardown(
			test_a_clock_that_is_not_trusted_holds_deletions_alone, listen_to_log,
			leave_log),
		cmocka_unit_test_teardown(test_a_death_amid_an_act_is_caught_up, mend),
		cmocka_unit_test_teardown(test_two_services_do_each_act_once, mend),
		cmocka_unit_test_teardown(test_rests_are_in_proportion, mend),
		cmocka_unit_test_teardown(test_a_rest_does_not_hold_up_the_stop, mend),
		cmocka_unit_test_teardown(test_elsewhere_nobody_rests, mend),
		cmocka_unit_test_teardown(test_sessions_that_ended_are_removed_hourly, mend),
		cmocka_unit_test_teardown(test_the_status_tells_what_is_late_and_why, mend),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
