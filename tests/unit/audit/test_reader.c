/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the lines of a log in order, while it is written and however its end looks. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/reader.h"
#include "audit/record.h"

#define SEGMENT(number) "audit-20261121T180000Z-00000" number ".jsonl"
#define LONGEST ((size_t)AUDIT_RECORD_MAX + AUDIT_CHAIN_ROOM)

static struct audit_reader *reader;
static struct audit_line line;

static int setup(void **state)
{
	int rc = fixture_setup(state);
	return rc == 0 && !err_failed(audit_reader_open(fixture_directory, &reader)) ? 0 : -1;
}

static int teardown(void **state)
{
	audit_reader_close(&reader);
	return fixture_teardown(state);
}

static void put(const char *name, const char *text)
{
	fixture_write_file(name, text, strlen(text));
}

static bool next(void)
{
	bool got = false;
	assert_false(err_failed(audit_reader_next(reader, &line, &got)));
	return got;
}

static void expect(const char *text, const char *segment, uint64_t offset, uint64_t number)
{
	assert_true(next());
	assert_true(view_equal_text(line.text, text));
	assert_string_equal(line.segment, segment);
	assert_int_equal(line.offset, offset);
	assert_int_equal(line.number, number);
	assert_false(line.torn || line.too_long);
}

static void an_empty_folder_has_no_lines_until_there_are_some(void **state)
{
	(void)state;
	assert_false(next());
	put(SEGMENT("1"), "one\n");
	expect("one", SEGMENT("1"), 0, 1);
	assert_false(next());
}

static void segments_are_read_in_the_order_of_their_sequence(void **state)
{
	(void)state;
	put(SEGMENT("3"), "four\n");
	put(SEGMENT("1"), "one\ntwo\n");
	put(SEGMENT("2"), "three\n");
	expect("one", SEGMENT("1"), 0, 1);
	assert_int_equal(line.segment_sequence, 1);
	expect("two", SEGMENT("1"), 4, 2);
	expect("three", SEGMENT("2"), 0, 1);
	expect("four", SEGMENT("3"), 0, 1);
	assert_int_equal(line.segment_sequence, 3);
	assert_false(next());
}

static void zeros_end_the_newest_segment_for_now(void **state)
{
	(void)state;
	fixture_write_file(SEGMENT("1"), "one\n\0\0\0\0\0\0\0\0", 12);
	expect("one", SEGMENT("1"), 0, 1);
	assert_false(next());
	fixture_write_file(SEGMENT("1"), "one\ntwo\0\0\0\0\0", 12);
	assert_false(next()); /* half a line is none */
	fixture_write_file(SEGMENT("1"), "one\ntwo\n\0\0\0\0", 12);
	expect("two", SEGMENT("1"), 4, 2);
	assert_false(next());
}

/* Its zeros are cut off before the next one is made, and more may have been written meanwhile. */
static void what_was_written_before_a_rotation_is_read_before_the_new_segment(void **state)
{
	(void)state;
	fixture_write_file(SEGMENT("1"), "one\ntw\0\0\0\0\0", 11);
	expect("one", SEGMENT("1"), 0, 1);
	assert_false(next());
	put(SEGMENT("1"), "one\ntwo\nthree\n");
	put(SEGMENT("2"), "four\n");
	expect("two", SEGMENT("1"), 4, 2);
	expect("three", SEGMENT("1"), 8, 3);
	expect("four", SEGMENT("2"), 0, 1);
	assert_false(next());
}

static void a_torn_end_is_told_only_of_a_complete_segment(void **state)
{
	(void)state;
	put(SEGMENT("1"), "one\ntor");
	expect("one", SEGMENT("1"), 0, 1);
	assert_false(next());
	put(SEGMENT("2"), "two\n");
	assert_true(next());
	assert_true(line.torn);
	assert_true(view_equal_text(line.text, "tor"));
	expect("two", SEGMENT("2"), 0, 1);
}

static void zeros_do_not_hide_what_stands_behind_them_in_a_complete_segment(void **state)
{
	(void)state;
	fixture_write_file(SEGMENT("1"), "one\n\0two\n", 9);
	put(SEGMENT("2"), "three\n");
	expect("one", SEGMENT("1"), 0, 1);
	assert_true(next());
	assert_int_equal(line.text.len, 4);
	assert_memory_equal(line.text.ptr, "\0two", 4);
	expect("three", SEGMENT("2"), 0, 1);
}

