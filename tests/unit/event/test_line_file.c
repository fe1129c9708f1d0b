/* SPDX-License-Identifier: Apache-2.0 */
/* A file of lines that others read and move away. */
#include "event/line_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static struct line_file file;

static struct err put(const char *line)
{
	return line_file_append(&file, view_of_text(line));
}

static void open_file(void)
{
	assert_int_equal(line_file_open(&file, folder_path("lines")).code, E_OK);
}

static void lines_are_appended_to_a_file_of_mode_0640(void **state)
{
	(void)state;
	struct stat st;
	open_file();
	assert_int_equal(put("one\n").code, E_OK);
	line_file_close(&file);
	open_file();
	assert_int_equal(put("two\n").code, E_OK);
	assert_string_equal(folder_read("lines"), "one\ntwo\n");
	assert_int_equal(stat(folder_path("lines"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	line_file_close(&file);
}

static void one_that_was_moved_away_is_followed_by_another(void **state)
{
	(void)state;
	open_file();
	assert_int_equal(put("one\n").code, E_OK);
	assert_int_equal(rename(folder_path("lines"), folder_path("lines.1")), 0);
	assert_int_equal(put("two\n").code, E_OK);
	assert_string_equal(folder_read("lines.1"), "one\n");
	assert_string_equal(folder_read("lines"), "two\n");
	line_file_close(&file);
}

static void a_full_disk_leaves_no_half_line(void **state)
{
	(void)state;
	open_file();
	assert_int_equal(put("one\n").code, E_OK);
	folder_limit(6);
	assert_int_equal(put("second\n").code, E_SYSTEM);
	folder_limit(-1);
	assert_string_equal(folder_read("lines"), "one\n");
	assert_int_equal(put("second\n").code, E_OK);
	assert_string_equal(folder_read("lines"), "one\nsecond\n");
	line_file_close(&file);
}

static void a_torn_line_of_a_crash_does_not_spoil_the_next(void **state)
{
	(void)state;
	folder_write("lines", "one\ntor", 0640);
	open_file();
	assert_int_equal(put("two\n").code, E_OK);
	assert_int_equal(put("three\n").code, E_OK);
	assert_string_equal(folder_read("lines"), "one\ntor\ntwo\nthree\n");
	line_file_close(&file);
}

static void no_link_and_no_device_is_written(void **state)
{
	(void)state;
	folder_write("elsewhere", "", 0600);
	assert_int_equal(symlink(folder_path("elsewhere"), folder_path("lines")), 0);
	assert_int_equal(line_file_open(&file, folder_path("lines")).code, E_SYSTEM);
	assert_int_equal(line_file_open(&file, "/dev/full").code, E_SETTINGS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_appended_to_a_file_of_mode_0640),
		TEST(one_that_was_moved_away_is_followed_by_another),
		TEST(a_full_disk_leaves_no_half_line),
		TEST(a_torn_line_of_a_crash_does_not_spoil_the_next),
		TEST(no_link_and_no_device_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
