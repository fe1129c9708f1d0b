/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as clients see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/errors_kms.h"

static void check(enum err_code code, const char *own, const char *body)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(buf_cleanup) struct buf out;
	buf_init(&text, 1024);
	buf_init(&out, 4096);
	assert_int_equal(buf_append_text(&text, own).code, E_OK);
	assert_int_equal(
		error_kms_write(((struct err){.code = (uint16_t)code, .file = ""}), &text, &out)
			.code,
		E_OK);
	assert_int_equal(buf_append(&out, VIEW_LITERAL("\0")).code, E_OK);
	assert_string_equal((const char *)out.ptr, body);
}

static void test_bodies(UNUSED void **state)
{
	/* no text, no member */
	check(E_KMS_CIPHERTEXT, "", "{\"__type\":\"InvalidCiphertextException\"}");
	check(E_KMS_CIPHERTEXT, "which part", "{\"__type\":\"InvalidCiphertextException\"}");
	check(E_HSM_CIPHERTEXT, "which part", "{\"__type\":\"InvalidCiphertextException\"}");
	check(E_KMS_NOT_FOUND, "", "{\"__type\":\"NotFoundException\"}");
	/* the call's own text */
	check(E_KMS_NOT_FOUND, "Invalid keyId 'x\"'",
	      "{\"__type\":\"NotFoundException\",\"message\":\"Invalid keyId 'x\\\"'\"}");
	/* a text that nobody may replace */
	check(E_AUTH_UNKNOWN_KEY, "no such key",
	      "{\"__type\":\"UnrecognizedClientException\",\"message\":\"The security token "
	      "included in the request is invalid.\"}");
	check(E_BUSY, "", "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}");
}

/* Nothing internal has a text of its own, and nothing is without a row or the last resort. Of
 * E_DISTRUSTED the pipeline gives one to operators alone: test_distrust.c. */
static void test_every_code_has_a_face(UNUSED void **state)
{
	for (unsigned code = E_OK + 1; code < ERR_CODE_COUNT; code++) {
		const struct err e = {.code = (uint16_t)code, .file = ""};
		const struct error_kms *row = error_kms_of(e);
		assert_non_null(row->type);
		assert_true(row->status == 400 || row->status == 413 || row->status == 500);
		bool ours = err_category(e) == ERR_INTERNAL || err_category(e) == ERR_OPERATOR;
		if (ours && code != E_DISTRUSTED)
			assert_false(row->own_text);
	}
}

static void test_statuses(UNUSED void **state)
{
	static const struct {
		enum err_code code;
		uint16_t status;
	} rows[] = {{E_KMS_DRY_RUN, 400},   {E_KMS_LIMIT, 400}, {E_KMS_NOT_FOUND, 400},
		    {E_ACCESS_DENIED, 400}, {E_BUSY, 400},      {E_BUG, 500},
		    {E_AUDIT, 500},         {E_HSM_AWAY, 500},  {E_HSM_TIMEOUT, 500},
		    {E_STORE_SEAL, 500},    {E_STORE, 500},     {E_KMS_KEY_UNAVAILABLE, 500}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
			error_kms_of(((struct err){.code = (uint16_t)rows[i].code, .file = ""}))
				->status,
			rows[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_every_code_has_a_face),
		cmocka_unit_test(test_statuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
