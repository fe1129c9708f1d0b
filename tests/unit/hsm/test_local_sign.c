/* SPDX-License-Identifier: Apache-2.0 */
/* HSM_SIGN and HSM_PUBLIC_KEY on a real token, and on one that misbehaves. */
#include "test_local_token.h"

#include "base/mem.h"
#include "crypto/ecdsa.h"

#define SIGNER 1
#define SEALER 2
#define DER_LEN (HSM_POINT_LEN + 2)

static struct token token;
static enum token_kind kind;
static struct hsm_object signer;

static int setup(UNUSED void **state)
{
	token_make(&token, kind);
	token_open(&token);
	assert_ok(make_key(token.hsm, SIGNER, HSM_ROLE_AUDIT_SIGN, &signer));
	return 0;
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static struct hsm_op signing(uint8_t first)
{
	struct hsm_op op = op_of(HSM_SIGN);
	op.from.key = signer.id;
	op.digest[0] = first;
	return op;
}

static struct err ask_point(uint8_t out[HSM_POINT_LEN])
{
	struct hsm_op op = op_of(HSM_PUBLIC_KEY);
	op.from.key = signer.id;
	TRY(hsm_call(token.hsm, &op));
	mem_copy(out, HSM_POINT_LEN, op.point, sizeof(op.point));
	return OK;
}

static void a_signature_verifies_under_the_public_key(UNUSED void **state)
{
	uint8_t point[HSM_POINT_LEN];
	assert_ok(ask_point(point));
	struct hsm_op op = signing(7);
	assert_ok(hsm_call(token.hsm, &op));
	assert_ok(ecdsa_p256_verify(point, op.digest, op.signature));
	op.digest[0] ^= 1;
	assert_err(ecdsa_p256_verify(point, op.digest, op.signature), E_CRYPTO_SIGNATURE);
}

static void two_signatures_of_one_digest_differ(UNUSED void **state)
{
	struct hsm_op a = signing(7);
	struct hsm_op b = signing(7);
	assert_ok(hsm_call(token.hsm, &a));
	assert_ok(hsm_call(token.hsm, &b));
	assert_memory_not_equal(a.signature, b.signature, HSM_SIGNATURE_LEN);
}

static void only_the_signing_key_signs(UNUSED void **state)
{
	static const enum hsm_role others[] = {HSM_ROLE_VERSION, HSM_ROLE_ROW_SEAL,
					       HSM_ROLE_SECRET_WRAP};
	static const enum hsm_verb verbs[] = {HSM_SIGN, HSM_PUBLIC_KEY};
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct hsm_object other;
		assert_ok(make_key(token.hsm, (uint8_t)(SEALER + i), others[i], &other));
		for (size_t v = 0; v < ARRAY_LEN(verbs); v++) {
			struct hsm_op op = op_of(verbs[v]);
			op.from.key = other.id;
			assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_ROLE);
		}
	}
	struct hsm_op op = op_of(HSM_SIGN);
	op.from.key = id_of(99);
	assert_err(hsm_call(token.hsm, &op), E_HSM_KEY_UNKNOWN);
}

static void the_public_key_stays_the_same(UNUSED void **state)
{
	uint8_t before[HSM_POINT_LEN];
	uint8_t after[HSM_POINT_LEN];
	assert_ok(ask_point(before));
	assert_int_equal(before[0], 4);
	token_close(&token);
	token_open(&token);
	assert_ok(ask_point(after));
	assert_memory_equal(before, after, sizeof(before));
}

/* The public half of our key, as anybody finds it who is not logged in. */
static CK_OBJECT_HANDLE find_public(CK_FUNCTION_LIST *raw, CK_SESSION_HANDLE session)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE want[] = {{CKA_CLASS, &class, sizeof(class)},
			       {CKA_ID, signer.id.bytes, HSM_KEY_ID_LEN}};
	CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
	CK_ULONG count = 0;
	assert_int_equal(raw->C_FindObjectsInit(session, want, 2), CKR_OK);
	assert_int_equal(raw->C_FindObjects(session, &found, 1, &count), CKR_OK);
	assert_int_equal(raw->C_FindObjectsFinal(session), CKR_OK);
	assert_int_equal(count, 1);
	return found;
}

