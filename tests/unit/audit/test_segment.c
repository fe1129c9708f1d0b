/* SPDX-License-Identifier: Apache-2.0 */
/* Segment files: what is in them after writes, rotations, crashes and failing disks. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

static struct clock_manual clock_at;
static struct segments segments;

static struct err open_with(uint64_t segment_bytes, uint32_t zeros_bytes)
{
	clock_manual_init(&clock_at, INT64_C(1795287600000)); /* 2026-11-21T19:00:00Z */
	const struct segments_options options = {
		.segment_bytes = segment_bytes,
		.zeros_bytes = zeros_bytes,
		.clock = &clock_at.clock,
		.io = &faulty_io,
	};
	return segments_open(&segments, fixture_directory, &options);
}

static void opened(uint64_t segment_bytes, uint32_t zeros_bytes)
{
	assert_false(err_failed(open_with(segment_bytes, zeros_bytes)));
}

/* One group of up to four lines. */
static struct err append(const char *a, const char *b, const char *c)
{
	const char *lines[] = {a, b, c};
	struct audit_entry entries[ARRAY_LEN(lines)] = {0};
	size_t count = 0;
	for (; count < ARRAY_LEN(lines) && lines[count] != NULL; count++) {
		entries[count].line = view_of_text(lines[count]);
		entries[count].next = &entries[count + 1];
	}
	return segments_append(&segments, entries, count);
}

static void appended(const char *a, const char *b, const char *c)
{
	assert_false(err_failed(append(a, b, c)));
}

static void refused(const char *line)
{
	assert_true(err_is(append(line, NULL, NULL), E_AUDIT));
}

static void log_is(const char *expected)
{
	size_t len = 0;
	const char *text = fixture_read_log(&len);
	assert_string_equal(text, expected);
}

static void lines_are_kept_in_order(void **state)
{
	(void)state;
	opened(1 << 20, 0);
	appended("one", "two", NULL);
	appended("three", NULL, NULL);
	log_is("one\ntwo\nthree\n");
	segments_close(&segments);
	opened(1 << 20, 0);
	appended("four", NULL, NULL);
	log_is("one\ntwo\nthree\nfour\n");
	segments_close(&segments);
}

static void a_segment_has_its_name_and_mode(void **state)
{
	(void)state;
	mode_t before = umask(0077);
	opened(1 << 20, 0);
	(void)umask(before);
	assert_string_equal(segments.name, "audit-20261121T190000Z-000001.jsonl");
	struct stat st;
	assert_int_equal(fstat(segments.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(atomic_load(&faults.directory_syncs), 1);
	segments_close(&segments);
}

static void zeros_stand_behind_the_last_line_until_the_end(void **state)
{
	(void)state;
	size_t len = 0;
	opened(1 << 20, 8192);
	appended("one", NULL, NULL);
	const char *text = fixture_read_file(segments.name, &len);
	assert_int_equal(len, 4 + 8192);
	assert_memory_equal(text, "one\n\0\0\0", 7);
	appended("two", NULL, NULL);
	(void)fixture_read_file(segments.name, &len);
	assert_int_equal(len, 4 + 8192);
	char name[SEGMENT_NAME_MAX];
	strcpy(name, segments.name);
	segments_close(&segments);
	(void)fixture_read_file(name, &len);
	assert_int_equal(len, 8);
}

/* A disk without room for zeros is no reason to refuse a line that has room. */
static void doing_without_zeros_is_no_failure(void **state)
{
	(void)state;
	opened(1 << 20, 8192);
	atomic_store(&faults.writes_until_fault, 1);
	atomic_store(&faults.write_errno, ENOSPC);
	appended("one", NULL, NULL);
	atomic_store(&faults.write_errno, 0);
	appended("two", NULL, NULL);
	log_is("one\ntwo\n");
	segments_close(&segments);
}

/* --- What a crash leaves. --- */

static const char whole[] = "{\"a\":1}\n{\"b\":22}\n{\"c\":333}\n";
#define SEGMENT_1 "audit-20261121T180000Z-000001.jsonl"

/* Opens the segment as a crash left it, appends a line, and looks what became of it. */
static void recovers_to(const char *content, size_t len, size_t keep)
{
	char expected[256];
	size_t now = 0;
	fixture_write_file(SEGMENT_1, content, len);
	opened(1 << 20, 4096);
	assert_int_equal(segments.durable, keep);
	(void)fixture_read_file(SEGMENT_1, &now);
	assert_int_equal(now, keep);
	appended("after", NULL, NULL);
	assert_false(err_failed(
		text_format(expected, sizeof expected, "%.*safter\n", (int)keep, content)));
	log_is(expected);
	segments_close(&segments);
}

static size_t line_end_before(size_t at)
{
	while (at > 0 && whole[at - 1] != '\n')
		at--;
	return at;
}

static void a_torn_end_is_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof whole; cut++) {
		size_t torn_len = 0;
		size_t keep = line_end_before(cut);
		char left[sizeof whole + 64] = "";
		memcpy(left, whole, cut);
		/* By itself, and with zeros that were written ahead behind it. */
		for (size_t zeros = 0; zeros <= 64; zeros += 64) {
			recovers_to(left, cut + zeros, keep);
			assert_int_equal(fixture_count_files(".torn"), keep < cut);
			if (keep == cut)
				continue;
			const char *torn = fixture_read_file(SEGMENT_1 ".torn", &torn_len);
			assert_int_equal(torn_len, cut - keep);
			assert_memory_equal(torn, whole + keep, cut - keep);
			char path[256];
			(void)snprintf(path, sizeof path, "%s/%s", fixture_directory,
				       SEGMENT_1 ".torn");
			assert_int_equal(remove(path), 0);
		}
	}
}

