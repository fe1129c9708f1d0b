/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/hex.h"

static void bytes_are_written_in_lower_case(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x9f, 0xa0, 0xbc, 0xde, 0xff};
	char text[15];
	struct writer w;
	(void)state;
	writer_init(&w, text, sizeof text);
	hex_encode(&w, VIEW_NONE);
	hex_encode(&w, VIEW_ARRAY(bytes));
	assert_int_equal(writer_end_text(&w).code, E_OK);
	assert_string_equal(text, "00019fa0bcdeff");
}

static void every_byte_comes_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i, back = 0;
		char text[2];
		struct writer w;
		writer_init(&w, text, sizeof text);
		hex_encode(&w, view_of(&byte, 1));
		assert_int_equal(hex_decode(VIEW_ARRAY(text), &back, 1).code, E_OK);
		assert_int_equal(back, byte);
	}
}

static void both_cases_are_read(void **state)
{
	uint8_t bytes[3];
	(void)state;
	assert_int_equal(hex_decode(VIEW_LITERAL("aBCdEf"), bytes, 3).code, E_OK);
	assert_memory_equal(bytes, "\xab\xcd\xef", 3);
}

static void foreign_symbols_are_refused(void **state)
{
	int taken = 0;
	(void)state;
	for (int c = 0; c < 256; c++) {
		const char high[] = {(char)c, '0'}, low[] = {'0', (char)c};
		uint8_t byte = 0;
		bool first = !err_failed(hex_decode(VIEW_ARRAY(high), &byte, 1));
		bool second = !err_failed(hex_decode(VIEW_ARRAY(low), &byte, 1));
		assert_int_equal(first, second);
		taken += first;
	}
	assert_int_equal(taken, 22);
}

static void length_must_fit_and_failure_leaves_the_bytes(void **state)
{
	uint8_t bytes[2] = {7, 7};
	(void)state;
	assert_int_equal(hex_decode(VIEW_LITERAL("0102"), bytes, 1).code, E_FORMAT);
	assert_int_equal(hex_decode(VIEW_LITERAL("01"), bytes, 2).code, E_FORMAT);
	assert_int_equal(hex_decode(VIEW_LITERAL("010"), bytes, 1).code, E_FORMAT);
	assert_int_equal(hex_decode(VIEW_LITERAL("010g"), bytes, 2).code, E_FORMAT);
	assert_memory_equal(bytes, "\7\7", 2);
	assert_int_equal(hex_decode(VIEW_NONE, bytes, 0).code, E_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_written_in_lower_case),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(both_cases_are_read),
		cmocka_unit_test(foreign_symbols_are_refused),
		cmocka_unit_test(length_must_fit_and_failure_leaves_the_bytes),
	};
	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
