/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments may go, in which order, and that each is recorded before it goes. */
#include "audit/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/unit/audit/fixture.h"

#define DAY_S 86400
#define NAMED_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, of name_of() */
#define ROUND_MS 20
#define PATIENCE_ROUNDS 250

static struct audit_log *audit;
static struct audit_keeper *keeper;
static _Atomic int64_t needed = AUDIT_NOTHING_NEEDED;
static atomic_bool unknown, untrusted;
static _Atomic int64_t flapped; /* how much less the trusted reading is */
static char content[1 << 20];

static struct err needed_since(void *user, int64_t *ms)
{
	(void)user;
	if (unknown)
		return ERR(E_STORE);
	*ms = needed;
	return OK;
}

static struct err clock_trusted(void *user, int64_t *now_ms)
{
	(void)user;
	REQUIRE(!untrusted, E_CLOCK_UNTRUSTED);
	*now_ms = clock_real_ms(&clock_system) - flapped;
	return OK;
}

static atomic_bool immutable; /* segments */

int __real_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags);

int __wrap_unlinkat(int directory, const char *name, int flags)
{
	if (!immutable)
		return __real_unlinkat(directory, name, flags);
	errno = EPERM;
	return -1;
}

static const char *name_of(int sequence)
{
	static char name[SEGMENT_NAME_MAX];
	(void)snprintf(name, sizeof name, "audit-20260101T000000Z-%06d.jsonl", sequence);
	return name;
}

/* A complete segment of one MiB whose last record is so many days old. */
static void put_segment(int sequence, int days)
{
	char path[160];
	struct timespec times[2] = {{0}, {0}};
	memset(content, 'x', sizeof content - 1);
	content[sizeof content - 1] = '\n';
	fixture_write_file(name_of(sequence), content, sizeof content);
	(void)clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= (time_t)days * DAY_S;
	times[0] = times[1];
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, name_of(sequence));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool there(const char *name)
{
	char path[160];
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, name);
	return access(path, F_OK) == 0;
}

static int setup(void **state)
{
	needed = AUDIT_NOTHING_NEEDED;
	unknown = false;
	untrusted = false;
	flapped = 0;
	int failed = fixture_setup(state);
	for (int i = 1; i <= 4; i++)
		put_segment(i, 10 * (5 - i)); /* 40, 30, 20, 10 days */
	put_segment(5, 0);
	return failed;
}

static void start(struct audit_retention retention)
{
	const struct audit_log_options options = {
		.directory = fixture_directory, .segment_bytes = 1 << 20, .clock = &clock_system};
	assert_int_equal(audit_log_open(&options, &audit).code, E_OK);
	const struct audit_keeper_options keeping = {.log = audit,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = retention,
						     .interval_ms = ROUND_MS,
						     .needed_since = needed_since,
						     .clock_trusted = clock_trusted,
						     .clock = &clock_system};
	assert_int_equal(audit_keeper_start(&keeping, &keeper).code, E_OK);
}

static int teardown(void **state)
{
	audit_keeper_stop(&keeper);
	audit_log_close(&audit);
	return fixture_teardown(state);
}

static void pause_for(unsigned rounds)
{
	(void)usleep(rounds * ROUND_MS * 1000);
}

static struct audit_keeper_report after_removing(uint64_t count)
{
	struct audit_keeper_report report = {0};
	for (int i = 0; i < PATIENCE_ROUNDS && report.removed < count; i++) {
		pause_for(1);
		audit_keeper_report(keeper, &report);
	}
	pause_for(3); /* and not one more */
	audit_keeper_report(keeper, &report);
	assert_int_equal(report.removed, count);
	return report;
}

static void without_rules_everything_stays(void **state)
{
	(void)state;
	start((struct audit_retention){0});
	struct audit_keeper_report report = after_removing(0);
	assert_int_equal(report.segments, 5);
	assert_int_equal(report.oldest_ms, NAMED_MS);
	assert_true(there(name_of(1)));
}

static void what_is_too_old_goes_and_is_recorded(void **state)
{
	(void)state;
	start((struct audit_retention){.keep_days = 25});
	struct audit_keeper_report report = after_removing(2);
	assert_false(there(name_of(1)));
	assert_false(there(name_of(2)));
	assert_true(there(name_of(3)));
	assert_int_equal(report.segments, 4); /* the records began a new one */
	size_t len = 0;
	const char *text = fixture_read_log(&len);
	const char *record = strstr(text, "\"eventName\":\"DeleteAuditSegment\"");
	assert_non_null(record);
	assert_non_null(strstr(text, "\"eventType\":\"AwsServiceEvent\""));
	assert_non_null(strstr(text, "\"segment\":\"audit-20260101T000000Z-000002.jsonl\","
				     "\"bytes\":1048576,\"rule\":\"keep_days\""));
}

static void what_is_too_much_goes_oldest_first(void **state)
{
	(void)state;
	start((struct audit_retention){.keep_bytes = (4 << 20) + (1 << 19)});
	(void)after_removing(2);
	assert_false(there(name_of(2)));
	assert_true(there(name_of(3)));
}