/* The disk stored the second page of a group and not the first. */
static void lines_behind_a_hole_are_saved_and_cut(void **state)
{
	(void)state;
	static char left[3 * 65536];
	size_t len = 0;
	memcpy(left, whole, sizeof whole - 1);
	memcpy(left + 2 * 65536, "{\"late\":1}\n", 11); /* a window of the scan begins with it */
	recovers_to(left, sizeof left, sizeof whole - 1);
	const char *torn = fixture_read_file(SEGMENT_1 ".torn", &len);
	assert_int_equal(len, 2 * 65536 + 11 - (sizeof whole - 1));
	assert_memory_equal(torn + len - 11, "{\"late\":1}\n", 11);
}

/* A file that somebody made to claim any size, with a byte at its end: nobody reads through what
 * was never written, nor copies it. */
static void a_hole_of_any_size_holds_no_start_up(void **state)
{
	(void)state;
	char path[256];
	size_t len = 0;
	off_t size = (off_t)1 << 62;
	fixture_write_file(SEGMENT_1, whole, sizeof whole - 1);
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, SEGMENT_1);
	while (truncate(path, size) != 0 && size > (off_t)1 << 42)
		size /= 2;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, size - 1), 1);
	assert_int_equal(close(fd), 0);
	(void)alarm(60);
	opened(1 << 20, 4096);
	assert_int_equal(segments.durable, sizeof whole - 1);
	segments_close(&segments);
	(void)alarm(0);
	(void)fixture_read_file(SEGMENT_1, &len);
	assert_int_equal(len, sizeof whole - 1);
	const char *torn = fixture_read_file(SEGMENT_1 ".torn", &len);
	assert_true(len > 0 && len <= (size_t)2 * 65536 && torn[len - 1] == 'x');
}

/* A window of the scan may end anywhere in a line. */
static void long_lines_are_recovered_across_windows(void **state)
{
	(void)state;
	static char left[200000];
	memset(left, 'x', sizeof left);
	left[65535] = '\n';
	left[131070] = '\n';
	fixture_write_file(SEGMENT_1, left, sizeof left);
	opened(1 << 20, 0);
	assert_int_equal(segments.durable, 131071);
	segments_close(&segments);
}

