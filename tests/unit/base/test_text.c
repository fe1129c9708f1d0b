/* SPDX-License-Identifier: Apache-2.0 */
/* Text: bounded copies, checked numbers, UTF-8 at all its borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

static void a_copy_fits_with_its_nul_or_is_empty(void **state)
{
	(void)state;
	char dst[4] = "zzz";
	assert_false(err_failed(text_copy(dst, sizeof dst, VIEW_LITERAL("abc"))));
	assert_string_equal(dst, "abc");
	assert_true(err_is(text_copy(dst, sizeof dst, VIEW_LITERAL("abcd")), E_BOUNDS));
	assert_string_equal(dst, "");
	assert_false(err_failed(text_copy(dst, 1, VIEW_NONE)));
	assert_string_equal(dst, "");
	assert_true(err_is(text_copy(dst, sizeof dst, VIEW_LITERAL("a\0b")), E_FORMAT));
	assert_string_equal(dst, "");
	memcpy(dst, "zzz", 4);
	assert_true(err_is(text_copy(dst, 0, VIEW_NONE), E_BUG));
	assert_string_equal(dst, "zzz");
}

static void a_new_copy_is_owned(void **state)
{
	(void)state;
	CLEANUP(mem_free_at) char *text = NULL;
	char *none = (char *)1;
	assert_false(err_failed(text_new(VIEW_LITERAL("abc"), &text)));
	assert_string_equal(text, "abc");
	assert_true(err_is(text_new(VIEW_LITERAL("a\0b"), &none), E_FORMAT));
	assert_null(none);
	assert_false(err_failed(text_new(VIEW_NONE, &none)));
	assert_string_equal(none, "");
	mem_free(none);
}

static void formatted_text_fits_or_is_empty(void **state)
{
	(void)state;
	char dst[4] = "zzz";
	assert_false(err_failed(text_format(dst, sizeof dst, "%d", 123)));
	assert_string_equal(dst, "123");
	assert_true(err_is(text_format(dst, sizeof dst, "%d", 1234), E_BOUNDS));
	assert_string_equal(dst, "");
	memcpy(dst, "zzz", 4);
	assert_true(err_is(text_format(dst, 0, "%d", 1), E_BUG));
	assert_string_equal(dst, "zzz");
}

struct number_case {
	const char *text;
	int64_t min, max;
	enum err_code code;
	int64_t value;
};

static void numbers_are_checked_whole(void **state)
{
	(void)state;
	static const struct number_case cases[] = {
		{"0", 0, 10, E_OK, 0},
		{"10", 0, 10, E_OK, 10},
		{"007", 0, 10, E_OK, 7},
		{"-5", -5, 5, E_OK, -5},
		{"-0", 0, 0, E_OK, 0},
		{"9223372036854775807", 0, INT64_MAX, E_OK, INT64_MAX},
		{"-9223372036854775807", INT64_MIN, 0, E_OK, -INT64_MAX},
		{"11", 0, 10, E_BOUNDS, 0},
		{"-1", 0, 10, E_BOUNDS, 0},
		{"9223372036854775808", 0, INT64_MAX, E_BOUNDS, 0},
		{"9999999999999999999", 0, INT64_MAX, E_BOUNDS, 0},
		{"", 0, 10, E_FORMAT, 0},
		{"-", -10, 10, E_FORMAT, 0},
		{"--1", -10, 10, E_FORMAT, 0},
		{"+1", 0, 10, E_FORMAT, 0},
		{" 1", 0, 10, E_FORMAT, 0},
		{"1 ", 0, 10, E_FORMAT, 0},
		{"1x", 0, 10, E_FORMAT, 0},
		{"0x1", 0, 10, E_FORMAT, 0},
		{"1.0", 0, 10, E_FORMAT, 0},
		{"1e1", 0, 10, E_FORMAT, 0},
		{"/", 0, 10, E_FORMAT, 0}, /* the neighbours of the digits */
		{":", 0, 10, E_FORMAT, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t value = 77;
		struct err e = text_parse_integer(view_of_text(cases[i].text), cases[i].min,
						  cases[i].max, &value);
		if (e.code != cases[i].code || value != cases[i].value)
			fail_msg("\"%s\": %s, %lld", cases[i].text, err_name(e), (long long)value);
	}
}

/* RFC 3629 §3, written the other way round: from the code point to the bytes. */
static size_t encode(uint32_t point, uint8_t out[4])
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
	for (size_t i = n; i > 1; i--) {
		out[i - 1] = (uint8_t)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	out[0] = (uint8_t)(leads[n] | point);
	return n;
}

static void every_code_point_but_surrogates_is_utf8(void **state)
{
	(void)state;
	for (uint32_t point = 0; point <= 0x1fffff; point++) {
		uint8_t bytes[4];
		size_t n = encode(point, bytes);
		bool valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
		if (text_is_utf8(view_of(bytes, n)) != valid)
			fail_msg("U+%06x", point);
		if (valid && text_length(view_of(bytes, n)) != 1)
			fail_msg("length of U+%06x", point);
	}
}

