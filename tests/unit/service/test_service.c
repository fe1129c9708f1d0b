/* SPDX-License-Identifier: Apache-2.0 */
/* What every operation does, with a real token, store and audit log. */
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

static void test_envelope_round_trip(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply opened;
	world_call(&world, &made, "GenerateDataKey",
		   "{\"KeyId\":\"%s\",\"KeySpec\":\"AES_256\",\"EncryptionContext\":{\"a\":\"b\"}}",
		   key);
	assert_status(&made, 200);
	assert_true(made.secret);
	world_call(&world, &opened, "Decrypt",
		   "{\"CiphertextBlob\":\"%s\",\"EncryptionContext\":{\"a\":\"b\"}}",
		   reply_text(&made, "CiphertextBlob"));
	assert_status(&opened, 200);
	assert_true(opened.secret);
	assert_string_equal(reply_text(&opened, "Plaintext"), reply_text(&made, "Plaintext"));
	assert_int_equal(strlen(reply_text(&opened, "KeyMaterialId")), 64);
}

static void assert_members(const struct reply *r, const char *const *names)
{
	size_t count = 0;
	for (; names[count] != NULL; count++)
		if (json_member(r->json, names[count]) == NULL)
			fail_msg("%s is missing: %s", names[count], r->body);
	assert_int_equal(json_count(r->json), count);
}

static void test_encrypt_and_decrypt_members(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	world_encrypt(&world, key, "aGVsbG8=", "{}", &sealed);
	assert_status(&sealed, 200);
	assert_false(sealed.secret);
	assert_members(&sealed, (const char *const[]){"CiphertextBlob", "EncryptionAlgorithm",
						      "KeyId", NULL});
	assert_string_equal(reply_text(&sealed, "KeyId"), world_arn(key));
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "null", &opened);
	assert_status(&opened, 200);
	assert_members(&opened, (const char *const[]){"EncryptionAlgorithm", "KeyId",
						      "KeyMaterialId", "Plaintext", NULL});
	assert_string_equal(reply_text(&opened, "Plaintext"), "aGVsbG8=");
	assert_string_equal(reply_text(&opened, "EncryptionAlgorithm"), "SYMMETRIC_DEFAULT");
}

static void test_data_key_without_plaintext(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply opened;
	world_call(&world, &made, "GenerateDataKeyWithoutPlaintext",
		   "{\"KeyId\":\"%s\",\"NumberOfBytes\":1024}", key);
	assert_status(&made, 200);
	assert_false(made.secret);
	assert_members(&made,
		       (const char *const[]){"CiphertextBlob", "KeyId", "KeyMaterialId", NULL});
	world_decrypt(&world, reply_text(&made, "CiphertextBlob"), "{}", &opened);
	assert_int_equal(strlen(reply_text(&opened, "Plaintext")), BASE64_ENCODED_LEN(1024));
}

static void test_data_key_sizes(UNUSED void **state)
{
	static const struct {
		const char *size;
		size_t bytes;
	} rows[] = {{"\"KeySpec\":\"AES_128\"", 16},
		    {"\"KeySpec\":\"AES_256\"", 32},
		    {"\"NumberOfBytes\":1", 1},
		    {"\"NumberOfBytes\":1024", 1024}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply made;
		world_call(&world, &made, "GenerateDataKey", "{\"KeyId\":\"%s\",%s}", key,
			   rows[i].size);
		assert_status(&made, 200);
		assert_int_equal(strlen(reply_text(&made, "Plaintext")),
				 BASE64_ENCODED_LEN(rows[i].bytes));
	}
}

static void test_data_key_needs_one_size(UNUSED void **state)
{
	static const char *const sizes[] = {"\"KeySpec\":null",
					    "\"KeySpec\":\"AES_256\",\"NumberOfBytes\":32"};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_call(&world, &r, "GenerateDataKey", "{\"KeyId\":\"%s\",%s}", key, sizes[i]);
		assert_refused(&r, "ValidationException",
			       "Please specify either number of bytes or key spec.");
	}
}

