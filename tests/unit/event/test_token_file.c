/* SPDX-License-Identifier: Apache-2.0 */
#include "event/token_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "folder.h"

static const char *fault;

static struct err read_token(const char *text, mode_t mode, struct secret **out)
{
	folder_write("token", text, mode);
	return token_file_read(folder_path("token"), out, &fault);
}

static void assert_refused(const char *text, mode_t mode, const char *word)
{
	struct secret *token = NULL;
	assert_int_equal(read_token(text, mode, &token).code, E_SETTINGS);
	assert_null(token);
	assert_non_null(strstr(fault, word));
}

static void the_first_line_becomes_a_header(void **state)
{
	(void)state;
	static const char *const texts[] = {"abc.D-9_~+/==\n",
					    "abc.D-9_~+/==", "abc.D-9_~+/==\r\nsecond line\n",
					    " abc.D-9_~+/== \n"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct secret *token = NULL;
		assert_int_equal(read_token(texts[i], 0600, &token).code, E_OK);
		assert_string_equal((const char *)token->ptr,
				    "Authorization: Bearer abc.D-9_~+/==");
		secret_free(&token);
	}
}

static void what_is_no_token_is_refused(void **state)
{
	(void)state;
	static char long_line[5000];
	memset(long_line, 'a', sizeof long_line - 1);
	assert_refused("", 0600, "bearer token");
	assert_refused("\nabc\n", 0600, "bearer token");
	assert_refused("a b\n", 0600, "bearer token");
	assert_refused("a=b\n", 0600, "bearer token");
	assert_refused("a\rX-Header: b\n", 0600, "bearer token");
	assert_refused(long_line, 0600, "bearer token");
}

static void one_that_others_may_read_is_refused(void **state)
{
	(void)state;
	assert_refused("abc\n", 0604, "chmod");
	assert_refused("abc\n", 0620, "chmod");
	struct secret *token = NULL;
	assert_int_equal(token_file_read(folder_path("none"), &token, &fault).code, E_SETTINGS);
	assert_non_null(strstr(fault, "cannot be opened"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_line_becomes_a_header),
		TEST(what_is_no_token_is_refused),
		TEST(one_that_others_may_read_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
