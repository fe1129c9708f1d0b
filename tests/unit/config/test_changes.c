/* SPDX-License-Identifier: Apache-2.0 */
/* A settings file that was read again: what differs, for whom, and what is taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/changes.h"

#define CHANGES_MAX 16

static struct settings before, after;
static struct changes_setting changed[CHANGES_MAX];

static void read_both(const char *first, const char *second)
{
	char message[SETTINGS_MESSAGE_MAX];
	struct err a = settings_parse("a", first, strlen(first), &before, message);
	struct err b = settings_parse("b", second, strlen(second), &after, message);
	if (err_failed(a) || err_failed(b))
		fail_msg("%s", message);
}

static size_t find(enum changes_reader reader)
{
	return changes_find(&before, &after, reader, changed, CHANGES_MAX);
}

static void equal_files_change_nothing(void **state)
{
	(void)state;
	read_both("[log]\nlevel = info\n", "");
	assert_int_equal(find(CHANGES_HOLDFASTD), 0);
	assert_int_equal(find(CHANGES_HOLDFAST_TOKEN), 0);
}

static void each_change_says_whether_it_is_applied(void **state)
{
	(void)state;
	read_both("", "[server]\nlisten = 127.0.0.1:1\nconnections_max = 7\n");
	assert_int_equal(find(CHANGES_HOLDFASTD), 2);
	assert_string_equal(changed[0].name, "listen");
	assert_false(changed[0].applied);
	assert_string_equal(changed[1].section, "server");
	assert_string_equal(changed[1].name, "connections_max");
	assert_true(changed[1].applied);
}

static void each_program_is_told_of_its_own(void **state)
{
	(void)state;
	read_both("", "[server]\nthreads = 2\n[token]\nsocket = /run/x\ntimeout_ms = 77\n"
		      "lanes = 3\n[log]\nlevel = debug\n");
	assert_int_equal(find(CHANGES_HOLDFASTD), 4); /* threads, socket, timeout_ms, level */
	assert_string_equal(changed[2].name, "timeout_ms");
	assert_int_equal(find(CHANGES_HOLDFAST_TOKEN), 3); /* socket, lanes, level */
	assert_string_equal(changed[1].name, "lanes");
}

/* Its own is log_file in [token]; to be told that this one was applied would be untrue. */
static void the_log_file_is_the_daemons(void **state)
{
	(void)state;
	read_both("", "[log]\nfile = /var/log/holdfast\nfiles_kept = 3\n");
	assert_int_equal(find(CHANGES_HOLDFASTD), 2);
	assert_int_equal(find(CHANGES_HOLDFAST_TOKEN), 1);
	assert_string_equal(changed[0].name, "files_kept");
}

static void more_than_fit_are_counted(void **state)
{
	(void)state;
	read_both("", "[server]\nthreads = 2\nconnections_max = 7\n");
	assert_int_equal(changes_find(&before, &after, CHANGES_HOLDFASTD, changed, 1), 2);
}

static void only_what_can_change_is_taken_over(void **state)
{
	(void)state;
	read_both("", "[server]\nlisten = 127.0.0.1:1\nidle_timeout_s = 7\n"
		      "[admin]\nallowed_users = root\n");
	changes_apply(&before, &after);
	assert_string_equal(before.server.listen, "127.0.0.1:4599");
	assert_int_equal(before.server.idle_timeout_s, 7);
	assert_string_equal(before.admin.allowed_users, "root");
	/* And what waits is still told. */
	assert_int_equal(find(CHANGES_HOLDFASTD), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_files_change_nothing),
		cmocka_unit_test(each_change_says_whether_it_is_applied),
		cmocka_unit_test(each_program_is_told_of_its_own),
		cmocka_unit_test(the_log_file_is_the_daemons),
		cmocka_unit_test(more_than_fit_are_counted),
		cmocka_unit_test(only_what_can_change_is_taken_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
