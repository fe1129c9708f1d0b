/* SPDX-License-Identifier: Apache-2.0 */
/* The error table: every row whole, every value answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static const char *const names[] = {
#define ERR_ROW(code, category, meaning, action) #code,
#include "base/err.def"
#undef ERR_ROW
};

static void every_row_has_a_name_a_meaning_and_an_action(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(names), ERR_CODE_COUNT);
	for (uint16_t code = 0; code < ERR_CODE_COUNT; code++) {
		struct err e = {.code = code};
		assert_string_equal(err_name(e), names[code]);
		assert_true(strlen(err_meaning(e)) > 5);
		assert_true(strlen(err_action(e)) > 5);
		assert_null(strpbrk(err_meaning(e), "\n\"\\"));
		assert_null(strpbrk(err_action(e), "\n\"\\"));
		assert_int_equal(err_category(e) == ERR_NONE, code == E_OK);
		assert_in_range(err_category(e), ERR_NONE, ERR_INTERNAL);
	}
}

/* Two codes that mean the same would be one too many. */
static void no_meaning_stands_twice(void **state)
{
	(void)state;
	for (uint16_t a = 0; a < ERR_CODE_COUNT; a++)
		for (uint16_t b = 0; b < a; b++)
			assert_string_not_equal(err_meaning((struct err){.code = a}),
						err_meaning((struct err){.code = b}));
}

static void a_code_that_does_not_exist_is_a_defect(void **state)
{
	(void)state;
	const uint16_t codes[] = {ERR_CODE_COUNT, ERR_CODE_COUNT + 1, UINT16_MAX};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct err e = {.code = codes[i]};
		assert_string_equal(err_name(e), "E_BUG");
		assert_int_equal(err_category(e), ERR_INTERNAL);
		assert_true(err_failed(e));
	}
}

static struct err required(bool condition)
{
	REQUIRE(condition, E_FORMAT);
	return OK;
}

static struct err tried(bool condition, int *reached)
{
	TRY(required(condition));
	(*reached)++;
	ENSURE(*reached < 2);
	return OK;
}

static void the_macros_leave_at_the_first_failure(void **state)
{
	(void)state;
	int reached = 0;
	assert_true(err_is(tried(false, &reached), E_FORMAT));
	assert_int_equal(reached, 0);
	assert_false(err_failed(tried(true, &reached)));
	assert_true(err_is(tried(true, &reached), E_BUG));
}

static void an_error_knows_where_it_was_noticed(void **state)
{
	(void)state;
	struct err e = ERR_DETAIL(E_SYSTEM, 17);
	int line = __LINE__ - 1;
	assert_int_equal(e.line, line);
	assert_int_equal(e.detail, 17);
	assert_string_equal(e.file, "test_err.c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_name_a_meaning_and_an_action),
		cmocka_unit_test(no_meaning_stands_twice),
		cmocka_unit_test(a_code_that_does_not_exist_is_a_defect),
		cmocka_unit_test(the_macros_leave_at_the_first_failure),
		cmocka_unit_test(an_error_knows_where_it_was_noticed),
	};
	return cmocka_run_group_tests_name("base_err", tests, NULL, NULL);
}