static void the_segment_with_the_highest_number_is_the_newest(void **state)
{
	(void)state;
	static const char *const foreign[] = {
		"audit-20261121T180000Z-000009.jsonl.torn", "audit-20261121T180000Z-12345.jsonl",
		"audit-20261121X180000Z-000009.jsonl",      "audit-20261121T180000Z-00000x.jsonl",
		"xudit-20261121T180000Z-000009.jsonl",      "audit-.jsonl",
		"audit-20261121T180000Z--00009.jsonl",
	};
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		fixture_write_file(foreign[i], "x", 1);
	fixture_write_file("audit-20261121T190000Z-000002.jsonl", "two\n", 4);
	/* The number counts, not the time: clocks go backwards. */
	fixture_write_file("audit-20261121T170000Z-000003.jsonl", "three\n", 6);
	opened(1 << 20, 0);
	assert_string_equal(segments.name, "audit-20261121T170000Z-000003.jsonl");
	segments_close(&segments);
}

static void a_link_in_a_segments_place_is_refused(void **state)
{
	(void)state;
	char path[256];
	fixture_write_file("elsewhere", "one\n", 4);
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, SEGMENT_1);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_true(err_is(open_with(1 << 20, 0), E_AUDIT));
	segments_close(&segments);
}

/* --- Rotation and the lock. --- */

static void segments_rotate_by_size_and_lose_nothing(void **state)
{
	(void)state;
	static char expected[64 << 10];
	size_t at = 0;
	opened(1000, 300);
	for (int i = 0; i < 100; i++) {
		char line[64];
		(void)snprintf(line, sizeof line, "{\"number\":%04d,\"padding\":\"%030d\"}", i, i);
		appended(line, NULL, NULL);
		at += (size_t)snprintf(expected + at, sizeof expected - at, "%s\n", line);
	}
	log_is(expected);
	/* 59 bytes a line, 16 lines in 1,000 bytes. */
	assert_int_equal(fixture_count_files(".jsonl"), 7);
	assert_int_equal(segments.sequence, 7);
	size_t len = 0;
	(void)fixture_read_file("audit-20261121T190000Z-000001.jsonl", &len);
	assert_int_equal(len, 16 * 59);
	segments_close(&segments);
}

static void a_group_is_divided_where_a_segment_ends(void **state)
{
	(void)state;
	struct audit_entry entries[4] = {0};
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		entries[i].line = VIEW_LITERAL("123456789");
		entries[i].next = &entries[i + 1];
	}
	opened(35, 0);
	assert_int_equal(segments_fit(&segments, entries, 4), 3);
	appended("123456789", "123456789", NULL);
	assert_int_equal(segments_fit(&segments, entries, 4), 1);
	appended("123456789", NULL, NULL);
	/* The next one begins a segment of its own. */
	assert_int_equal(segments_fit(&segments, entries, 4), 3);
	/* A line that fits nowhere is written all the same. */
	entries[0].line = VIEW_LITERAL("1234567890123456789012345678901234567890");
	assert_int_equal(segments_fit(&segments, entries, 4), 1);
	segments_close(&segments);
}

static void a_directory_has_one_writer(void **state)
{
	(void)state;
	opened(1 << 20, 0);
	struct segments first = segments;
	assert_true(err_is(open_with(1 << 20, 0), E_ALREADY_RUNNING));
	segments_close(&segments);
	segments_close(&first);
	opened(1 << 20, 0);
	segments_close(&segments);
}

/* --- Disks that say no. --- */

static void short_writes_are_continued(void **state)
{
	(void)state;
	opened(1 << 20, 0);
	atomic_store(&faults.write_bytes_max, 3);
	appended("a line of some length", "", "another line");
	log_is("a line of some length\n\nanother line\n");
	segments_close(&segments);
}

