/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's randomness: every byte filled, none repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/entropy.h"
#include "base/macros.h"

static void every_byte_is_filled(void **state)
{
	(void)state;
	/* 600 bytes need more than one getrandom(2) of 256 where signals may interrupt. */
	uint8_t seen[600] = {0};
	for (int round = 0; round < 20; round++) {
		uint8_t bytes[ARRAY_LEN(seen) + 1];
		memset(bytes, 0, sizeof bytes);
		bytes[ARRAY_LEN(seen)] = 0x77;
		assert_false(err_failed(entropy_fill(bytes, ARRAY_LEN(seen))));
		assert_int_equal(bytes[ARRAY_LEN(seen)], 0x77);
		for (size_t i = 0; i < ARRAY_LEN(seen); i++)
			seen[i] |= bytes[i];
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_int_not_equal(seen[i], 0);
}

static void two_fills_differ(void **state)
{
	(void)state;
	uint8_t a[16];
	uint8_t b[16];
	assert_false(err_failed(entropy_fill(a, sizeof a)));
	assert_false(err_failed(entropy_fill(b, sizeof b)));
	assert_memory_not_equal(a, b, sizeof a);
	assert_false(err_failed(entropy_fill(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_filled),
		cmocka_unit_test(two_fills_differ),
	};
	return cmocka_run_group_tests_name("base_entropy", tests, NULL, NULL);
}