/* A public key object with our id and label and another's point. */
static void plant(CK_FUNCTION_LIST *raw, CK_SESSION_HANDLE session, const uint8_t *der, size_t len)
{
	uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BBOOL yes = CK_TRUE;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE what[] = {{CKA_CLASS, &class, sizeof(class)},
			       {CKA_KEY_TYPE, &type, sizeof(type)},
			       {CKA_TOKEN, &yes, sizeof(yes)},
			       {CKA_PRIVATE, &no, sizeof(no)},
			       {CKA_ID, signer.id.bytes, HSM_KEY_ID_LEN},
			       {CKA_LABEL, signer.label, view_of_text(signer.label).len},
			       {CKA_EC_PARAMS, p256, sizeof(p256)},
			       {CKA_EC_POINT, (void *)(uintptr_t)der, len}};
	CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
	assert_int_equal(raw->C_CreateObject(session, what, ARRAY_LEN(what), &made), CKR_OK);
}

/* G of P-256, FIPS 186-5: a point whose private key is known to everybody. */
static const uint8_t generator[DER_LEN] = {
	0x04, 0x41, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
	0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
	0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
	0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
	0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static void a_public_key_that_was_replaced_is_not_believed(UNUSED void **state)
{
	uint8_t point[HSM_POINT_LEN];
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_FUNCTION_LIST *raw = token_raw(&token, &session);
	CK_OBJECT_HANDLE ours = find_public(raw, session);
	assert_int_equal(raw->C_DestroyObject(session, ours), CKR_OK);
	assert_err(ask_point(point), E_HSM_ATTRIBUTES);
	plant(raw, session, generator, sizeof(generator));
	assert_err(ask_point(point), E_HSM_ATTRIBUTES);
}

static void one_that_was_put_beside_it_is_passed_over(UNUSED void **state)
{
	static const uint8_t no_point[DER_LEN] = {0x04, 0x41, 0x04, 1, 2, 3};
	static const uint8_t compressed[] = {0x04, 0x21, 0x02, 0x6b, 0x17};
	uint8_t before[HSM_POINT_LEN];
	uint8_t after[HSM_POINT_LEN];
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	assert_ok(ask_point(before));
	CK_FUNCTION_LIST *raw = token_raw(&token, &session);
	plant(raw, session, generator, sizeof(generator));
	plant(raw, session, no_point, sizeof(no_point));
	plant(raw, session, compressed, sizeof(compressed));
	assert_ok(ask_point(after));
	assert_memory_equal(before, after, sizeof(before));
}

static void a_signature_of_nothing_is_not_handed_out(UNUSED void **state)
{
	static const uint8_t nothing[HSM_SIGNATURE_LEN];
	uint8_t point[HSM_POINT_LEN];
	token_shim(&token, "C_Sign lie=1 times=1");
	struct hsm_op op = signing(7);
	struct err e = hsm_call(token.hsm, &op);
	token_await_up(&token);
	if (err_is(e, E_HSM_AWAY))
		e = hsm_call(token.hsm, &op);
	assert_ok(e);
	assert_memory_not_equal(op.signature, nothing, sizeof(nothing));
	assert_ok(ask_point(point));
	assert_ok(ecdsa_p256_verify(point, op.digest, op.signature));
}

static void faults_of_the_token_heal(UNUSED void **state)
{
	static const char *const scripts[] = {
		"C_SignInit ckr=0xb3 times=1",        "C_Sign ckr=0x30 times=1",
		"C_SignInit ckr=0x60 times=1",        "C_SignInit ckr=0x101 times=1",
		"C_FindObjectsInit ckr=0xb3 times=1", "C_GetAttributeValue ckr=0x82 times=1"};
	uint8_t point[HSM_POINT_LEN];
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		token_shim(&token, scripts[i]);
		struct hsm_op op = signing(7);
		assert_ok(hsm_call(token.hsm, &op));
		token_shim(&token, scripts[i]);
		struct err e = ask_point(point);
		if (err_failed(e))
			fail_msg("%s: %s", scripts[i], err_name(e));
		token_await_up(&token);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int on_any_token(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_signature_verifies_under_the_public_key),
		TEST(two_signatures_of_one_digest_differ),
		TEST(only_the_signing_key_signs),
		TEST(the_public_key_stays_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

static int on_the_shim(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_public_key_that_was_replaced_is_not_believed),
		TEST(one_that_was_put_beside_it_is_passed_over),
		TEST(a_signature_of_nothing_is_not_handed_out),
		TEST(faults_of_the_token_heal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	bool nss = argc > 1 && view_equal_text(view_of_text(argv[1]), "nss");
	kind = nss ? TOKEN_NSS : TOKEN_SHIM;
	int failed = on_any_token();
	return nss ? failed : failed + on_the_shim();
}
