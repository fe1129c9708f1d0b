/* SPDX-License-Identifier: Apache-2.0 */
/* HSM_DESCRIBE: what the token answers at this moment, and nothing that it does not answer. */
#include "test_local_token.h"

#include <string.h>

#include "base/mem.h"

#define BIT(attribute) (1U << HSM_ATTRIBUTE_##attribute)

/* P1, and what is allowed with each role's key. */
#define PROMISED (BIT(TOKEN) | BIT(PRIVATE) | BIT(SENSITIVE) | BIT(ALWAYS_SENSITIVE))
#define NEVER_OUT BIT(NEVER_EXTRACTABLE)
#define FORBIDDEN (BIT(EXTRACTABLE) | BIT(MODIFIABLE))

static struct token token;
static enum token_kind kind;

static const struct expected {
	enum hsm_role role;
	const char *key_type;
	uint32_t usage; /* 0: by suite */
} roles[] = {
	{HSM_ROLE_VERSION, "AES", 0},
	{HSM_ROLE_ROW_SEAL, "GENERIC_SECRET", BIT(SIGN)},
	{HSM_ROLE_AUDIT_SIGN, "EC", BIT(SIGN)},
	{HSM_ROLE_SECRET_WRAP, "AES", 0},
};

static int setup(UNUSED void **state)
{
	token_make(&token, kind);
	token_open(&token);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct hsm_object made;
		assert_ok(make_key(token.hsm, (uint8_t)roles[i].role, roles[i].role, &made));
	}
	return 0;
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static struct err describe(uint8_t key, struct hsm_op *op)
{
	*op = op_of(HSM_DESCRIBE);
	op->object.id = id_of(key);
	return hsm_call(token.hsm, op);
}

static uint32_t usage_of(const struct expected *role)
{
	struct hsm_status status;
	hsm_status(token.hsm, &status);
	if (role->usage != 0)
		return role->usage;
	return status.suite == HSM_SUITE_DIRECT ? BIT(ENCRYPT) | BIT(DECRYPT) : BIT(DERIVE);
}

static void every_role_is_as_it_was_made(UNUSED void **state)
{
	const uint32_t usages = BIT(ENCRYPT) | BIT(DECRYPT) | BIT(SIGN) | BIT(VERIFY) | BIT(WRAP) |
				BIT(UNWRAP) | BIT(DERIVE);
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct hsm_op op;
		assert_ok(describe((uint8_t)roles[i].role, &op));
		const struct hsm_attributes *a = &op.attributes;
		assert_int_equal(op.object.role, roles[i].role);
		assert_true(op.object.sound);
		assert_string_equal(a->key_type, roles[i].key_type);
		assert_int_equal(a->bits, 256);
		assert_int_equal(a->known & (PROMISED | NEVER_OUT | FORBIDDEN),
				 PROMISED | NEVER_OUT | FORBIDDEN);
		assert_int_equal(a->set & (PROMISED | NEVER_OUT | FORBIDDEN), PROMISED | NEVER_OUT);
		assert_int_equal(a->set & usages, usage_of(&roles[i]));
		assert_int_equal(a->set & ~a->known, 0);
	}
}

/* NSS answers wrongly for every key (capability.h): what it says is then not taken as known. */
static void the_token_has_the_word(UNUSED void **state)
{
	struct hsm_op op;
	assert_ok(describe(HSM_ROLE_VERSION, &op));
	assert_int_equal((op.attributes.known & BIT(LOCAL)) != 0, kind != TOKEN_NSS);
	assert_int_equal((op.attributes.set & BIT(LOCAL)) != 0, kind != TOKEN_NSS);
}

static void an_unknown_key_is_unknown(UNUSED void **state)
{
	struct hsm_op op;
	assert_err(describe(99, &op), E_HSM_KEY_UNKNOWN);
}

/* The attributes in one list would be refused together: here the rest is told. */
static CK_FUNCTION_LIST mute;
static CK_FUNCTION_LIST *whole;

static CK_RV without_derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			    CK_ATTRIBUTE_PTR want, CK_ULONG count)
{
	for (CK_ULONG i = 0; i < count; i++) {
		if (want[i].type != CKA_DERIVE && want[i].type != CKA_KEY_TYPE &&
		    want[i].type != CKA_VALUE_LEN)
			continue;
		want[i].ulValueLen = (CK_ULONG)-1;
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	return whole->C_GetAttributeValue(session, object, want, count);
}

static void what_a_token_does_not_report_is_not_known(UNUSED void **state)
{
	struct hsm_op op;
	whole = token.hsm->module.funnel.list;
	mute = *whole;
	mute.C_GetAttributeValue = without_derive;
	token.hsm->module.funnel.list = &mute;
	struct err e = describe(HSM_ROLE_VERSION, &op);
	token.hsm->module.funnel.list = whole;
	assert_ok(e);
	assert_int_equal(op.attributes.known, ((1U << HSM_ATTRIBUTE_COUNT) - 1) & ~BIT(DERIVE));
	assert_int_equal(op.attributes.set & BIT(DERIVE), 0);
	assert_string_equal(op.attributes.key_type, "");
	assert_int_equal(op.attributes.bits, 0);
}

static void attributes_have_their_names(UNUSED void **state)
{
	assert_string_equal(hsm_attribute_name(HSM_ATTRIBUTE_TOKEN), "CKA_TOKEN");
	for (unsigned i = 0; i < HSM_ATTRIBUTE_COUNT; i++)
		assert_int_equal(strncmp(hsm_attribute_name((enum hsm_attribute)i), "CKA_", 4), 0);
	assert_null(hsm_attribute_name(HSM_ATTRIBUTE_COUNT));
}

static void a_stale_handle_is_found_again(UNUSED void **state)
{
	struct hsm_op op;
	token_shim(&token, "C_GetAttributeValue ckr=0x82 times=1");
	assert_ok(describe(HSM_ROLE_VERSION, &op));
	token_shim(&token, "C_GetAttributeValue ckr=0xb3 times=1");
	assert_ok(describe(HSM_ROLE_VERSION, &op));
	token_shim(&token, "C_GetAttributeValue ckr=0x30 times=1");
	assert_ok(describe(HSM_ROLE_VERSION, &op));
	assert_string_equal(op.attributes.key_type, "AES");
}

int main(int argc, char **argv)
{
	bool nss = argc > 1 && view_equal_text(view_of_text(argv[1]), "nss");
	kind = nss ? TOKEN_NSS : TOKEN_SHIM;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_is_as_it_was_made),
		cmocka_unit_test(the_token_has_the_word),
		cmocka_unit_test(an_unknown_key_is_unknown),
		cmocka_unit_test(attributes_have_their_names),
	};
	const struct CMUnitTest faults[] = {
		cmocka_unit_test(what_a_token_does_not_report_is_not_known),
		cmocka_unit_test(a_stale_handle_is_found_again),
	};
	int failed = cmocka_run_group_tests(tests, setup, teardown);
	return nss ? failed : failed + cmocka_run_group_tests(faults, setup, teardown);
}
