/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "base/mem.h"
#include "kms/arn.h"
#include "tests/support/assert_err.h"

#define UUID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define MRK "mrk-1234abcd12ab34cd56ef1234567890ab"
#define ARN "arn:aws:kms:eu-west-1:111122223333:"

static const struct kms_scope home = {"aws", "eu-test-1", "123456789012"};

static const uint8_t uuid_bytes[16] = {0x12, 0x34, 0xab, 0xcd, 0x12, 0xab, 0x34, 0xcd,
				       0x56, 0xef, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab};

static void test_uuid_is_parsed_and_formatted(void **state)
{
	(void)state;
	struct kms_key_id id;
	char text[KMS_KEY_ID_TEXT + 1];
	assert_ok(kms_key_id_parse(VIEW_LITERAL(UUID), &id));
	assert_memory_equal(id.bytes, uuid_bytes, 16);
	assert_false(id.multi_region);
	kms_key_id_format(&id, text);
	assert_string_equal(text, UUID);
}

static void test_multi_region_id_is_parsed_and_formatted(void **state)
{
	(void)state;
	struct kms_key_id id;
	char text[KMS_KEY_ID_TEXT + 1];
	assert_ok(kms_key_id_parse(VIEW_LITERAL(MRK), &id));
	assert_memory_equal(id.bytes, uuid_bytes, 16);
	assert_true(id.multi_region);
	kms_key_id_format(&id, text);
	assert_string_equal(text, MRK);
}

/* The same bytes in the two written forms are two ids. */
static void test_equality_covers_the_form(void **state)
{
	(void)state;
	struct kms_key_id uuid;
	struct kms_key_id mrk;
	assert_ok(kms_key_id_parse(VIEW_LITERAL(UUID), &uuid));
	assert_ok(kms_key_id_parse(VIEW_LITERAL(MRK), &mrk));
	assert_false(kms_key_id_equal(&uuid, &mrk));
	mrk.multi_region = false;
	assert_true(kms_key_id_equal(&uuid, &mrk));
	mrk.bytes[15] ^= 1;
	assert_false(kms_key_id_equal(&uuid, &mrk));
}

static const char *const no_ids[] = {
	"",
	"fake-key-id",
	"mrk-fake-key-id",
	"mrk-",
	"1234abcd12ab34cd56ef1234567890ab",
	"1234ABCD-12AB-34CD-56EF-1234567890AB",
	"1234abcd-12ab-34cd-56ef-1234567890a",
	"1234abcd-12ab-34cd-56ef-1234567890abc",
	"1234abcd-12ab-34cd-56ef-1234567890ab ",
	" " UUID,
	"1234abcd-12ab-34cd-56ef-1234567890ag",
	"1234abcd_12ab-34cd-56ef-1234567890ab",
	"1234abcd1-2ab-34cd-56ef-1234567890ab",
	"mrk-1234abcd-12ab-34cd-56ef-1234567890ab",
	"mrk-1234ABCD12ab34cd56ef1234567890ab",
	"mrk-1234abcd12ab34cd56ef1234567890a",
	"mrk-1234abcd12ab34cd56ef1234567890abc",
	"MRK-1234abcd12ab34cd56ef1234567890ab",
	"key/" UUID,
};

static void test_other_texts_are_no_ids(void **state)
{
	(void)state;
	struct kms_key_id id;
	struct kms_name name;
	for (size_t i = 0; i < ARRAY_LEN(no_ids); i++) {
		assert_err(kms_key_id_parse(view_of_text(no_ids[i]), &id), E_FORMAT);
		assert_err(kms_name_parse(view_of_text(no_ids[i]), &home, &name), E_FORMAT);
	}
}

static void test_every_prefix_of_an_id_is_refused(void **state)
{
	(void)state;
	struct kms_key_id id;
	for (size_t len = 0; len < KMS_KEY_ID_TEXT; len++) {
		assert_err(kms_key_id_parse(view_of(UUID, len), &id), E_FORMAT);
		assert_err(kms_key_id_parse(view_of(MRK, len), &id), E_FORMAT);
	}
}

static void test_made_ids_are_version_4_and_differ(void **state)
{
	(void)state;
	struct kms_key_id a;
	struct kms_key_id b;
	char text[KMS_KEY_ID_TEXT + 1];
	assert_ok(kms_key_id_make(false, &a));
	assert_ok(kms_key_id_make(false, &b));
	assert_false(kms_key_id_equal(&a, &b));
	kms_key_id_format(&a, text);
	assert_int_equal(text[14], '4');
	assert_non_null(strchr("89ab", text[19]));
	assert_ok(kms_key_id_make(true, &a));
	kms_key_id_format(&a, text);
	assert_memory_equal(text, "mrk-", 4);
	assert_ok(kms_key_id_parse(view_of_text(text), &b));
	assert_true(kms_key_id_equal(&a, &b));
}

static void test_key_arn_is_formatted(void **state)
{
	(void)state;
	struct kms_key_id id;
	char arn[KMS_KEY_ARN_TEXT];
	assert_ok(kms_key_id_parse(VIEW_LITERAL(MRK), &id));
	kms_key_arn_format(&home, &id, arn);
	assert_string_equal(arn, "arn:aws:kms:eu-test-1:123456789012:key/" MRK);
}

