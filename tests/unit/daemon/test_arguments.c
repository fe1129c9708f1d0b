/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/settings.h"

#define WORDS_MAX 16

static struct arguments got;
static char message[ARGUMENTS_MESSAGE_MAX];

/* Blank-separated words after the program's name. */
static struct err parse(const char *line)
{
	static char words[WORDS_MAX][128];
	char *argv[WORDS_MAX + 2] = {words[0]};
	int argc = 1;
	assert_int_equal(text_copy(words[0], sizeof words[0], VIEW_LITERAL("holdfastd")).code,
			 E_OK);
	struct view rest = view_of_text(line);
	while (rest.ptr != NULL && rest.len > 0) {
		struct view word = view_cut(&rest, ' ');
		assert_true(argc < WORDS_MAX);
		assert_int_equal(text_copy(words[argc], sizeof words[argc], word).code, E_OK);
		argv[argc] = words[argc];
		argc++;
	}
	return arguments_parse(argc, argv, &got, message);
}

#define INIT "--init --region eu-central-1 --account 123456789012 --credentials /x"

static void nothing_means_serve(void **state)
{
	(void)state;
	assert_int_equal(parse("").code, E_OK);
	assert_int_equal(got.mode, ARGUMENTS_SERVE);
	assert_string_equal(got.config, SETTINGS_PATH_DEFAULT);
}

static void init_takes_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(parse("--config /c " INIT " --administrator Ann").code, E_OK);
	assert_int_equal(got.mode, ARGUMENTS_INIT);
	assert_string_equal(got.config, "/c");
	assert_string_equal(got.region, "eu-central-1");
	assert_string_equal(got.account, "123456789012");
	assert_string_equal(got.partition, "aws");
	assert_string_equal(got.administrator, "Ann");
	assert_string_equal(got.credentials, "/x");
}

static void recovery_takes_what_it_may(void **state)
{
	(void)state;
	assert_int_equal(parse("--recover").code, E_OK);
	assert_int_equal(got.mode, ARGUMENTS_RECOVER);
	assert_null(got.restore);
	assert_null(got.accept);
	assert_false(got.accept_token || got.discard_refused || got.json);
	assert_int_equal(parse("--recover --accept 0123-4567-89ab-cdef --accept-token "
			       "--discard-refused --json --config /c")
				 .code,
			 E_OK);
	assert_string_equal(got.accept, "0123-4567-89ab-cdef");
	assert_true(got.accept_token && got.discard_refused && got.json);
	assert_int_equal(parse("--restore /backup.db").code, E_OK);
	assert_int_equal(got.mode, ARGUMENTS_RECOVER);
	assert_string_equal(got.restore, "/backup.db");
	assert_int_equal(parse("--recover --restore /backup.db").code, E_OK);
}

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *line, *named;
	} cases[] = {
		{"--frob", "--frob"},
		{"--check=yes", "--check=yes"},
		{"--config", "--config"},
		{"extra", "extra"},
		{"--check --init", "exclude"},
		{"--init --region a --account 123456789012", "--credentials"},
		{"--region eu-west-1", "--init"},
		{"--recover --init", "exclude"},
		{"--accept 0123-4567-89ab-cdef", "--recover"},
		{"--check --restore /b", "--recover"},
		{"--json", "--recover"},
		{"--recover --region a", "--init"},
		{"--recover --accept", "--accept"},
		{"--recover --accept 0123456789abcdef", "0123456789abcdef"},
		{"--recover --accept 0123-4567-89ab-cde", "0123-4567-89ab-cde"},
		{"--recover --accept 0123-4567-89ab-cdeF", "0123-4567-89ab-cdeF"},
		{"--recover --accept 0123-4567-89ab-cdef-", "0123-4567-89ab-cdef-"},
		{"--recover --discard-refused", "--accept"},
		{"--init --region EU --account 123456789012 --credentials /x", "EU"},
		{"--init --region 1-a --account 123456789012 --credentials /x", "1-a"},
		{"--init --region a --account 12345678901 --credentials /x", "12345678901"},
		{"--init --region a --account 12345678901x --credentials /x", "12345678901x"},
		{INIT " --administrator a:b", "a:b"},
		{INIT " --partition AWS", "AWS"},
		{INIT " --partition aws-iso", "aws-iso"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].line).code, E_USAGE);
		assert_non_null(strstr(message, cases[i].named));
	}
}

static void long_values_are_cut_in_the_message(void **state)
{
	(void)state;
	char value[2048] = "";
	memset(value, 'z', sizeof value - 1);
	char *argv[] = {value, value, NULL};
	assert_int_equal(arguments_parse(2, argv, &got, message).code, E_USAGE);
	assert_true(strlen(message) < ARGUMENTS_MESSAGE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_means_serve),
		cmocka_unit_test(init_takes_what_it_needs),
		cmocka_unit_test(recovery_takes_what_it_may),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(long_values_are_cut_in_the_message),
	};
	return cmocka_run_group_tests_name("daemon arguments", tests, NULL, NULL);
}