static void a_line_that_is_too_long_is_cut_and_passed_over(void **state)
{
	(void)state;
	size_t len = 3 * LONGEST;
	char *text = test_malloc(len + 4);
	memset(text, 'x', len);
	memcpy(text + LONGEST, "\ny", 2); /* as long as may be, then one more */
	memcpy(text + 2 * LONGEST + 2, "\n", 1);
	memcpy(text + len - 3, "\nz\n", 3);
	fixture_write_file(SEGMENT("1"), text, len);
	assert_true(next());
	assert_false(line.too_long);
	assert_int_equal(line.text.len, LONGEST);
	assert_true(next());
	assert_true(line.too_long);
	assert_int_equal(line.text.len, LONGEST);
	assert_int_equal(line.text.ptr[0], 'y');
	assert_true(next());
	assert_int_equal(line.text.len, len - 3 - 2 * LONGEST - 3);
	assert_int_equal(line.number, 3);
	assert_true(next());
	assert_true(view_equal_text(line.text, "z"));
	assert_false(next());
	test_free(text);
}

static void reading_can_begin_anywhere_a_line_does(void **state)
{
	(void)state;
	put(SEGMENT("1"), "one\ntwo\n");
	put(SEGMENT("2"), "three\n");
	assert_false(err_failed(audit_reader_seek(reader, 1, 4)));
	expect("two", SEGMENT("1"), 4, 0);
	expect("three", SEGMENT("2"), 0, 1);
	assert_false(err_failed(audit_reader_seek(reader, 1, 0)));
	expect("one", SEGMENT("1"), 0, 1);
	assert_true(err_is(audit_reader_seek(reader, 7, 0), E_NOT_FOUND));
}

/* A reader that had seen what the disk then refused stands in the middle of another line. */
static void an_offset_inside_a_line_is_an_error(void **state)
{
	(void)state;
	bool got = true;
	put(SEGMENT("1"), "one\ntwo\n");
	assert_false(err_failed(audit_reader_seek(reader, 1, 5)));
	assert_true(err_is(audit_reader_next(reader, &line, &got), E_AUDIT));
	assert_false(got);
	assert_false(err_failed(audit_reader_seek(reader, 1, 0)));
	assert_true(next() && next());
	put(SEGMENT("1"), "one\nlonger\n");
	assert_true(err_is(audit_reader_next(reader, &line, &got), E_AUDIT));
}

static void a_segment_that_cannot_be_opened_is_an_error(void **state)
{
	(void)state;
	bool got = true;
	put(SEGMENT("1"), "one\n");
	assert_false(err_failed(audit_reader_seek(reader, 1, 0)));
	put(SEGMENT("2"), "two\n");
	expect("one", SEGMENT("1"), 0, 1);
	assert_false(err_failed(audit_reader_seek(reader, 1, 0)));
	char path[256];
	(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, SEGMENT("2"));
	assert_int_equal(remove(path), 0);
	assert_true(next());
	assert_true(err_is(audit_reader_next(reader, &line, &got), E_AUDIT));
	assert_false(got);
}

static void progress_goes_from_nothing_to_all(void **state)
{
	(void)state;
	struct audit_reader_progress progress;
	put(SEGMENT("1"), "one\ntwo\n");
	put(SEGMENT("2"), "three\n");
	assert_true(next());
	audit_reader_progress(reader, &progress);
	assert_int_equal(progress.done, 4);
	assert_int_equal(progress.all, 14);
	assert_int_equal(progress.segments, 2);
	assert_int_equal(progress.segments_done, 0);
	while (next())
		;
	audit_reader_progress(reader, &progress);
	assert_int_equal(progress.done, progress.all);
	assert_int_equal(progress.segments_done, 1);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	struct audit_reader *none = NULL;
	assert_true(err_is(audit_reader_open("/nonexistent", &none), E_AUDIT));
	assert_null(none);
}

#define READER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READER_TEST(an_empty_folder_has_no_lines_until_there_are_some),
		READER_TEST(segments_are_read_in_the_order_of_their_sequence),
		READER_TEST(zeros_end_the_newest_segment_for_now),
		READER_TEST(what_was_written_before_a_rotation_is_read_before_the_new_segment),
		READER_TEST(a_torn_end_is_told_only_of_a_complete_segment),
		READER_TEST(zeros_do_not_hide_what_stands_behind_them_in_a_complete_segment),
		READER_TEST(a_line_that_is_too_long_is_cut_and_passed_over),
		READER_TEST(reading_can_begin_anywhere_a_line_does),
		READER_TEST(an_offset_inside_a_line_is_an_error),
		READER_TEST(a_segment_that_cannot_be_opened_is_an_error),
		READER_TEST(progress_goes_from_nothing_to_all),
		READER_TEST(a_folder_that_is_not_there_is_an_error),
	};
	return cmocka_run_group_tests_name("audit_reader", tests, NULL, NULL);
}