/*
 * Of all sequences of up to three bytes (the third at the borders of its ranges) exactly the
 * encodings above are taken. Counted: a valid text of that length is made of code points of one,
 * two and three bytes, and there are 64 of the latter two kinds to each last byte.
 */
static void nothing_else_of_up_to_three_bytes_is_utf8(void **state)
{
	(void)state;
	static const uint8_t thirds[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
	const uint64_t one = 0x80;
	const uint64_t two = 0x800 - 0x80;
	const uint64_t three = 0x10000 - 0x800 - 0x800;
	uint64_t count[4] = {0};
	for (uint32_t all = 0; all < 1u << 16; all++) {
		uint8_t bytes[3] = {(uint8_t)all, (uint8_t)(all >> 8)};
		count[1] += all < 1u << 8 && text_is_utf8(view_of(bytes, 1));
		count[2] += text_is_utf8(view_of(bytes, 2));
		for (size_t i = 0; i < ARRAY_LEN(thirds); i++) {
			bytes[2] = thirds[i];
			count[3] += text_is_utf8(view_of(bytes, 3));
		}
	}
	assert_int_equal(count[1], one);
	assert_int_equal(count[2], one * one + two);
	assert_int_equal(count[3], 2 * (one * one + two + one * (two / 64) + three / 64));
}

static void broken_sequences_of_four_bytes_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[5];
		size_t len;
		bool valid;
	} cases[] = {
		{{0xf0, 0x90, 0x80, 0x80}, 4, true},
		{{0xf4, 0x8f, 0xbf, 0xbf}, 4, true},
		{{0xf0, 0x8f, 0xbf, 0xbf}, 4, false}, /* overlong */
		{{0xf4, 0x90, 0x80, 0x80}, 4, false}, /* above U+10FFFF */
		{{0xf5, 0x80, 0x80, 0x80}, 4, false},
		{{0xf8, 0x88, 0x80, 0x80, 0x80}, 5, false},
		{{0xf1, 0x80, 0x80}, 3, false},
		{{0xf1, 0x80, 0x80, 0x7f}, 4, false},
		{{0xf1, 0x80, 0xc0, 0x80}, 4, false},
		{{0xf1, 0x7f, 0x80, 0x80}, 4, false},
		{{0xf1, 0x80, 0x80, 0xc0}, 4, false},
		{{0xf1, 0x80, 0x80, 0x80, 0x80}, 5, false},
		{{0xff}, 1, false},
		{{0xfe}, 1, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_is_utf8(view_of(cases[i].bytes, cases[i].len)),
				 cases[i].valid);
	assert_true(text_is_utf8(VIEW_NONE));
	assert_true(text_is_utf8(VIEW_LITERAL("a\0b")));
}

static void length_counts_code_points(void **state)
{
	(void)state;
	assert_int_equal(text_length(VIEW_NONE), 0);
	assert_int_equal(text_length(VIEW_LITERAL("abc")), 3);
	assert_int_equal(text_length(VIEW_LITERAL("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91")), 3);
}

static void texts_compare_whole(void **state)
{
	(void)state;
	assert_true(text_equal("", ""));
	assert_true(text_equal("abc", "abc"));
	assert_false(text_equal("abc", "ab"));
	assert_false(text_equal("abc", "abC"));
}

static void distance_counts_slips(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		size_t slips;
	} cases[] = {{"", "", 0},
		     {"", "abc", 3},
		     {"abc", "", 3},
		     {"status", "status", 0},
		     {"stat", "status", 2},
		     {"stauts", "status", 2},
		     {"kitten", "sitting", 3}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_distance(view_of_text(cases[i].a), view_of_text(cases[i].b)),
				 cases[i].slips);
	char longest[TEXT_DISTANCE_MAX + 1];
	memset(longest, 'a', sizeof longest);
	assert_int_equal(text_distance(VIEW_NONE, view_of(longest, TEXT_DISTANCE_MAX)),
			 TEXT_DISTANCE_MAX);
	assert_true(text_distance(VIEW_NONE, view_of(longest, sizeof longest)) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_fits_with_its_nul_or_is_empty),
		cmocka_unit_test(a_new_copy_is_owned),
		cmocka_unit_test(formatted_text_fits_or_is_empty),
		cmocka_unit_test(numbers_are_checked_whole),
		cmocka_unit_test(every_code_point_but_surrogates_is_utf8),
		cmocka_unit_test(nothing_else_of_up_to_three_bytes_is_utf8),
		cmocka_unit_test(broken_sequences_of_four_bytes_are_refused),
		cmocka_unit_test(length_counts_code_points),
		cmocka_unit_test(texts_compare_whole),
		cmocka_unit_test(distance_counts_slips),
	};
	return cmocka_run_group_tests_name("base_text", tests, NULL, NULL);
}
