/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void commands_are_found_by_their_whole_name(void **state)
{
	(void)state;
	assert_ptr_equal(command_find("status"), &cmd_status);
	assert_null(command_find("stat"));
	assert_null(command_find(""));
}

static void every_command_has_a_row(void **state)
{
	(void)state;
	size_t count = 0;
	for (const struct command *row; (row = command_at(count)) != NULL; count++) {
		assert_ptr_equal(command_find(row->name), row);
		assert_true(strlen(row->summary) > 0);
	}
	assert_true(count > 0);
}

static void slips_are_understood(void **state)
{
	(void)state;
	static const char *const slips[] = {"statsu", "Status",  "stauts",
					    "tatus",  "statuss", "stat"};
	for (size_t i = 0; i < ARRAY_LEN(slips); i++)
		assert_ptr_equal(command_suggest(slips[i]), &cmd_status);
}

static void other_words_are_not(void **state)
{
	(void)state;
	static const char *const words[] = {
		"", "x", "at", "rotate", "decommission", "statusstatusstatusstatusstatusstatus"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		assert_null(command_suggest(words[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found_by_their_whole_name),
		cmocka_unit_test(every_command_has_a_row),
		cmocka_unit_test(slips_are_understood),
		cmocka_unit_test(other_words_are_not),
	};
	return cmocka_run_group_tests_name("cli command", tests, NULL, NULL);
}
