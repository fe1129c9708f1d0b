/* SPDX-License-Identifier: Apache-2.0 */
/* The log's own file: rotation, logrotate, and disks that do not take it. */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"

static char folder[64], path[96], name[128], bytes[1 << 16];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-log-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/log", folder);
	return 0;
}

static const char *numbered(int number)
{
	(void)snprintf(name, sizeof name, number ? "%s.%d" : "%s", path, number);
	return name;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(log_file_open(&(struct log_file_options){0}).code, E_OK);
	for (int i = 0; i < 6; i++)
		(void)unlink(numbered(i));
	return rmdir(folder);
}

static void open_file(uint64_t size, uint32_t kept)
{
	struct log_file_options options = {path, size, kept};
	assert_int_equal(log_file_open(&options).code, E_OK);
}

static bool put(const char *line)
{
	return log_file_write(view_of_text(line));
}

static const char *content(int number)
{
	FILE *f = fopen(numbered(number), "re");
	if (f == NULL)
		return NULL;
	size_t n = fread(bytes, 1, sizeof bytes - 1, f);
	bytes[n] = '\0';
	assert_int_equal(fclose(f), 0);
	return bytes;
}

static void without_a_file_lines_are_for_standard_error(void **state)
{
	(void)state;
	assert_int_equal(log_file_open(&(struct log_file_options){.path = ""}).code, E_OK);
	assert_false(put("x\n"));
}

static void lines_are_appended_to_a_file_of_mode_0640(void **state)
{
	(void)state;
	struct stat st;
	open_file(0, 0);
	assert_true(put("one\n"));
	open_file(0, 0);
	assert_true(put("two\n"));
	assert_string_equal(content(0), "one\ntwo\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_full_file_is_set_aside_and_the_oldest_is_removed(void **state)
{
	(void)state;
	open_file(8, 2);
	for (const char *line = "a234\0b234\0c234\0d234\0e234\0"; *line; line += 5) {
		assert_true(put(line));
		assert_true(put("\n"));
	}
	assert_string_equal(content(0), "e234\n");
	assert_string_equal(content(1), "d234\n");
	assert_string_equal(content(2), "c234\n");
	assert_null(content(3));
}

static void with_none_kept_a_full_file_begins_anew(void **state)
{
	(void)state;
	open_file(6, 0);
	assert_true(put("12345\n"));
	assert_true(put("678\n"));
	assert_string_equal(content(0), "678\n");
	assert_null(content(1));
}

static void a_file_that_was_moved_away_is_followed_by_a_new_one(void **state)
{
	(void)state;
	char moved[128];
	open_file(0, 0);
	assert_true(put("old\n"));
	(void)snprintf(moved, sizeof moved, "%s.1", path);
	assert_int_equal(rename(path, moved), 0);
	assert_true(put("new\n"));
	assert_string_equal(content(1), "old\n");
	assert_string_equal(content(0), "new\n");
}

static void what_is_no_regular_file_is_refused_and_the_old_one_stays(void **state)
{
	(void)state;
	open_file(0, 0);
	char other[128];
	(void)snprintf(other, sizeof other, "%s.1", path);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_true(err_failed(log_file_open(&(struct log_file_options){.path = other})));
	assert_int_equal(unlink(other), 0);
	assert_int_equal(symlink("/dev/null", other), 0);
	assert_true(err_failed(log_file_open(&(struct log_file_options){.path = other})));
	assert_true(err_failed(log_file_open(&(struct log_file_options){.path = "/nowhere/log"})));
	assert_true(put("still here\n"));
	assert_string_equal(content(0), "still here\n");
}

/* As logrotate's `create` with another owner does, and then it removes the one that was moved. */
static void lines_are_not_left_to_a_file_that_is_gone(void **state)
{
	(void)state;
	open_file(0, 0);
	assert_true(put("old\n"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_false(put("for standard error\n"));
	assert_int_equal(log_file_failure(), ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_true(put("new\n"));
	assert_int_equal(log_file_failure(), 0);
	assert_string_equal(content(0), "new\n");
}

/* RLIMIT_FSIZE stands for a full disk: part of a line goes in, the next write fails. */
static void a_full_disk_loses_no_line_and_kills_nobody(void **state)
{
	(void)state;
	struct rlimit before, limit;
	open_file(0, 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 6;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(put("123\n"));
	assert_false(put("4567890\n"));
	assert_int_equal(log_file_failure(), ENOSPC);
	assert_false(put("again\n"));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(put("after\n"));
	assert_int_equal(log_file_failure(), 0);
	assert_string_equal(content(0), "123\n45\nafter\n");
}

/* Several processes, one file: every line is somewhere, whole. */
static void processes_share_a_file(void **state)
{
	(void)state;
	enum { PROCESSES = 3, LINES = 400 };
	open_file(4096, 5);
	for (int p = 0; p < PROCESSES; p++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		/* Locks belong to open files: processes of ours have each their own. */
		if (pid == 0)
			open_file(4096, 5);
		for (int i = 0; pid == 0 && i < LINES; i++)
			if (!put("0123456789\n"))
				_exit(1);
		if (pid == 0)
			_exit(0);
	}
	for (int p = 0, status = 1; p < PROCESSES; p++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	size_t lines = 0;
	for (int i = 0; i <= 5 && content(i) != NULL; i++)
		for (const char *at = content(i); *at != '\0'; at += 11, lines++)
			assert_memory_equal(at, "0123456789\n", 11);
	assert_int_equal(lines, PROCESSES * LINES);
}

static void the_log_writes_into_it(void **state)
{
	(void)state;
	open_file(0, 0);
	log_event(LOG_ERROR, "an.event", LOG_NUMBER("n", 7));
	assert_non_null(strstr(content(0), " error   an.event n=7\n"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_file_lines_are_for_standard_error),
		TEST(lines_are_appended_to_a_file_of_mode_0640),
		TEST(a_full_file_is_set_aside_and_the_oldest_is_removed),
		TEST(with_none_kept_a_full_file_begins_anew),
		TEST(a_file_that_was_moved_away_is_followed_by_a_new_one),
		TEST(what_is_no_regular_file_is_refused_and_the_old_one_stays),
		TEST(lines_are_not_left_to_a_file_that_is_gone),
		TEST(a_full_disk_loses_no_line_and_kills_nobody),
		TEST(processes_share_a_file),
		TEST(the_log_writes_into_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
