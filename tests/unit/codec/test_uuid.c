/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/uuid.h"

static void they_are_random_and_of_version_4(void **state)
{
	(void)state;
	char a[UUID_TEXT_LEN + 1];
	char b[UUID_TEXT_LEN + 1];
	for (int i = 0; i < 64; i++) {
		assert_false(err_failed(uuid_make(a)));
		assert_false(err_failed(uuid_make(b)));
		assert_string_not_equal(a, b);
		assert_int_equal(strlen(a), UUID_TEXT_LEN);
		for (size_t at = 0; at < UUID_TEXT_LEN; at++) {
			bool dash = at == 8 || at == 13 || at == 18 || at == 23;
			assert_non_null(strchr(dash ? "-" : "0123456789abcdef", a[at]));
		}
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_random_and_of_version_4),
	};
	return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