static void the_current_one_stays_whatever_the_rules_say(void **state)
{
	(void)state;
	start((struct audit_retention){.keep_bytes = 1, .keep_days = 1});
	pause_for(10);
	char newest[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	fixture_newest(newest, &sequence);
	assert_true(sequence > 5);
	assert_true(there(newest));
	assert_int_equal(audit_log_append_wait(audit, VIEW_LITERAL("{\"still\":1}")).code, E_OK);
}

static void what_the_outbox_may_look_for_stays(void **state)
{
	(void)state;
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	needed = ((int64_t)now.tv_sec - 25 * DAY_S) * 1000;
	start((struct audit_retention){.keep_bytes = 1});
	(void)after_removing(2); /* 40 and 30 days old */
	assert_true(there(name_of(3)));
	needed = AUDIT_NOTHING_NEEDED;
	for (int i = 0; i < PATIENCE_ROUNDS && there(name_of(3)); i++)
		pause_for(1);
	assert_false(there(name_of(3)));
}

static void an_outbox_that_cannot_be_asked_keeps_everything(void **state)
{
	(void)state;
	unknown = true;
	start((struct audit_retention){.keep_days = 1});
	struct audit_keeper_report report = after_removing(0);
	assert_int_equal(report.last.code, E_STORE);
	assert_true(there(name_of(1)));
}

static void a_clock_that_is_not_trusted_keeps_what_is_old(void **state)
{
	(void)state;
	untrusted = true;
	start((struct audit_retention){.keep_days = 25});
	struct audit_keeper_report report = after_removing(0);
	assert_int_equal(report.last.code, E_CLOCK_UNTRUSTED);
	assert_true(there(name_of(1)));
	untrusted = false;
	report = after_removing(2);
	assert_int_equal(report.last.code, E_OK);
}

static void ages_are_told_by_the_reading_that_is_trusted(void **state)
{
	(void)state;
	flapped = 10 * INT64_C(86400000);
	start((struct audit_retention){.keep_days = 25});
	assert_int_equal(after_removing(1).last.code, E_OK);
	assert_true(there(name_of(2))); /* 30 days by the other */
}

static void size_counts_whatever_the_clock_shows(void **state)
{
	(void)state;
	untrusted = true;
	start((struct audit_retention){.keep_days = 1, .keep_bytes = (4 << 20) + (1 << 19)});
	struct audit_keeper_report report = after_removing(2);
	assert_int_equal(report.last.code, E_CLOCK_UNTRUSTED);
	assert_true(there(name_of(3)));
}

/* Without a rule about age nobody asks. */
static void size_alone_asks_no_clock(void **state)
{
	(void)state;
	untrusted = true;
	start((struct audit_retention){.keep_bytes = (4 << 20) + (1 << 19)});
	assert_int_equal(after_removing(2).last.code, E_OK);
}

static void other_rules_count_at_once(void **state)
{
	(void)state;
	start((struct audit_retention){0});
	(void)after_removing(0);
	audit_keeper_set(keeper, &(struct audit_retention){.keep_days = 35});
	(void)after_removing(1);
	assert_false(there(name_of(1)));
}

static void what_was_cut_off_goes_with_its_segment(void **state)
{
	(void)state;
	char torn[SEGMENT_NAME_MAX + 8], index[SEGMENT_NAME_MAX + 8];
	(void)snprintf(torn, sizeof torn, "%s.torn", name_of(1));
	(void)snprintf(index, sizeof index, "%s.index", name_of(1));
	fixture_write_file(index, "derived", 7);
	fixture_write_file(torn, "half", 4);
	start((struct audit_retention){.keep_days = 35});
	(void)after_removing(1);
	assert_false(there(torn));
	assert_false(there(index));
}

static size_t records_of_removals(void)
{
	static const char event[] = "\"eventName\":\"DeleteAuditSegment\"";
	size_t count = 0, len = 0;
	for (const char *at = fixture_read_log(&len); (at = strstr(at, event)) != NULL; at++)
		count++;
	return count;
}

/* As an immutable file does (chattr +i). */
static void one_that_cannot_be_removed_is_recorded_once(void **state)
{
	(void)state;
	immutable = true;
	start((struct audit_retention){.keep_days = 35});
	struct audit_keeper_report report = after_removing(0);
	for (int i = 0; i < PATIENCE_ROUNDS && !err_failed(report.last); i++)
		report = after_removing(0);
	assert_int_equal(report.last.code, E_AUDIT);
	pause_for(10);
	assert_true(there(name_of(1)));
	assert_int_equal(records_of_removals(), 1);
	immutable = false;
	(void)after_removing(1);
	assert_false(there(name_of(1)));
	assert_int_equal(records_of_removals(), 1);
}

static void a_disk_with_less_than_the_bound_is_nearly_full(void **state)
{
	(void)state;
	start((struct audit_retention){.warn_free_bytes = UINT64_MAX});
	struct audit_keeper_report report = after_removing(0);
	assert_true(report.nearly_full);
	assert_true(report.free_bytes > 0);
	audit_keeper_set(keeper, &(struct audit_retention){.warn_free_bytes = 1});
	pause_for(5);
	audit_keeper_report(keeper, &report);
	assert_false(report.nearly_full);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_everything_stays),
		TEST(what_is_too_old_goes_and_is_recorded),
		TEST(what_is_too_much_goes_oldest_first),
		TEST(the_current_one_stays_whatever_the_rules_say),
		TEST(what_the_outbox_may_look_for_stays),
		TEST(an_outbox_that_cannot_be_asked_keeps_everything),
		TEST(a_clock_that_is_not_trusted_keeps_what_is_old),
		TEST(ages_are_told_by_the_reading_that_is_trusted),
		TEST(size_counts_whatever_the_clock_shows),
		TEST(size_alone_asks_no_clock),
		TEST(other_rules_count_at_once),
		TEST(what_was_cut_off_goes_with_its_segment),
		TEST(one_that_cannot_be_removed_is_recorded_once),
		TEST(a_disk_with_less_than_the_bound_is_nearly_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
