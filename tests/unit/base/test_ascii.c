/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of characters: where each begins and ends, and what consists of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ascii.h"
#include "base/macros.h"

static const struct {
	uint8_t c;
	unsigned class; /* 0: of none */
} bytes[] = {
	{'0', ASCII_DIGIT},
	{'9', ASCII_DIGIT},
	{'0' - 1, 0},
	{'9' + 1, 0},
	{'a', ASCII_LOWER},
	{'z', ASCII_LOWER},
	{'a' - 1, 0},
	{'z' + 1, 0},
	{'A', ASCII_UPPER},
	{'Z', ASCII_UPPER},
	{'A' - 1, 0},
	{'Z' + 1, 0},
	{0, 0},
	{0x80, 0},
	{'a' | 0x80, 0},
	{0xff, 0},
};

static void each_byte_is_of_its_class_alone(void **state)
{
	(void)state;
	static const unsigned classes[] = {ASCII_DIGIT, ASCII_LOWER, ASCII_UPPER};
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		for (size_t k = 0; k < ARRAY_LEN(classes); k++)
			assert_int_equal(ascii_is(bytes[i].c, classes[k]),
					 bytes[i].class == classes[k]);
}

static void classes_add_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		assert_int_equal(ascii_is(bytes[i].c, ASCII_ALPHANUMERIC), bytes[i].class != 0);
		assert_false(ascii_is(bytes[i].c, 0));
	}
	assert_true(ascii_is('q', ASCII_LETTER) && ascii_is('Q', ASCII_LETTER));
	assert_false(ascii_is('5', ASCII_LETTER));
}

static void a_text_consists_of_classes_and_marks(void **state)
{
	(void)state;
	const struct view marks = VIEW_LITERAL("_.-");
	assert_true(ascii_consists_of(VIEW_LITERAL("a_B-3."), ASCII_ALPHANUMERIC, marks));
	assert_true(ascii_consists_of(VIEW_LITERAL("--"), ASCII_DIGIT, marks));
	assert_true(ascii_consists_of(VIEW_LITERAL("007"), ASCII_DIGIT, VIEW_NONE));
	assert_false(ascii_consists_of(VIEW_LITERAL("a_B-3."), ASCII_LOWER | ASCII_DIGIT, marks));
	assert_false(ascii_consists_of(VIEW_LITERAL("ab "), ASCII_ALPHANUMERIC, marks));
	assert_false(ascii_consists_of(VIEW_LITERAL(" ab"), ASCII_ALPHANUMERIC, marks));
	assert_false(ascii_consists_of(VIEW_LITERAL("a\0b"), ASCII_ALPHANUMERIC, marks));
	assert_false(ascii_consists_of(VIEW_LITERAL("a\xc3\xa4"), ASCII_ALPHANUMERIC, marks));
}

static void nothing_consists_of_nothing(void **state)
{
	(void)state;
	assert_false(ascii_consists_of(VIEW_NONE, ASCII_ALPHANUMERIC, VIEW_LITERAL("_")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_of_its_class_alone),
		cmocka_unit_test(classes_add_up),
		cmocka_unit_test(a_text_consists_of_classes_and_marks),
		cmocka_unit_test(nothing_consists_of_nothing),
	};
	return cmocka_run_group_tests_name("base_ascii", tests, NULL, NULL);
}
