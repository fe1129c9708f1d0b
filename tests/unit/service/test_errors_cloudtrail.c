/* SPDX-License-Identifier: Apache-2.0 */
/* How errors look to a client of CloudTrail, and how many may look at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/cloudtrail.h"
#include "service/errors_cloudtrail.h"
#include "service/lookup_page.h"

static void every_error_has_its_name(void **state)
{
	(void)state;
	static const struct {
		enum err_code code;
		const char *type;
		int status;
	} rows[] = {
		{E_LOOKUP_ATTRIBUTES, "InvalidLookupAttributesException", 400},
		{E_LOOKUP_TIME_RANGE, "InvalidTimeRangeException", 400},
		{E_LOOKUP_MAX_RESULTS, "InvalidMaxResultsException", 400},
		{E_LOOKUP_CATEGORY, "InvalidEventCategoryException", 400},
		{E_KMS_INVALID_MARKER, "InvalidNextTokenException", 400},
		{E_UNKNOWN_OPERATION, "UnknownOperationException", 400},
		{E_UNSUPPORTED_OPERATION, "UnsupportedOperationException", 400},
		{E_ACCESS_DENIED, "AccessDeniedException", 400},
		{E_AUTH_SIGNATURE, "InvalidSignatureException", 400},
		{E_SERIALIZATION, "SerializationException", 400},
		{E_VALIDATION, "ValidationException", 400},
		{E_BUSY, "ThrottlingException", 400},
		{E_NOMEM, "ThrottlingException", 400},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct error_kms *row = error_cloudtrail_of(ERR((uint16_t)rows[i].code));
		assert_string_equal(row->type, rows[i].type);
		assert_int_equal(row->status, rows[i].status);
	}
}

/* Nothing of KMS's own errors is let out on this service. */
static void what_is_kms_alone_is_an_internal_failure(void **state)
{
	(void)state;
	static const enum err_code codes[] = {E_AUDIT,        E_HSM_AWAY,  E_STORE, E_BUG,
					      E_KMS_DISABLED, E_KMS_LIMIT, E_FORMAT};
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		const struct error_kms *row = error_cloudtrail_of(ERR((uint16_t)codes[i]));
		assert_string_equal(row->type, "InternalFailure");
		assert_int_equal(row->status, 500);
	}
}

static void targets_are_told_apart(void **state)
{
	(void)state;
	assert_true(cloudtrail_has_target(VIEW_LITERAL(
		"com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")));
	assert_true(cloudtrail_has_target(VIEW_LITERAL("CloudTrail_20131101.LookupEvents")));
	assert_false(cloudtrail_has_target(VIEW_LITERAL("TrentService.LookupEvents")));
	assert_false(cloudtrail_has_target(VIEW_LITERAL("CloudTrail_20131101")));
	assert_false(cloudtrail_has_target(VIEW_NONE));
}

static void half_of_the_threads_may_look(void **state)
{
	(void)state;
	_Atomic uint32_t under_way = 0;
	for (int round = 0; round < 2; round++) {
		assert_false(err_failed(lookup_enter(&under_way, 5)));
		assert_false(err_failed(lookup_enter(&under_way, 5)));
		assert_true(err_is(lookup_enter(&under_way, 5), E_BUSY));
		assert_true(err_is(lookup_enter(&under_way, 5), E_BUSY));
		lookup_leave(&under_way);
		lookup_leave(&under_way);
	}
	assert_false(err_failed(lookup_enter(&under_way, 1)));
	assert_true(err_is(lookup_enter(&under_way, 1), E_BUSY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_name),
		cmocka_unit_test(what_is_kms_alone_is_an_internal_failure),
		cmocka_unit_test(targets_are_told_apart),
		cmocka_unit_test(half_of_the_threads_may_look),
	};
	return cmocka_run_group_tests_name("service errors_cloudtrail", tests, NULL, NULL);
}
