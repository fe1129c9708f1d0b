/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "kms/context.h"
#include "kms/grant.h"
#include "tests/support/assert_err.h"

static void test_every_operation_has_its_name(UNUSED void **state)
{
	uint32_t seen = 0;
	size_t count = 0;
	for (; kms_grant_operation_at(count) != KMS_GRANT_NONE; count++) {
		enum kms_grant_operation back = KMS_GRANT_NONE;
		const char *name = kms_grant_operation_name(kms_grant_operation_at(count));
		assert_ok(kms_grant_operation_parse(view_of_text(name), &back));
		assert_int_equal(back, kms_grant_operation_at(count));
		assert_int_equal(seen & back, 0);
		seen |= back;
	}
	assert_int_equal(seen, KMS_GRANT_ALL);
	assert_string_equal(kms_grant_operation_name(KMS_GRANT_NONE), "");
}

static void test_names_are_exact(UNUSED void **state)
{
	static const char *const wrong[] = {"", "decrypt", "Decrypt ", "ReEncrypt", "Encapsulate"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		enum kms_grant_operation none = KMS_GRANT_NONE;
		assert_err(kms_grant_operation_parse(view_of_text(wrong[i]), &none), E_FORMAT);
		assert_int_equal(none, KMS_GRANT_NONE);
	}
}

/* KMS Developer Guide, "Grant operations". */
static void test_operations_fit_the_kind_of_key(UNUSED void **state)
{
	static const struct {
		enum kms_key_spec spec;
		enum kms_key_usage usage;
		uint32_t fits, not ;
	} rows[] = {
		{KMS_SPEC_SYMMETRIC_DEFAULT, KMS_USAGE_ENCRYPT_DECRYPT,
		 KMS_GRANT_GENERATE_DATA_KEY | KMS_GRANT_ENCRYPT | KMS_GRANT_GENERATE_DATA_KEY_PAIR,
		 KMS_GRANT_GET_PUBLIC_KEY | KMS_GRANT_SIGN | KMS_GRANT_GENERATE_MAC},
		{KMS_SPEC_RSA_2048, KMS_USAGE_ENCRYPT_DECRYPT,
		 KMS_GRANT_GET_PUBLIC_KEY | KMS_GRANT_DECRYPT,
		 KMS_GRANT_GENERATE_DATA_KEY | KMS_GRANT_SIGN},
		{KMS_SPEC_RSA_2048, KMS_USAGE_SIGN_VERIFY, KMS_GRANT_SIGN | KMS_GRANT_VERIFY,
		 KMS_GRANT_ENCRYPT | KMS_GRANT_VERIFY_MAC},
		{KMS_SPEC_HMAC_256, KMS_USAGE_GENERATE_VERIFY_MAC,
		 KMS_GRANT_GENERATE_MAC | KMS_GRANT_VERIFY_MAC,
		 KMS_GRANT_GET_PUBLIC_KEY | KMS_GRANT_ENCRYPT},
		{KMS_SPEC_ECC_NIST_P256, KMS_USAGE_KEY_AGREEMENT, KMS_GRANT_DERIVE_SHARED_SECRET,
		 KMS_GRANT_SIGN},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t fits = kms_grant_operations_of(rows[i].spec, rows[i].usage);
		const uint32_t any =
			KMS_GRANT_CREATE_GRANT | KMS_GRANT_RETIRE_GRANT | KMS_GRANT_DESCRIBE_KEY;
		assert_int_equal(fits & (rows[i].fits | any), rows[i].fits | any);
		assert_int_equal(fits & rows[i].not, 0);
	}
}

static void test_ids_are_64_digits_and_differ(UNUSED void **state)
{
	char one[KMS_GRANT_ID_LEN + 1], two[KMS_GRANT_ID_LEN + 1];
	assert_ok(kms_grant_id_make(one));
	assert_ok(kms_grant_id_make(two));
	assert_true(kms_grant_id_is(view_of_text(one)) && kms_grant_id_is(view_of_text(two)));
	assert_string_not_equal(one, two);
	assert_false(kms_grant_id_is(view_part(view_of_text(one), 0, 63)));
	one[7] = 'A';
	assert_false(kms_grant_id_is(view_of_text(one)));
}

/* --- the whole --- */

static const uint8_t one_pair[] = {0, 1, 0, 1, 'a', 0, 1, 'b'};

static struct kms_grant sound(void)
{
	struct kms_grant grant = {.grantee = "arn:aws:iam::111122223333:user/alice",
				  .grantee_id = "AIDAAAAAAAAAAAAAAAAAA",
				  .issuer = "arn:aws:iam::111122223333:root",
				  .operations = KMS_GRANT_DECRYPT,
				  .constraint = KMS_GRANT_CONTEXT_SUBSET,
				  .context = VIEW_ARRAY(one_pair),
				  .created_ms = 1};
	memset(grant.id, 'a', KMS_GRANT_ID_LEN);
	return grant;
}

static void test_a_sound_grant_passes(UNUSED void **state)
{
	struct kms_grant grant = sound();
	assert_ok(kms_grant_check(&grant));
	grant.constraint = KMS_GRANT_UNCONSTRAINED;
	grant.context = VIEW_NONE;
	assert_ok(kms_grant_check(&grant));
}

static void test_each_fault_is_found(UNUSED void **state)
{
	static const uint8_t cut[] = {0, 1, 0, 1, 'a', 0, 2, 'b'};
	struct kms_grant wrong[10];
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		wrong[i] = sound();
	wrong[0].id[63] = '\0';
	wrong[1].grantee[0] = '\0';
	wrong[2].issuer[0] = '\0';
	wrong[3].retiring_id[0] = 'A';
	wrong[4].operations = 0;
	wrong[5].operations = KMS_GRANT_ALL + 1;
	wrong[6].constraint = KMS_GRANT_UNCONSTRAINED;
	wrong[7].constraint = 3;
	wrong[8].context = VIEW_ARRAY(cut);
	wrong[9].created_ms = -1;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_err(kms_grant_check(&wrong[i]), E_BUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operation_has_its_name),
		cmocka_unit_test(test_names_are_exact),
		cmocka_unit_test(test_operations_fit_the_kind_of_key),
		cmocka_unit_test(test_ids_are_64_digits_and_differ),
		cmocka_unit_test(test_a_sound_grant_passes),
		cmocka_unit_test(test_each_fault_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
