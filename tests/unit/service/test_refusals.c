/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, in which order and in which words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/base64.h"
#include "fixture.h"
#include "the_world.h"

struct world world;
static char key[KMS_KEY_ID_TEXT + 1];

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	world_create_key(&world, "{}", key);
	return 0;
}

static void test_names(UNUSED void **state)
{
	static const struct {
		const char *name, *type, *text;
	} rows[] = {
		{"fake", "NotFoundException", "Invalid keyId 'fake'"},
		{"mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"},
		{"00000000-0000-4000-8000-000000000000", "NotFoundException",
		 "Key 'arn:aws:kms:us-east-1:111122223333:key/"
		 "00000000-0000-4000-8000-000000000000' does not exist"},
		{"arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-000000000000",
		 "NotFoundException", "Invalid arn eu-west-1"},
		{"alias/none", "NotFoundException",
		 "Alias arn:aws:kms:us-east-1:111122223333:alias/none is not found."},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "DescribeKey", "{\"KeyId\":\"%s\"}", rows[i].name);
		assert_refused(&r, rows[i].type, rows[i].text);
	}
	CLEANUP(reply_cleanup) struct reply foreign;
	world_call(&world, &foreign, "DescribeKey",
		   "{\"KeyId\":\"arn:aws:kms:us-east-1:444455556666:key/%s\"}", key);
	assert_string_equal(reply_type(&foreign), "AccessDeniedException");
}

static void test_order_of_checks(UNUSED void **state)
{
	static const struct {
		const char *operation, *body, *type;
	} rows[] = {
		{"Encrypt", "{\"KeyId\":\"fake\",\"Plaintext\":1}", "SerializationException"},
		{"Encrypt", "{\"KeyId\":\"fake\",\"Plaintext\":\"\"}", "ValidationException"},
		{"Encrypt", "{\"KeyId\":\"fake\",\"Plaintext\":\"aGk=\"}", "NotFoundException"},
		{"Encrypt", "not json", "SerializationException"},
		{"Encrypt", "", "SerializationException"},
		{"Encrypt", "[]", "SerializationException"},
		{"Encrypt", "{\"KeyId\":\"a\",\"KeyId\":\"b\"}", "SerializationException"},
		{"Decrypt", "{}", "ValidationException"},
		{"Decrypt", "{\"CiphertextBlob\":\"AAAA\",\"KeyId\":\"fake\"}",
		 "NotFoundException"},
		{"Decrypt", "{\"CiphertextBlob\":\"AAAA\"}", "InvalidCiphertextException"},
		{"Decrypt", "{\"CiphertextBlob\":\"AAAA\",\"Recipient\":{}}",
		 "UnsupportedOperationException"},
		{"Sign", "{}", "UnsupportedOperationException"},
		{"MakeCoffee", "{}", "UnknownOperationException"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, rows[i].operation, "%s", rows[i].body);
		assert_int_equal(r.status, 400);
		assert_string_equal(reply_type(&r), rows[i].type);
	}
}

static void test_algorithm_must_fit(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_call(&world, &r, "Encrypt",
		   "{\"KeyId\":\"%s\",\"Plaintext\":\"aGk=\",\"EncryptionAlgorithm\":"
		   "\"RSAES_OAEP_SHA_1\"}",
		   key);
	assert_refused(&r, "InvalidKeyUsageException",
		       "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec "
		       "SYMMETRIC_DEFAULT.");
}

static void test_dry_run_hands_out_nothing(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply sealed;
	world_encrypt(&world, key, "aGk=", "{}", &sealed);
	char body[4][1024];
	const char *blob = reply_text(&sealed, "CiphertextBlob");
	static const char *const operations[] = {"Encrypt", "GenerateDataKey", "Decrypt",
						 "Decrypt"};
	assert_ok(text_format(body[0], 1024,
			      "{\"KeyId\":\"%s\",\"Plaintext\":\"aGk=\",\"DryRun\":true}", key));
	assert_ok(text_format(body[1], 1024,
			      "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\",\"DryRun\":true}", key));
	assert_ok(text_format(body[2], 1024, "{\"CiphertextBlob\":\"%s\",\"DryRun\":true}", blob));
	assert_ok(text_format(body[3], 1024,
			      "{\"KeyId\":\"%s\",\"DryRun\":true,\"DryRunModifiers\":"
			      "[\"IGNORE_CIPHERTEXT\"]}",
			      key));
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, operations[i], "%s", body[i]);
		assert_string_equal(
			r.body,
			"{\"__type\":\"DryRunOperationException\",\"message\":\"The request "
			"would have succeeded, but the DryRun option is set.\"}");
	}
}

