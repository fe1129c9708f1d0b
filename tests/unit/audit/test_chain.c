/* SPDX-License-Identifier: Apache-2.0 */
/* Every line has its place, whatever happens to disks and processes; and is found by it again. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static struct audit_log *log_open;

static void opened(uint64_t segment_bytes)
{
	const struct audit_log_options options = {.directory = fixture_directory,
						  .segment_bytes = segment_bytes,
						  .clock = &clock_system};
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 8192, .probe_ms = 1};
	assert_false(err_failed(audit_log_open_tuned(&options, &tuning, &log_open)));
}

static struct err append(int number)
{
	char line[64];
	(void)snprintf(line, sizeof line, "{\"number\":%d}", number);
	return audit_log_append_wait(log_open, view_of_text(line));
}

static void appended(int first, int count)
{
	for (int i = first; i < first + count; i++)
		assert_false(err_failed(append(i)));
}

static struct audit_point head(void)
{
	struct audit_point point;
	audit_log_point(log_open, &point);
	return point;
}

static bool has(const struct audit_point *point)
{
	bool found = false;
	assert_false(err_failed(audit_log_has_point(fixture_directory, point, &found)));
	return found;
}

/* Walks through the lines as they stand: so many of one chain, without a hole. */
static void is_one_chain(uint64_t count)
{
	size_t len = 0;
	struct audit_point last = {0};
	struct view rest = view_of_text(fixture_read_chained(&len));
	while (rest.len > 0) {
		struct audit_link link;
		struct audit_point here;
		struct view line = view_cut(&rest, '\n');
		assert_non_null(rest.ptr);
		assert_true(audit_link_parse(line, &link));
		assert_int_equal(link.sequence, last.sequence + 1);
		assert_memory_equal(link.previous, last.hash, sizeof last.hash);
		assert_false(err_failed(audit_point_of(line, &here)));
		assert_true(last.sequence == 0 || text_equal(here.chain, last.chain));
		last = here;
	}
	assert_int_equal(last.sequence, count);
}

/* --- The text. --- */

static void a_line_begins_with_its_record_and_ends_with_its_place(void **state)
{
	(void)state;
	size_t len = 0;
	opened(0);
	struct audit_point before = head();
	appended(1, 1);
	struct audit_point after = head();
	audit_log_close(&log_open);
	char expected[256];
	(void)snprintf(
		expected, sizeof expected,
		"{\"number\":1,\"chain\":{\"id\":\"%s\",\"sequence\":1,\"previous\":\"%064d\"}}"
		"\n",
		before.chain, 0);
	assert_string_equal(fixture_read_chained(&len), expected);
	assert_int_equal(before.sequence, 0);
	assert_int_equal(after.sequence, 1);
	assert_string_equal(before.chain, after.chain);
}

static void what_is_no_place_is_none(void **state)
{
	(void)state;
#define ID "01234567-89ab-cdef-0123-456789abcdef"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define MEMBER(id, sequence, previous) \
	",\"chain\":{\"id\":\"" id "\",\"sequence\":" sequence ",\"previous\":\"" previous "\"}}"
	static const struct {
		const char *line;
		bool good;
	} cases[] = {
		{"{\"a\":1" MEMBER(ID, "1", ZEROS), true},
		{"{\"a\":1" MEMBER(ID, "9223372036854775807", ZEROS), true},
		{"{\"a\":1" MEMBER(ID, "9223372036854775808", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "18446744073709551617", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "0", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "01", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "-1", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "1 ", ZEROS), false},
		{"{\"a\":1" MEMBER("X1234567-89ab-cdef-0123-456789abcdef", "1", ZEROS), false},
		{"{\"a\":1" MEMBER(ID "0", "1", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "1", "x" ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "1", "0" ZEROS), false},
		{"\"a\":1" MEMBER(ID, "1", ZEROS), false},
		{"{\"a\":1" MEMBER(ID, "1", ZEROS) " ", false},
		{"{\"a\":1}", false},
		{"", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct audit_link link;
		struct view line = view_of_text(cases[i].line);
		assert_int_equal(audit_link_parse(line, &link), cases[i].good);
		if (!cases[i].good)
			continue;
		assert_true(view_equal_text(link.record, "{\"a\":1"));
		/* And none of its beginnings is one. */
		for (size_t cut = 0; cut < line.len; cut++)
			assert_false(audit_link_parse(view_part(line, 0, cut), &link));
	}
}

/* --- It goes on. --- */

static void the_chain_goes_on_across_segments_and_restarts(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		opened(2000);
		appended(round * 30, 30);
		audit_log_close(&log_open);
		is_one_chain((uint64_t)(round + 1) * 30);
	}
	assert_true(fixture_count_files(".jsonl") > 5);
}