static void test_key_metadata(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply made;
	CLEANUP(reply_cleanup) struct reply told;
	world_call(&world, &made, "CreateKey", "{\"Description\":\"d\\u00e9j\\u00e0\"}");
	assert_status(&made, 200);
	static const char *const names[] = {"AWSAccountId",
					    "Arn",
					    "CreationDate",
					    "CurrentKeyMaterialId",
					    "CustomerMasterKeySpec",
					    "Description",
					    "Enabled",
					    "EncryptionAlgorithms",
					    "KeyId",
					    "KeyManager",
					    "KeySpec",
					    "KeyState",
					    "KeyUsage",
					    "MultiRegion",
					    "Origin"};
	const struct json *metadata = json_member(made.json, "KeyMetadata");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_non_null(json_member(metadata, names[i]));
	assert_int_equal(json_count(metadata), ARRAY_LEN(names));
	assert_string_equal(reply_metadata(&made, "Description"), "d\u00e9j\u00e0");
	assert_string_equal(reply_metadata(&made, "KeyState"), "Enabled");
	world_call(&world, &told, "DescribeKey", "{\"KeyId\":\"%s\"}",
		   reply_metadata(&made, "Arn"));
	assert_string_equal(told.body, made.body);
}

static void test_contexts_bind(UNUSED void **state)
{
	static const struct {
		const char *sealed, *opened;
		bool same;
	} rows[] = {
		{"{\"a\":\"b\",\"c\":\"d\"}", "{\"c\":\"d\",\"a\":\"b\"}", true},
		{"{}", "null", true},
		{"{\"a\":\"\"}", "{\"a\":\"\"}", true},
		{"{\"a\":\"b\"}", "{}", false},
		{"{}", "{\"a\":\"b\"}", false},
		{"{\"a\":\"b\"}", "{\"a\":\"B\"}", false},
		{"{\"a\":\"b\"}", "{\"A\":\"b\"}", false},
		{"{\"a\":\"bc\"}", "{\"ab\":\"c\"}", false},
		{"{\"a\":\"b\"}", "{\"a\":\"b\",\"c\":\"d\"}", false},
		{"{\"a\":\"b\",\"c\":\"d\"}", "{\"a\":\"b\"}", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(reply_cleanup) struct reply sealed;
		CLEANUP(reply_cleanup) struct reply opened;
		world_encrypt(&world, key, "aGk=", rows[i].sealed, &sealed);
		assert_status(&sealed, 200);
		world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), rows[i].opened,
			      &opened);
		assert_int_equal(opened.status, rows[i].same ? 200 : 400);
		if (!rows[i].same)
			assert_string_equal(opened.body,
					    "{\"__type\":\"InvalidCiphertextException\"}");
	}
}

static void test_context_values_must_be_strings(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	world_encrypt(&world, key, "aGk=", "{\"a\":1}", &r);
	assert_refused(&r, "SerializationException",
		       "NUMBER_VALUE can not be converted to a String");
}

/* A ciphertext as bytes, and back to Base64. */
static size_t blob_of(const char *text, uint8_t *out, size_t cap)
{
	struct writer w;
	writer_init(&w, out, cap);
	assert_ok(base64_decode(&w, view_of_text(text)));
	return w.len;
}

static void assert_does_not_open(const uint8_t *blob, size_t len)
{
	char text[9000];
	struct writer w;
	writer_init(&w, text, sizeof text);
	base64_encode(&w, view_of(blob, len));
	assert_ok(writer_end_text(&w));
	CLEANUP(reply_cleanup) struct reply r;
	world_decrypt(&world, text, "{}", &r);
	assert_int_equal(r.status, 400);
	assert_string_equal(r.body, "{\"__type\":\"InvalidCiphertextException\"}");
}

static void test_every_byte_of_a_ciphertext_counts(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	world_encrypt(&world, key, "aGVsbG8=", "{}", &sealed);
	uint8_t blob[6144] = {0};
	size_t len = blob_of(reply_text(&sealed, "CiphertextBlob"), blob, sizeof blob);
	for (size_t i = 0; i < len; i++) {
		blob[i] ^= 0x01;
		assert_does_not_open(blob, len);
		blob[i] ^= 0x01;
	}
	for (size_t cut = 1; cut < len; cut += 7)
		assert_does_not_open(blob, len - cut);
	assert_does_not_open(blob, len + 1);
	assert_does_not_open(blob, sizeof blob);
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_status(&opened, 200);
}

