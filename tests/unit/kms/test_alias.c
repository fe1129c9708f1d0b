/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "kms/alias.h"
#include "kms/key.h"
#include "tests/support/assert_err.h"

static const struct kms_scope home = {"aws", "eu-test-1", "123456789012"};

static void test_names(void **state)
{
	(void)state;
	static const char *const good[] = {"alias/a", "alias/A-z_0/9", "alias/aws/rds", "alias//"};
	static const char *const bad[] = {"",        "alias",     "alias/",  "Alias/x",
					  "alias/ ", "alias/a:b", "alias/ä", "x/alias/y"};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(kms_alias_name_check(view_of_text(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(kms_alias_name_check(view_of_text(bad[i])), E_FORMAT);
}

static void test_the_longest_name(void **state)
{
	(void)state;
	char name[KMS_ALIAS_MAX + 2];
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	name[5] = '/';
	memcpy(name, "alias", 5);
	assert_err(kms_alias_name_check(view_of_text(name)), E_FORMAT);
	name[KMS_ALIAS_MAX] = '\0';
	assert_ok(kms_alias_name_check(view_of_text(name)));
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(&home, view_of_text(name), arn);
	assert_string_equal(arn + strlen(arn) - KMS_ALIAS_MAX, name);
}

static void test_reserved_names(void **state)
{
	(void)state;
	assert_true(kms_alias_name_is_reserved(VIEW_LITERAL("alias/aws/rds")));
	assert_true(kms_alias_name_is_reserved(VIEW_LITERAL("alias/aws/")));
	assert_false(kms_alias_name_is_reserved(VIEW_LITERAL("alias/aws")));
	assert_false(kms_alias_name_is_reserved(VIEW_LITERAL("alias/awsome")));
	assert_false(kms_alias_name_is_reserved(VIEW_LITERAL("alias/x/aws/")));
}

static void test_arn(void **state)
{
	(void)state;
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(&home, VIEW_LITERAL("alias/a/b"), arn);
	assert_string_equal(arn, "arn:aws:kms:eu-test-1:123456789012:alias/a/b");
}

static void test_a_move_keeps_type_and_usage(void **state)
{
	(void)state;
	static const struct {
		enum kms_key_spec from_spec;
		enum kms_key_usage from;
		enum kms_key_spec to_spec;
		enum kms_key_usage to;
		bool may;
	} rows[] = {
		{KMS_SPEC_SYMMETRIC_DEFAULT, KMS_USAGE_ENCRYPT_DECRYPT, KMS_SPEC_SYMMETRIC_DEFAULT,
		 KMS_USAGE_ENCRYPT_DECRYPT, true},
		{KMS_SPEC_SYMMETRIC_DEFAULT, KMS_USAGE_ENCRYPT_DECRYPT, KMS_SPEC_RSA_2048,
		 KMS_USAGE_ENCRYPT_DECRYPT, false},
		{KMS_SPEC_RSA_2048, KMS_USAGE_SIGN_VERIFY, KMS_SPEC_ECC_NIST_P256,
		 KMS_USAGE_SIGN_VERIFY, true},
		{KMS_SPEC_RSA_2048, KMS_USAGE_SIGN_VERIFY, KMS_SPEC_RSA_2048,
		 KMS_USAGE_ENCRYPT_DECRYPT, false},
		{KMS_SPEC_HMAC_224, KMS_USAGE_GENERATE_VERIFY_MAC, KMS_SPEC_HMAC_512,
		 KMS_USAGE_GENERATE_VERIFY_MAC, true},
		{KMS_SPEC_HMAC_256, KMS_USAGE_GENERATE_VERIFY_MAC, KMS_SPEC_SYMMETRIC_DEFAULT,
		 KMS_USAGE_ENCRYPT_DECRYPT, false},
		{KMS_SPEC_COUNT, KMS_USAGE_SIGN_VERIFY, KMS_SPEC_COUNT, KMS_USAGE_SIGN_VERIFY,
		 false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct kms_key from = {.spec = rows[i].from_spec, .usage = rows[i].from};
		const struct kms_key to = {.spec = rows[i].to_spec, .usage = rows[i].to};
		assert_int_equal(kms_alias_may_move(&from, &to), rows[i].may);
		assert_int_equal(kms_alias_may_move(&to, &from), rows[i].may);
	}
}

static void test_what_a_store_may_not_hand_out(void **state)
{
	(void)state;
	const struct kms_alias sound = {.name = "alias/x", .revision = 1};
	assert_ok(kms_alias_check(&sound));
	struct kms_alias alias = sound;
	alias.name[5] = ':';
	assert_err(kms_alias_check(&alias), E_BUG);
	alias = sound;
	alias.revision = 0;
	assert_err(kms_alias_check(&alias), E_BUG);
	alias = sound;
	alias.updated_ms = -1;
	assert_err(kms_alias_check(&alias), E_BUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_the_longest_name),
		cmocka_unit_test(test_reserved_names),
		cmocka_unit_test(test_arn),
		cmocka_unit_test(test_a_move_keeps_type_and_usage),
		cmocka_unit_test(test_what_a_store_may_not_hand_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