static void the_chain_goes_on_behind_an_empty_segment(void **state)
{
	(void)state;
	opened(0);
	appended(1, 3);
	audit_log_close(&log_open);
	fixture_write_file("audit-20261121T180000Z-000002.jsonl", "", 0);
	opened(0);
	appended(4, 1);
	audit_log_close(&log_open);
	is_one_chain(4);
}

static void a_chain_begins_behind_the_lines_of_an_older_version(void **state)
{
	(void)state;
	static const char old[] = "{\"old\":1}\n{\"old\":2}\n";
	size_t len = 0;
	struct audit_link link;
	fixture_write_file("audit-20261121T180000Z-000001.jsonl", old, sizeof old - 1);
	opened(0);
	appended(1, 2);
	audit_log_close(&log_open);
	const char *text = fixture_read_chained(&len);
	assert_memory_equal(text, old, sizeof old - 1);
	struct view rest = view_of_text(text + sizeof old - 1);
	assert_true(audit_link_parse(view_cut(&rest, '\n'), &link));
	assert_int_equal(link.sequence, 1);
	opened(0);
	appended(3, 1);
	audit_log_close(&log_open);
	rest = view_of_text(fixture_read_chained(&len) + sizeof old - 1);
	for (uint64_t sequence = 1; sequence <= 3; sequence++) {
		assert_true(audit_link_parse(view_cut(&rest, '\n'), &link));
		assert_int_equal(link.sequence, sequence);
	}
}

static void refused_lines_take_no_place(void **state)
{
	(void)state;
	atomic_int *const kinds[] = {&faults.write_errno, &faults.sync_errno,
				     &faults.truncate_errno, &faults.create_errno};
	uint64_t good = 0;
	opened(1500);
	for (int i = 0; i < 280; i++) {
		atomic_int *kind = kinds[(size_t)i / 7 % ARRAY_LEN(kinds)];
		atomic_store(kind, i % 7 < 3 ? EIO : 0);
		struct audit_point before = head();
		bool failed = err_failed(append(i));
		good += !failed;
		struct audit_point after = head();
		assert_int_equal(failed, audit_point_equal(&before, &after));
		for (int ms = 0; i % 7 == 5 && !audit_log_healthy(log_open); ms++) {
			assert_true(ms < 20000);
			(void)usleep(1000);
		}
	}
	audit_log_close(&log_open);
	assert_true(good > 80);
	is_one_chain(good);
	assert_int_equal(fixture_count_files(".torn"), 0);
}

/* Cut at every byte, what is left of the last lines is a chain that goes on. */
static void a_torn_tail_at_every_byte_is_continued(void **state)
{
	(void)state;
	static char whole[4096], left[4096 + 64];
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	size_t len = 0;
	opened(0);
	appended(1, 3);
	audit_log_close(&log_open);
	fixture_newest(name, &sequence);
	memcpy(whole, fixture_read_file(name, &len), sizeof whole);
	for (size_t cut = 0; cut <= len; cut++) {
		uint64_t lines = 0;
		memset(left, 0, sizeof left);
		memcpy(left, whole, cut);
		for (size_t i = 0; i < cut; i++)
			lines += left[i] == '\n';
		fixture_write_file(name, left, cut + (cut % 2 ? 64 : 0));
		opened(0);
		assert_int_equal(head().sequence, lines);
		appended(100, 1);
		audit_log_close(&log_open);
		is_one_chain(lines + 1);
	}
}

/* A line that was written, but whose call was told failure, when the process died at once. */
static void a_refused_line_that_a_crash_left_is_continued(void **state)
{
	(void)state;
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	opened(0);
	appended(1, 2);
	atomic_store(&faults.sync_errno, EIO);
	atomic_store(&faults.truncate_errno, EIO);
	assert_true(err_failed(append(3)));
	assert_int_equal(head().sequence, 2);
	audit_log_close(&log_open); /* which can cut nothing either: as if it had died */
	atomic_store(&faults.sync_errno, 0);
	atomic_store(&faults.truncate_errno, 0);
	fixture_newest(name, &sequence);
	opened(0);
	assert_int_equal(head().sequence, 3);
	appended(4, 1);
	audit_log_close(&log_open);
	is_one_chain(4);
}