static void test_longest_key_arn_is_whole(void **state)
{
	(void)state;
	struct kms_scope longest = {.account = "123456789012"};
	struct kms_key_id id = {0};
	struct kms_name name;
	char arn[KMS_KEY_ARN_TEXT];
	for (size_t i = 0; i < KMS_PARTITION_MAX; i++)
		longest.partition[i] = 'p';
	for (size_t i = 0; i < KMS_REGION_MAX; i++)
		longest.region[i] = 'r';
	kms_key_arn_format(&longest, &id, arn);
	assert_ok(kms_name_parse(view_of_text(arn), &home, &name));
	assert_string_equal(name.scope.partition, longest.partition);
	assert_string_equal(name.scope.region, longest.region);
	assert_true(kms_key_id_equal(&name.id, &id));
}

static void test_bare_id_is_at_home(void **state)
{
	(void)state;
	struct kms_name name;
	assert_ok(kms_name_parse(VIEW_LITERAL(UUID), &home, &name));
	assert_int_equal(name.kind, KMS_NAME_KEY_ID);
	assert_memory_equal(name.id.bytes, uuid_bytes, 16);
	assert_string_equal(name.scope.account, home.account);
	assert_string_equal(name.scope.region, home.region);
}

static void test_key_arn_carries_its_scope(void **state)
{
	(void)state;
	struct kms_name name;
	assert_ok(kms_name_parse(VIEW_LITERAL(ARN "key/" UUID), &home, &name));
	assert_int_equal(name.kind, KMS_NAME_KEY_ARN);
	assert_string_equal(name.scope.partition, "aws");
	assert_string_equal(name.scope.region, "eu-west-1");
	assert_string_equal(name.scope.account, "111122223333");
	assert_memory_equal(name.id.bytes, uuid_bytes, 16);
}

static void test_aliases_are_borrowed_whole(void **state)
{
	(void)state;
	struct kms_name name;
	assert_ok(kms_name_parse(VIEW_LITERAL("alias/aws/rds_B-1"), &home, &name));
	assert_int_equal(name.kind, KMS_NAME_ALIAS);
	assert_true(view_equal_text(name.alias, "alias/aws/rds_B-1"));
	assert_string_equal(name.scope.account, home.account);
	assert_ok(kms_name_parse(VIEW_LITERAL(ARN "alias/x"), &home, &name));
	assert_int_equal(name.kind, KMS_NAME_ALIAS_ARN);
	assert_true(view_equal_text(name.alias, "alias/x"));
	assert_string_equal(name.scope.account, "111122223333");
}

static void test_bad_aliases_are_refused(void **state)
{
	(void)state;
	struct kms_name name;
	char longest[KMS_ALIAS_MAX + 2] = "alias/";
	static const char *const bad[] = {"alias/", "alias/a b", "alias/a:b", "Alias/x", "alias"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(kms_name_parse(view_of_text(bad[i]), &home, &name), E_FORMAT);
	for (size_t i = 6; i <= KMS_ALIAS_MAX; i++)
		longest[i] = 'a';
	assert_err(kms_name_parse(view_of_text(longest), &home, &name), E_FORMAT);
	longest[KMS_ALIAS_MAX] = '\0';
	assert_ok(kms_name_parse(view_of_text(longest), &home, &name));
}

static const char *const bad_arns[] = {
	"arn:",
	"arn:aws",
	"arn:aws:kms:eu-west-1:111122223333",
	ARN,
	ARN "key/",
	ARN "key/fake",
	ARN "key:" UUID,
	ARN "grant/" UUID,
	ARN "key/" UUID ":x",
	ARN "key/" UUID "/x",
	ARN "alias/",
	"arn:aws:s3:eu-west-1:111122223333:key/" UUID,
	"arn::kms:eu-west-1:111122223333:key/" UUID,
	"arn:aws:kms::111122223333:key/" UUID,
	"arn:aws:kms:eu-west-1::key/" UUID,
	"arn:aws:kms:eu-west-1:11112222333:key/" UUID,
	"arn:aws:kms:eu-west-1:1111222233334:key/" UUID,
	"arn:aws:kms:eu-west-1:11112222333x:key/" UUID,
	"arn:aws:kms:EU-west-1:111122223333:key/" UUID,
	"arn:aws-aws-aws-aws-x:kms:eu-west-1:111122223333:key/" UUID,
	"arn:aws:kms:eu-west-1-eu-west-1-eu-west-1-eu-w:111122223333:key/" UUID,
};

static void test_bad_arns_are_refused(void **state)
{
	(void)state;
	struct kms_name name;
	for (size_t i = 0; i < ARRAY_LEN(bad_arns); i++)
		assert_err(kms_name_parse(view_of_text(bad_arns[i]), &home, &name),
			   E_KMS_INVALID_ARN);
}

static void test_text_beyond_the_limit_is_refused(void **state)
{
	(void)state;
	static char text[KMS_ARN_MAX + 1];
	struct kms_name name;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'a';
	assert_err(kms_name_parse(VIEW_ARRAY(text), &home, &name), E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uuid_is_parsed_and_formatted),
		cmocka_unit_test(test_multi_region_id_is_parsed_and_formatted),
		cmocka_unit_test(test_equality_covers_the_form),
		cmocka_unit_test(test_other_texts_are_no_ids),
		cmocka_unit_test(test_every_prefix_of_an_id_is_refused),
		cmocka_unit_test(test_made_ids_are_version_4_and_differ),
		cmocka_unit_test(test_key_arn_is_formatted),
		cmocka_unit_test(test_longest_key_arn_is_whole),
		cmocka_unit_test(test_bare_id_is_at_home),
		cmocka_unit_test(test_key_arn_carries_its_scope),
		cmocka_unit_test(test_aliases_are_borrowed_whole),
		cmocka_unit_test(test_bad_aliases_are_refused),
		cmocka_unit_test(test_bad_arns_are_refused),
		cmocka_unit_test(test_text_beyond_the_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