static void a_refused_line_is_gone(void **state)
{
	(void)state;
	opened(1 << 20, 4096);
	appended("one", NULL, NULL);
	/* Half of the line gets to the disk before it is full. */
	atomic_store(&faults.write_bytes_max, 4);
	atomic_store(&faults.writes_until_fault, 1);
	atomic_store(&faults.write_errno, ENOSPC);
	refused("refused");
	log_is("one\n");
	refused("refused as well"); /* until it is restored */
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	atomic_store(&faults.write_errno, 0);
	atomic_store(&faults.write_bytes_max, 0);
	refused("refused still");
	assert_false(err_failed(segments_restore(&segments)));
	appended("two", NULL, NULL);
	log_is("one\ntwo\n");
	assert_int_equal(fixture_count_files(".jsonl"), 1);
	segments_close(&segments);
}

static off_t size_of_newest(void)
{
	struct stat st = {0};
	assert_int_equal(fstat(segments.fd, &st), 0);
	return st.st_size;
}

/* The probe asks for less than is written ahead, and gives back what it got of a full disk. */
static void a_failed_probe_leaves_nothing_behind(void **state)
{
	(void)state;
	opened(16 << 20, 1 << 20);
	appended("one", NULL, NULL);
	atomic_store(&faults.write_errno, ENOSPC);
	atomic_store(&faults.writes_until_fault, 0);
	refused("refused");
	atomic_store(&faults.write_bytes_max, 64 << 10);
	atomic_store(&faults.writes_until_fault, 2); /* room for 128 KiB */
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	assert_int_equal(size_of_newest(), sizeof "one");
	atomic_store(&faults.writes_until_fault, 4);
	assert_false(err_failed(segments_restore(&segments)));
	atomic_store(&faults.write_errno, 0);
	appended("two", NULL, NULL);
	log_is("one\ntwo\n");
	segments_close(&segments);
}

static void after_a_failed_sync_another_segment_begins(void **state)
{
	(void)state;
	opened(1 << 20, 4096);
	appended("one", NULL, NULL);
	atomic_store(&faults.sync_errno, EIO);
	refused("refused");
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	atomic_store(&faults.sync_errno, 0);
	assert_false(err_failed(segments_restore(&segments)));
	assert_int_equal(segments.sequence, 2);
	appended("two", NULL, NULL);
	log_is("one\ntwo\n");
	size_t len = 0;
	(void)fixture_read_file("audit-20261121T190000Z-000001.jsonl", &len);
	assert_int_equal(len, 4);
	segments_close(&segments);
}

static void a_failed_sync_of_the_first_line_leaves_no_segment(void **state)
{
	(void)state;
	opened(1 << 20, 0);
	atomic_store(&faults.sync_errno, EIO);
	refused("refused");
	atomic_store(&faults.sync_errno, 0);
	assert_false(err_failed(segments_restore(&segments)));
	assert_int_equal(fixture_count_files(".jsonl"), 1);
	appended("one", NULL, NULL);
	log_is("one\n");
	segments_close(&segments);
}

/* The refused line cannot be cut off, so nothing may follow it. */
static void nothing_is_written_while_a_refused_line_stays(void **state)
{
	(void)state;
	opened(1 << 20, 0);
	appended("one", NULL, NULL);
	atomic_store(&faults.sync_errno, EIO);
	atomic_store(&faults.truncate_errno, EIO);
	refused("refused");
	atomic_store(&faults.sync_errno, 0);
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	refused("refused as well");
	assert_int_equal(segments.sequence, 1);
	atomic_store(&faults.truncate_errno, 0);
	assert_false(err_failed(segments_restore(&segments)));
	appended("two", NULL, NULL);
	log_is("one\ntwo\n");
	segments_close(&segments);
}