/* --- Days. --- */

/* A clock that is moved while the writer thread reads it. */
static _Atomic int64_t moved_ms;

static int64_t moved_real_ms(const struct clock *self)
{
	(void)self;
	return moved_ms;
}

static int64_t moved_steady_ms(const struct clock *self)
{
	(void)self;
	return clock_steady_ms(&clock_system);
}

static void a_day_has_a_segment_of_its_own(void **state)
{
	(void)state;
	const struct clock clock = {moved_real_ms, moved_steady_ms, moved_steady_ms};
	moved_ms = INT64_C(1795303800000); /* 2026-11-21T23:30:00Z */
	const struct audit_log_options options = {
		.directory = fixture_directory, .segment_days = 1, .clock = &clock};
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 8192, .probe_ms = 1};
	assert_false(err_failed(audit_log_open_tuned(&options, &tuning, &log_open)));
	appended(1, 2);
	moved_ms += 29 * 60 * 1000;
	appended(3, 1);
	assert_int_equal(fixture_count_files(".jsonl"), 1);
	moved_ms += 60 * 1000;
	appended(4, 2);
	assert_int_equal(fixture_count_files(".jsonl"), 2);
	/* A clock that was put back begins nothing. */
	moved_ms -= INT64_C(2) * 24 * 60 * 60 * 1000;
	appended(6, 1);
	assert_int_equal(fixture_count_files(".jsonl"), 2);
	audit_log_close(&log_open);
	is_one_chain(6);
}

/* --- Finding a place. --- */

static void every_line_is_found_by_its_place(void **state)
{
	(void)state;
	static struct audit_point points[100];
	opened(3000);
	for (int i = 0; i < 100; i++) {
		appended(i, 1);
		points[i] = head();
	}
	assert_true(fixture_count_files(".jsonl") > 3);
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct audit_point wrong = points[i];
		assert_true(has(&points[i])); /* zeros stand behind the last line now */
		wrong.hash[31] ^= 1;
		assert_false(has(&wrong));
		wrong = points[i];
		wrong.chain[0] = wrong.chain[0] == 'a' ? 'b' : 'a';
		assert_false(has(&wrong));
		wrong = points[i];
		wrong.sequence += 100;
		assert_false(has(&wrong));
	}
	audit_log_close(&log_open);
	assert_true(has(&points[99]));
}

static void a_line_that_is_gone_is_not_found(void **state)
{
	(void)state;
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	size_t len = 0;
	opened(0);
	appended(1, 2);
	struct audit_point kept = head();
	appended(3, 1);
	struct audit_point gone = head();
	audit_log_close(&log_open);
	fixture_newest(name, &sequence);
	const char *text = fixture_read_file(name, &len);
	while (text[len - 2] != '\n')
		len--;
	char *copy = strndup(text, len - 1);
	fixture_write_file(name, copy, len - 1);
	free(copy);
	assert_false(has(&gone));
	assert_true(has(&kept));
}

static void lines_of_before_there_was_a_chain_do_not_hide_it(void **state)
{
	(void)state;
	static char old[200 * 20];
	memset(old, 'x', sizeof old);
	for (size_t i = 19; i < sizeof old; i += 20)
		old[i] = '\n';
	fixture_write_file("audit-20261121T180000Z-000001.jsonl", old, sizeof old);
	opened(0);
	appended(1, 1);
	struct audit_point first = head();
	appended(2, 5);
	audit_log_close(&log_open);
	assert_true(has(&first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_line_begins_with_its_record_and_ends_with_its_place),
		FIXTURE_TEST(what_is_no_place_is_none),
		FIXTURE_TEST(the_chain_goes_on_across_segments_and_restarts),
		FIXTURE_TEST(the_chain_goes_on_behind_an_empty_segment),
		FIXTURE_TEST(a_chain_begins_behind_the_lines_of_an_older_version),
		FIXTURE_TEST(refused_lines_take_no_place),
		FIXTURE_TEST(a_torn_tail_at_every_byte_is_continued),
		FIXTURE_TEST(a_refused_line_that_a_crash_left_is_continued),
		FIXTURE_TEST(a_day_has_a_segment_of_its_own),
		FIXTURE_TEST(every_line_is_found_by_its_place),
		FIXTURE_TEST(a_line_that_is_gone_is_not_found),
		FIXTURE_TEST(lines_of_before_there_was_a_chain_do_not_hide_it),
	};
	return cmocka_run_group_tests_name("audit_chain", tests, NULL, NULL);
}
