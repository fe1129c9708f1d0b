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
	static const char *const words[] = {"",
					    "x",
					    "at",
					    "help",
					    "decommission",
					    "ignite",
					    "statusstatusstatusstatusstatusstatus"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		assert_null(command_suggest(words[i]));
}

/* What a table of the command line must hold, or the parser reads something else into it. */
static void check_rows(const struct argument *table)
{
	bool repeated = false, optional = false;
	for (; !arguments_end(table); table++) {
		assert_non_null(table->help);
		assert_true((table->value == NULL) == (table->kind == ARGUMENT_FLAG));
		if (table->option != NULL)
			continue;
		assert_false(repeated); /* it takes all words that are left */
		assert_false(optional); /* only the last word may be missing */
		optional = !table->required;
		repeated = table->kind >= ARGUMENT_LIST;
	}
}

static void every_verb_is_an_operation_or_runs_with_sound_arguments(void **state)
{
	(void)state;
	size_t count = 0;
	const struct command *command;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		assert_true((command->run == NULL) == (command->verbs != NULL));
		for (const struct verb *verb = command->verbs; verb && verb->name != NULL; verb++) {
			assert_ptr_equal(command_verb(command, verb->name), verb);
			assert_true((verb->operation == NULL) == (verb->run != NULL));
			assert_true(verb->operation == NULL || verb->operation[0] != 0);
			assert_true(strlen(verb->summary) > 0);
			check_rows(verb->arguments);
			count++;
		}
	}
	assert_true(count > 40);
}

static void slips_in_verbs_are_understood(void **state)
{
	(void)state;
	assert_string_equal(command_suggest_verb(&cmd_user, "crate")->name, "create");
	assert_string_equal(command_suggest_verb(&cmd_group, "adduser")->name, "add-user");
	assert_null(command_suggest_verb(&cmd_user, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found_by_their_whole_name),
		cmocka_unit_test(every_command_has_a_row),
		cmocka_unit_test(slips_are_understood),
		cmocka_unit_test(other_words_are_not),
		cmocka_unit_test(every_verb_is_an_operation_or_runs_with_sound_arguments),
		cmocka_unit_test(slips_in_verbs_are_understood),
	};
	return cmocka_run_group_tests_name("cli command", tests, NULL, NULL);
}
