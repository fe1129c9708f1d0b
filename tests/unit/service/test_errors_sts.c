/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as clients of STS see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/errors_sts.h"

static struct err failure(enum err_code code)
{
	return (struct err){.code = (uint16_t)code, .file = ""};
}

static void check(enum err_code code, const char *own, const char *body)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(buf_cleanup) struct buf out;
	buf_init(&text, 1024);
	buf_init(&out, 4096);
	assert_int_equal(buf_append_text(&text, own).code, E_OK);
	assert_int_equal(error_sts_write(failure(code), &text, "r-1", &out).code, E_OK);
	assert_int_equal(buf_append(&out, VIEW_LITERAL("\0")).code, E_OK);
	assert_string_equal((const char *)out.ptr, body);
}

#define BODY(type, code, message)                                                               \
	"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>" type \
	"</Type><Code>" code "</Code><Message>" message                                         \
	"</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"

static void test_bodies(UNUSED void **state)
{
	check(E_ACCESS_DENIED, "User: <a> is not authorized",
	      BODY("Sender", "AccessDenied", "User: &lt;a&gt; is not authorized"));
	check(E_AUTH_UNKNOWN_KEY, "no such key",
	      BODY("Sender", "InvalidClientTokenId",
		   "The security token included in the request is invalid."));
	check(E_AUTH_TOKEN_EXPIRED, "",
	      BODY("Sender", "ExpiredToken",
		   "The security token included in the request is expired"));
	check(E_STORE, "SQLITE_IOERR",
	      BODY("Receiver", "InternalFailure",
		   "The request processing has failed because of an unknown error, exception or "
		   "failure."));
}

/* STS API Reference, "Common Errors". */
static void test_codes_and_statuses(UNUSED void **state)
{
	static const struct {
		enum err_code code;
		const char *type;
		uint16_t status;
	} wanted[] = {
		{E_ACCESS_DENIED, "AccessDenied", 403},
		{E_AUTH_UNKNOWN_KEY, "InvalidClientTokenId", 403},
		{E_AUTH_SIGNATURE, "SignatureDoesNotMatch", 403},
		{E_AUTH_EXPIRED, "SignatureDoesNotMatch", 403},
		{E_AUTH_SCOPE, "SignatureDoesNotMatch", 403},
		{E_AUTH_TOKEN_EXPIRED, "ExpiredToken", 403},
		{E_AUTH_MISSING, "MissingAuthenticationToken", 403},
		{E_AUTH_INCOMPLETE, "IncompleteSignature", 400},
		{E_VALIDATION, "ValidationError", 400},
		{E_SERIALIZATION, "MalformedInput", 400},
		{E_KMS_MALFORMED_POLICY, "MalformedPolicyDocument", 400},
		{E_BUSY, "Throttling", 400},
		{E_UNKNOWN_OPERATION, "InvalidAction", 400},
		{E_AUDIT, "InternalFailure", 500},
		{E_HSM_AWAY, "InternalFailure", 500},
		{E_BUG, "InternalFailure", 500},
	};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct error_kms *row = error_sts_of(failure(wanted[i].code));
		assert_string_equal(row->type, wanted[i].type);
		assert_int_equal(row->status, wanted[i].status);
	}
}

/* Nothing internal has a text of its own, and nothing is without a row or the last resort. */
static void test_every_code_has_a_face(UNUSED void **state)
{
	for (unsigned code = E_OK + 1; code < ERR_CODE_COUNT; code++) {
		const struct error_kms *row = error_sts_of(failure((enum err_code)code));
		enum err_category category = err_category(failure((enum err_code)code));
		assert_non_null(row->type);
		assert_non_null(row->message);
		if (category == ERR_INTERNAL || category == ERR_OPERATOR)
			assert_false(row->own_text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_codes_and_statuses),
		cmocka_unit_test(test_every_code_has_a_face),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
