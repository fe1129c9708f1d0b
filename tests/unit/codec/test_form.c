/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/writer.h"

static struct err parse(const char *text)
{
	CLEANUP(form_free) struct form *form = NULL;
	return form_parse(view_of_text(text), &form);
}

static void expect_pair(const char *text, const char *name, const char *value)
{
	CLEANUP(form_free) struct form *form = NULL;
	struct view found;
	assert_false(err_failed(form_parse(view_of_text(text), &form)));
	assert_true(form_find(form, name, &found));
	assert_true(view_equal_text(found, value));
}

#define assert_refused(text, code) assert_true(err_is(parse(text), code))

static void test_pairs_come_in_the_order_of_the_text(UNUSED void **state)
{
	CLEANUP(form_free) struct form *form = NULL;
	struct form_pair pair;
	assert_false(err_failed(form_parse(VIEW_LITERAL("b=1&a=2"), &form)));
	assert_true(form_at(form, 0, &pair));
	assert_true(view_equal_text(pair.name, "b") && view_equal_text(pair.value, "1"));
	assert_true(form_at(form, 1, &pair));
	assert_true(view_equal_text(pair.name, "a") && view_equal_text(pair.value, "2"));
	assert_false(form_at(form, 2, &pair));
}

static void test_an_empty_text_is_an_empty_form(UNUSED void **state)
{
	CLEANUP(form_free) struct form *form = NULL;
	struct form_pair pair;
	struct view value;
	assert_false(err_failed(form_parse(VIEW_NONE, &form)));
	assert_false(form_at(form, 0, &pair));
	assert_false(form_find(form, "a", &value));
}

static void test_escapes_are_undone(UNUSED void **state)
{
	expect_pair("a%3D=%c3%A4%26%2B+x", "a=", "\xc3\xa4&+ x");
	expect_pair("a=%0A%7B%22", "a", "\n{\"");
}

static void test_values_may_be_empty_or_hold_equals_signs(UNUSED void **state)
{
	expect_pair("a=", "a", "");
	expect_pair("a=b=c=", "a", "b=c=");
}

static void test_names_are_told_apart_by_case(UNUSED void **state)
{
	expect_pair("a=1&A=2", "A", "2");
}

static void test_a_name_stands_once(UNUSED void **state)
{
	assert_refused("a=1&a=1", E_DUPLICATE);
	assert_refused("a=1&%61=2", E_DUPLICATE);
}

static void test_broken_escapes_are_refused(UNUSED void **state)
{
	assert_refused("a=%", E_FORMAT);
	assert_refused("a=%4", E_FORMAT);
	assert_refused("a=%4g", E_FORMAT);
	assert_refused("%zz=1", E_FORMAT);
}

static void test_bytes_that_must_be_escaped_are_refused(UNUSED void **state)
{
	assert_refused("a=b c", E_FORMAT);
	assert_refused("a=b\n", E_FORMAT);
	assert_refused("a=\xc3\xa4", E_FORMAT);
}

static void test_a_nul_is_refused(UNUSED void **state)
{
	assert_refused("a=%00", E_FORMAT);
	assert_refused("a%00=1", E_FORMAT);
}

static void test_text_that_is_no_utf8_is_refused(UNUSED void **state)
{
	assert_refused("a=%ff", E_UTF8);
	assert_refused("%c3=1", E_UTF8);
}

static void test_pieces_that_are_no_pairs_are_refused(UNUSED void **state)
{
	assert_refused("a", E_FORMAT);
	assert_refused("=1", E_FORMAT);
	assert_refused("a=1&", E_FORMAT);
	assert_refused("&a=1", E_FORMAT);
	assert_refused("a=1&&b=2", E_FORMAT);
}

static void test_the_number_of_pairs_is_bounded(UNUSED void **state)
{
	char text[FORM_PAIRS_MAX * 8];
	struct writer w;
	writer_init(&w, text, sizeof text);
	writer_text(&w, "n=1");
	for (int i = 1; i < FORM_PAIRS_MAX; i++)
		writer_format(&w, "&n%d=1", i);
	CLEANUP(form_free) struct form *form = NULL;
	assert_false(err_failed(form_parse(view_of(text, w.len), &form)));
	writer_text(&w, "&m=1");
	form_free(&form);
	assert_true(err_is(form_parse(view_of(text, w.len), &form), E_BOUNDS));
	assert_null(form);
}

static void test_the_length_is_bounded(UNUSED void **state)
{
	static char text[FORM_BYTES_MAX + 1];
	memset(text, 'a', sizeof text);
	text[1] = '=';
	CLEANUP(form_free) struct form *form = NULL;
	assert_true(err_is(form_parse(view_of(text, sizeof text), &form), E_BOUNDS));
	assert_false(err_failed(form_parse(view_of(text, sizeof text - 1), &form)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs_come_in_the_order_of_the_text),
		cmocka_unit_test(test_an_empty_text_is_an_empty_form),
		cmocka_unit_test(test_escapes_are_undone),
		cmocka_unit_test(test_values_may_be_empty_or_hold_equals_signs),
		cmocka_unit_test(test_names_are_told_apart_by_case),
		cmocka_unit_test(test_a_name_stands_once),
		cmocka_unit_test(test_broken_escapes_are_refused),
		cmocka_unit_test(test_bytes_that_must_be_escaped_are_refused),
		cmocka_unit_test(test_a_nul_is_refused),
		cmocka_unit_test(test_text_that_is_no_utf8_is_refused),
		cmocka_unit_test(test_pieces_that_are_no_pairs_are_refused),
		cmocka_unit_test(test_the_number_of_pairs_is_bounded),
		cmocka_unit_test(test_the_length_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
