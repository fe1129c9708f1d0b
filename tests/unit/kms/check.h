/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with what it needs, and assertions on struct err. */
#ifndef HOLDFAST_TESTS_KMS_CHECK_H
#define HOLDFAST_TESTS_KMS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>

#include "base/err.h"

#define assert_err(call, code_) assert_string_equal(err_name(call), err_name(ERR(code_)))
#define assert_ok(call) assert_err(call, E_OK)

#endif
