/* SPDX-License-Identifier: Apache-2.0 */
/* Views: comparing, cutting, trimming; empty and NULL ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/view.h"

static void views_compare_by_content(void **state)
{
	(void)state;
	assert_true(view_equal(VIEW_LITERAL("ab"), VIEW_LITERAL("ab")));
	assert_false(view_equal(VIEW_LITERAL("ab"), VIEW_LITERAL("aB")));
	assert_false(view_equal(VIEW_LITERAL("ab"), VIEW_LITERAL("abc")));
	assert_true(view_equal(VIEW_NONE, VIEW_LITERAL("")));
	assert_true(view_equal_text(VIEW_LITERAL("ab"), "ab"));
	assert_true(view_equal_text(VIEW_NONE, ""));
	assert_true(view_equal_text(VIEW_NONE, NULL));
	assert_false(view_equal_text(VIEW_LITERAL("a\0b"), "a"));
	assert_int_equal(view_of_text(NULL).len, 0);
}

static void case_is_ignored_for_ascii_letters_alone(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			const uint8_t x = (uint8_t)a;
			const uint8_t y = (uint8_t)b;
			bool letters = (a ^ b) == 0x20 && ((a | 0x20) >= 'a' && (a | 0x20) <= 'z');
			assert_int_equal(view_equal_ignore_case(view_of(&x, 1), view_of(&y, 1)),
					 a == b || letters);
		}
	assert_false(view_equal_ignore_case(VIEW_LITERAL("a"), VIEW_LITERAL("ab")));
}

static void order_is_by_bytes_then_length(void **state)
{
	(void)state;
	static const uint8_t high[] = {0x80};
	assert_true(view_compare(VIEW_LITERAL("a"), VIEW_LITERAL("b")) < 0);
	assert_true(view_compare(VIEW_LITERAL("b"), VIEW_LITERAL("ab")) > 0);
	assert_true(view_compare(VIEW_LITERAL("a"), VIEW_LITERAL("ab")) < 0);
	assert_true(view_compare(VIEW_NONE, VIEW_LITERAL("a")) < 0);
	assert_int_equal(view_compare(VIEW_NONE, VIEW_LITERAL("")), 0);
	assert_true(view_compare(VIEW_ARRAY(high), VIEW_LITERAL("z")) > 0); /* unsigned */
}

static void prefixes_are_found(void **state)
{
	(void)state;
	assert_true(view_starts_with(VIEW_LITERAL("abc"), VIEW_LITERAL("ab")));
	assert_true(view_starts_with(VIEW_LITERAL("abc"), VIEW_LITERAL("abc")));
	assert_true(view_starts_with(VIEW_LITERAL("abc"), VIEW_NONE));
	assert_true(view_starts_with(VIEW_NONE, VIEW_NONE));
	assert_false(view_starts_with(VIEW_LITERAL("ab"), VIEW_LITERAL("abc")));
	assert_false(view_starts_with(VIEW_LITERAL("xbc"), VIEW_LITERAL("ab")));
}

static void parts_are_cut_to_what_there_is(void **state)
{
	(void)state;
	struct view v = VIEW_LITERAL("abcdef");
	assert_true(view_equal_text(view_part(v, 2, 3), "cde"));
	assert_true(view_equal_text(view_part(v, 2, 100), "cdef"));
	assert_true(view_equal_text(view_part(v, 5, SIZE_MAX), "f"));
	assert_int_equal(view_part(v, 6, 1).len, 0);
	assert_int_equal(view_part(v, SIZE_MAX, SIZE_MAX).len, 0);
	assert_int_equal(view_part(v, 2, 0).len, 0);
	assert_int_equal(view_part(VIEW_NONE, 0, 1).len, 0);
}

static void blanks_are_trimmed_at_both_ends(void **state)
{
	(void)state;
	assert_true(view_equal_text(view_trim(VIEW_LITERAL(" \t a b\t ")), "a b"));
	assert_true(view_equal_text(view_trim(VIEW_LITERAL("ab")), "ab"));
	assert_true(view_equal_text(view_trim(VIEW_LITERAL("\nab\n")), "\nab\n"));
	assert_int_equal(view_trim(VIEW_LITERAL(" \t ")).len, 0);
	assert_int_equal(view_trim(VIEW_NONE).len, 0);
}

static void cutting_walks_through_all_parts(void **state)
{
	(void)state;
	struct view rest = VIEW_LITERAL("a,,b,");
	assert_true(view_equal_text(view_cut(&rest, ','), "a"));
	assert_true(view_equal_text(view_cut(&rest, ','), ""));
	assert_true(view_equal_text(view_cut(&rest, ','), "b"));
	assert_non_null(rest.ptr); /* behind the last comma stands an empty part */
	assert_true(view_equal_text(view_cut(&rest, ','), ""));
	assert_null(rest.ptr);
	assert_int_equal(view_cut(&rest, ',').len, 0);
	rest = VIEW_LITERAL("whole");
	assert_true(view_equal_text(view_cut(&rest, ','), "whole"));
	assert_null(rest.ptr);
}

static void a_byte_is_found_or_the_length(void **state)
{
	(void)state;
	assert_int_equal(view_find(VIEW_LITERAL("abcabc"), 'c'), 2);
	assert_int_equal(view_find(VIEW_LITERAL("abc"), 'x'), 3);
	assert_int_equal(view_find(VIEW_LITERAL("ab\0c"), 0), 2);
	assert_int_equal(view_find(VIEW_NONE, 'x'), 0);
}

static void a_part_is_found_or_the_length(void **state)
{
	(void)state;
	assert_int_equal(view_search(VIEW_LITERAL("abcabd"), VIEW_LITERAL("abd")), 3);
	assert_int_equal(view_search(VIEW_LITERAL("abcabc"), VIEW_LITERAL("abc")), 0);
	assert_int_equal(view_search(VIEW_LITERAL("abc"), VIEW_LITERAL("bcd")), 3);
	assert_int_equal(view_search(VIEW_LITERAL("abc"), VIEW_LITERAL("abcd")), 3);
	assert_int_equal(view_search(VIEW_LITERAL("abc"), VIEW_NONE), 0);
	assert_int_equal(view_search(VIEW_NONE, VIEW_LITERAL("a")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_compare_by_content),
		cmocka_unit_test(case_is_ignored_for_ascii_letters_alone),
		cmocka_unit_test(order_is_by_bytes_then_length),
		cmocka_unit_test(prefixes_are_found),
		cmocka_unit_test(parts_are_cut_to_what_there_is),
		cmocka_unit_test(blanks_are_trimmed_at_both_ends),
		cmocka_unit_test(cutting_walks_through_all_parts),
		cmocka_unit_test(a_byte_is_found_or_the_length),
		cmocka_unit_test(a_part_is_found_or_the_length),
	};
	return cmocka_run_group_tests_name("base_view", tests, NULL, NULL);
}