/* The old segment stays whole when the next one cannot be made. */
static void a_failed_creation_is_tried_again(void **state)
{
	(void)state;
	opened(8, 0);
	appended("one", "two", NULL);
	atomic_store(&faults.create_errno, ENOSPC);
	refused("refused");
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	atomic_store(&faults.create_errno, 0);
	atomic_store(&faults.directory_errno, EIO);
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	assert_int_equal(fixture_count_files(".jsonl"), 1);
	atomic_store(&faults.directory_errno, 0);
	assert_false(err_failed(segments_restore(&segments)));
	appended("three", NULL, NULL);
	log_is("one\ntwo\nthree\n");
	assert_int_equal(fixture_count_files(".jsonl"), 2);
	segments_close(&segments);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* With the kernel's own refusal, which comes in the middle of a line. */
static void a_real_limit_fails_closed_and_recovers(void **state)
{
	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	opened(1 << 20, 0);
	appended("0123456789", NULL, NULL);
	limit_file_size(16);
	refused("0123456789abcdef");
	struct stat st;
	assert_int_equal(fstat(segments.fd, &st), 0);
	assert_int_equal(st.st_size, 11);
	assert_true(err_is(segments_restore(&segments), E_AUDIT));
	limit_file_size(RLIM_INFINITY);
	assert_false(err_failed(segments_restore(&segments)));
	appended("again", NULL, NULL);
	log_is("0123456789\nagain\n");
	segments_close(&segments);
}

/* Every system call of a life with two segments fails once, with both kinds of recovery behind it:
 * the log then holds exactly what was acknowledged. */
static void restored_after(atomic_int *which)
{
	(void)!err_failed(segments_restore(&segments)); /* once while the fault lasts */
	atomic_store(which, 0);
	assert_false(err_failed(segments_restore(&segments)));
}

static void one_fault(int at, atomic_int *which)
{
	char expected[512] = "";
	assert_int_equal(fixture_setup(NULL), 0);
	opened(40, 16);
	for (int i = 0; i < 12; i++) {
		char line[16];
		(void)snprintf(line, sizeof line, "line %05d", i);
		if (i == at)
			atomic_store(which, EIO);
		if (!err_failed(append(line, NULL, NULL)))
			(void)strcat(strcat(expected, line), "\n");
		else
			restored_after(which);
	}
	log_is(expected);
	segments_close(&segments);
	opened(40, 16);
	log_is(expected);
	segments_close(&segments);
	assert_int_equal(fixture_count_files(".torn"), 0);
	assert_int_equal(fixture_teardown(NULL), 0);
}

static void any_single_fault_leaves_exactly_the_acknowledged_lines(void **state)
{
	(void)state;
	atomic_int *const kinds[] = {&faults.write_errno, &faults.sync_errno,
				     &faults.truncate_errno, &faults.create_errno,
				     &faults.directory_errno};
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (int at = 0; at < 12; at++)
			one_fault(at, kinds[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(lines_are_kept_in_order),
		FIXTURE_TEST(a_segment_has_its_name_and_mode),
		FIXTURE_TEST(zeros_stand_behind_the_last_line_until_the_end),
		FIXTURE_TEST(doing_without_zeros_is_no_failure),
		FIXTURE_TEST(a_torn_end_is_cut_at_every_byte),
		FIXTURE_TEST(a_hole_of_any_size_holds_no_start_up),
		FIXTURE_TEST(lines_behind_a_hole_are_saved_and_cut),
		FIXTURE_TEST(long_lines_are_recovered_across_windows),
		FIXTURE_TEST(the_segment_with_the_highest_number_is_the_newest),
		FIXTURE_TEST(a_link_in_a_segments_place_is_refused),
		FIXTURE_TEST(segments_rotate_by_size_and_lose_nothing),
		FIXTURE_TEST(a_group_is_divided_where_a_segment_ends),
		FIXTURE_TEST(a_directory_has_one_writer),
		FIXTURE_TEST(short_writes_are_continued),
		FIXTURE_TEST(a_refused_line_is_gone),
		FIXTURE_TEST(a_failed_probe_leaves_nothing_behind),
		FIXTURE_TEST(after_a_failed_sync_another_segment_begins),
		FIXTURE_TEST(a_failed_sync_of_the_first_line_leaves_no_segment),
		FIXTURE_TEST(nothing_is_written_while_a_refused_line_stays),
		FIXTURE_TEST(a_failed_creation_is_tried_again),
		FIXTURE_TEST(a_real_limit_fails_closed_and_recovers),
		cmocka_unit_test(any_single_fault_leaves_exactly_the_acknowledged_lines),
	};
	return cmocka_run_group_tests_name("audit_segment", tests, NULL, NULL);
}