static void test_re_encrypt(UNUSED void **state)
{
	char other[KMS_KEY_ID_TEXT + 1];
	world_create_key(&world, "{}", other);
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply moved;
	CLEANUP(reply_cleanup) struct reply opened;
	CLEANUP(reply_cleanup) struct reply wrong;
	world_encrypt(&world, key, "bW92ZWQ=", "{\"old\":\"1\"}", &sealed);
	world_call(&world, &moved, "ReEncrypt",
		   "{\"CiphertextBlob\":\"%s\",\"SourceKeyId\":\"%s\",\"DestinationKeyId\":\"%s\","
		   "\"SourceEncryptionContext\":{\"old\":\"1\"},"
		   "\"DestinationEncryptionContext\":{\"new\":\"2\"}}",
		   reply_text(&sealed, "CiphertextBlob"), key, other);
	assert_status(&moved, 200);
	assert_members(&moved,
		       (const char *const[]){"CiphertextBlob", "DestinationEncryptionAlgorithm",
					     "DestinationKeyMaterialId", "KeyId",
					     "SourceEncryptionAlgorithm", "SourceKeyId",
					     "SourceKeyMaterialId", NULL});
	assert_string_equal(reply_text(&moved, "KeyId"), world_arn(other));
	assert_string_equal(reply_text(&moved, "SourceKeyId"), world_arn(key));
	world_decrypt(&world, reply_text(&moved, "CiphertextBlob"), "{\"new\":\"2\"}", &opened);
	assert_string_equal(reply_text(&opened, "Plaintext"), "bW92ZWQ=");
	world_call(&world, &wrong, "ReEncrypt",
		   "{\"CiphertextBlob\":\"%s\",\"SourceKeyId\":\"%s\",\"DestinationKeyId\":\"%s\"}",
		   reply_text(&sealed, "CiphertextBlob"), other, other);
	assert_refused(&wrong, "IncorrectKeyException",
		       "The key ID in the request does not identify a CMK that can perform this "
		       "operation.");
}

static void test_states(UNUSED void **state)
{
	char id[KMS_KEY_ID_TEXT + 1];
	world_create_key(&world, "{}", id);
	CLEANUP(reply_cleanup) struct reply sealed;
	world_encrypt(&world, id, "aGk=", "{}", &sealed);
	const char *blob = reply_text(&sealed, "CiphertextBlob");
	char target[128];
	assert_ok(text_format(target, sizeof target, ",\"DestinationKeyId\":\"%s\"", key));
	const struct {
		const char *operation, *member, *value, *rest;
		bool works_when_disabled;
	} rows[] = {
		{"Encrypt", "KeyId", id, ",\"Plaintext\":\"aGk=\"", false},
		{"Decrypt", "CiphertextBlob", blob, "", false},
		{"GenerateDataKey", "KeyId", id, ",\"KeySpec\":\"AES_256\"", false},
		{"GenerateDataKeyWithoutPlaintext", "KeyId", id, ",\"KeySpec\":\"AES_128\"", false},
		{"ReEncrypt", "CiphertextBlob", blob, target, false},
		{"DescribeKey", "KeyId", id, "", true},
		{"DisableKey", "KeyId", id, "", true},
	};
	for (unsigned disabled = 0; disabled < 2; disabled++) {
		world_switch(&world, disabled ? "DisableKey" : "EnableKey", id);
		for (size_t i = 0; i < ARRAY_LEN(rows) - !disabled; i++) {
			CLEANUP(reply_cleanup) struct reply r;
			world_call(&world, &r, rows[i].operation, "{\"%s\":\"%s\"%s}",
				   rows[i].member, rows[i].value, rows[i].rest);
			bool works = !disabled || rows[i].works_when_disabled;
			assert_status(&r, works ? 200 : 400);
			if (works)
				continue;
			char text[256];
			assert_ok(text_format(text, sizeof text, "%s is disabled.", world_arn(id)));
			assert_refused(&r, "DisabledException", text);
		}
	}
	world_switch(&world, "EnableKey", id);
	CLEANUP(reply_cleanup) struct reply again;
	world_decrypt(&world, blob, "{}", &again);
	assert_status(&again, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope_round_trip),
		cmocka_unit_test(test_encrypt_and_decrypt_members),
		cmocka_unit_test(test_data_key_without_plaintext),
		cmocka_unit_test(test_data_key_sizes),
		cmocka_unit_test(test_data_key_needs_one_size),
		cmocka_unit_test(test_key_metadata),
		cmocka_unit_test(test_contexts_bind),
		cmocka_unit_test(test_context_values_must_be_strings),
		cmocka_unit_test(test_every_byte_of_a_ciphertext_counts),
		cmocka_unit_test(test_re_encrypt),
		cmocka_unit_test(test_states),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