/* Unknown members are ignored: what has no DryRun is done, and said to be done. */
static void test_dry_run_is_ignored_where_the_model_has_none(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply disabled;
	CLEANUP(reply_cleanup) struct reply listed;
	world_call(&world, &made, "CreateKey", "{\"DryRun\":true}");
	assert_status(&made, 200);
	world_call(&world, &disabled, "DisableKey", "{\"KeyId\":\"%s\",\"DryRun\":true}",
		   reply_metadata(&made, "KeyId"));
	assert_status(&disabled, 200);
	world_call(&world, &listed, "ListKeys", "{\"DryRun\":\"nonsense\"}");
	assert_status(&listed, 200);
}

static void test_what_is_not_built_is_said(UNUSED void **state)
{
	static const struct {
		const char *body, *type;
	} rows[] = {
		{"{\"KeySpec\":\"RSA_2048\",\"KeyUsage\":\"SIGN_VERIFY\"}",
		 "UnsupportedOperationException"},
		{"{\"Origin\":\"EXTERNAL\"}", "UnsupportedOperationException"},
		{"{\"MultiRegion\":true}", "UnsupportedOperationException"},
		{"{\"CustomKeyStoreId\":\"cks-1\"}", "UnsupportedOperationException"},
		{"{\"Tags\":[{\"TagKey\":\"AWS:a\",\"TagValue\":\"b\"}]}", "TagException"},
		{"{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"\"},{\"TagKey\":\"a\","
		 "\"TagValue\":\"\"}]}",
		 "TagException"},
		{"{\"KeySpec\":\"RSA_2048\"}", "ValidationException"},
		{"{\"KeySpec\":\"RSA_2048\",\"KeyUsage\":\"KEY_AGREEMENT\"}",
		 "ValidationException"},
		{"{\"KeyUsage\":\"SIGN_VERIFY\"}", "ValidationException"},
		{"{\"KeySpec\":\"SYMMETRIC_DEFAULT\",\"CustomerMasterKeySpec\":"
		 "\"SYMMETRIC_DEFAULT\"}",
		 "ValidationException"},
		{"{\"Policy\":\"nonsense\"}", "MalformedPolicyDocumentException"},
		{"{\"Policy\":\"[]\"}", "MalformedPolicyDocumentException"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "CreateKey", "%s", rows[i].body);
		assert_int_equal(r.status, 400);
		assert_string_equal(reply_type(&r), rows[i].type);
	}
}

static void test_authentication(UNUSED void **state)
{
	static const struct {
		struct twist twist;
		const char *type;
	} rows[] = {
		{{.break_signature = true}, "InvalidSignatureException"},
		{{.old_clock = true}, "InvalidSignatureException"},
		{{.query = "a=%zz"}, "IncompleteSignatureException"},
		{{.query = "a=b"}, "InvalidSignatureException"},
		{{.no_signature = true}, "MissingAuthenticationTokenException"},
		{{.access_key_id = "AKIAAAAAAAAAAAAAAAAA"}, "UnrecognizedClientException"},
		{{.access_key_id = "AKIDEXAMPLE"}, "UnrecognizedClientException"},
		{{.target = "Other.Encrypt"}, "UnknownOperationException"},
		{{.target = "TrentService."}, "UnknownOperationException"},
		{{.target = "Holdfast.Status"}, "UnknownOperationException"},
		{{.target = "TrentService.Status"}, "UnknownOperationException"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply r = {0};
		world_call_twisted(&world, &rows[i].twist, "ListKeys", "{}", &r);
		assert_int_equal(r.status, 400);
		assert_string_equal(reply_type(&r), rows[i].type);
	}
}

static void test_admin_status(UNUSED void **state)
{
	const struct twist admin = {.admin = true};
	CLEANUP(reply_cleanup) struct reply r = {0};
	CLEANUP(reply_cleanup) struct reply refused = {0};
	for (unsigned i = 0; i < 50 && err_failed(service_ready(world.first.service)); i++)
		(void)usleep(20000);
	world_call_twisted(&world, &admin, "Status", "", &r);
	assert_status(&r, 200);
	assert_true(json_bool_of(json_member(json_member(r.json, "Ready"), "Ok")));
	assert_true(json_bool_of(json_member(json_member(r.json, "Token"), "Ok")));
	world_call_twisted(&world, &admin, "Encrypt", "{}", &refused);
	assert_string_equal(reply_type(&refused), "UnknownOperationException");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order_of_checks),
		cmocka_unit_test(test_algorithm_must_fit),
		cmocka_unit_test(test_dry_run_hands_out_nothing),
		cmocka_unit_test(test_dry_run_is_ignored_where_the_model_has_none),
		cmocka_unit_test(test_what_is_not_built_is_said),
		cmocka_unit_test(test_authentication),
		cmocka_unit_test(test_admin_status),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
