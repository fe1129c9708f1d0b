/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, with what it needs, and its assertions on struct err: a failure tells where it began. */
#ifndef HOLDFAST_TESTS_SUPPORT_ASSERT_ERR_H
#define HOLDFAST_TESTS_SUPPORT_ASSERT_ERR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include "base/err.h"

#define assert_err(call, expected)                                                       \
	do {                                                                             \
		struct err result_ = (call);                                             \
		if (!err_is(result_, expected))                                          \
			fail_msg("%s at %s:%u, detail 0x%x, not %s", err_name(result_),  \
				 result_.file, result_.line, result_.detail, #expected); \
	} while (0)

#define assert_ok(call) assert_err(call, E_OK)

#endif
