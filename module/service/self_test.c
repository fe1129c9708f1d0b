/* SPDX-License-Identifier: Apache-2.0 */
#include "service/self_test.h"

#include "base/mem.h"
#include "codec/hex.h"
#include "crypto/digest.h"
#include "crypto/ecdsa.h"
#include "service/core.h"

#define VECTOR_MAX 80
#define DRAWN_LEN 32

/* ---- known answers ---- */

static bool equals_hex(struct view bytes, const char *hex)
{
	uint8_t expected[VECTOR_MAX];
	return bytes.len <= sizeof expected &&
	       !err_failed(hex_decode(view_of_text(hex), expected, bytes.len)) &&
	       view_equal(bytes, view_of(expected, bytes.len));
}

static struct err test_sha256(struct service *service)
{
	(void)service;
	uint8_t digest[SHA256_LEN];
	const struct view message = VIEW_LITERAL("abc");
	TRY(digest_sha256(&message, 1, digest));
	ENSURE(equals_hex(VIEW_ARRAY(digest),
			  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	return OK;
}

static struct err test_hmac(struct service *service)
{
	(void)service;
	uint8_t mac[SHA256_LEN];
	const struct view message = VIEW_LITERAL("what do ya want for nothing?");
	TRY(digest_hmac_sha256(VIEW_LITERAL("Jefe"), &message, 1, mac));
	ENSURE(equals_hex(VIEW_ARRAY(mac),
			  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
	return OK;
}

static const char ecdsa_point[] =
	"04"
	"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
	"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char ecdsa_signature[] =
	"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static struct err test_ecdsa(struct service *service)
{
	(void)service;
	uint8_t point[ECDSA_P256_POINT_LEN], signature[ECDSA_P256_SIGNATURE_LEN];
	uint8_t digest[ECDSA_P256_DIGEST_LEN];
	const struct view message = VIEW_LITERAL("sample");
	TRY(hex_decode(VIEW_LITERAL(ecdsa_point), point, sizeof point));
	TRY(hex_decode(VIEW_LITERAL(ecdsa_signature), signature, sizeof signature));
	TRY(digest_sha256(&message, 1, digest));
	TRY(ecdsa_p256_verify(point, digest, signature));
	digest[0] ^= 1;
	ENSURE(err_is(ecdsa_p256_verify(point, digest, signature), E_CRYPTO_SIGNATURE));
	return OK;
}

/* ---- the token ---- */

static struct err test_probe(struct service *service)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_PROBE};
	return service_token_call(service, &op);
}

static struct err draw(struct service *service, uint8_t out[DRAWN_LEN])
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_RANDOM, .length = DRAWN_LEN};
	TRY(service_token_call(service, &op));
	REQUIRE(op.plaintext_out != NULL && op.plaintext_out->len == DRAWN_LEN, E_HSM_UNSAFE);
	mem_copy(out, DRAWN_LEN, op.plaintext_out->ptr, DRAWN_LEN);
	return OK;
}

static struct err test_random(struct service *service)
{
	uint8_t a[DRAWN_LEN], b[DRAWN_LEN], none[DRAWN_LEN] = {0};
	TRY(draw(service, a));
	TRY(draw(service, b));
	bool differ = !mem_equal(a, b, DRAWN_LEN) && !mem_equal(a, none, DRAWN_LEN);
	mem_wipe(a, sizeof a);
	mem_wipe(b, sizeof b);
	REQUIRE(differ, E_HSM_UNSAFE);
	return OK;
}

static struct err test_token_hmac(struct service *service)
{
	const struct view messages[] = {VIEW_LITERAL("self-test"), VIEW_LITERAL("self-test"),
					VIEW_LITERAL("self-tesu")};
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_MAC,
			    .from = {.key = service->options.installation.row_seal},
			    .messages = messages,
			    .message_count = ARRAY_LEN(messages)};
	TRY(service_token_call(service, &op));
	REQUIRE(mem_equal(op.macs[0], op.macs[1], HSM_MAC_LEN), E_HSM_UNSAFE);
	REQUIRE(!mem_equal(op.macs[0], op.macs[2], HSM_MAC_LEN), E_HSM_UNSAFE);
	return OK;
}

static struct err test_token_signature(struct service *service)
{
	const struct hsm_key_id key = service->options.installation.audit_sign;
	const struct view message = VIEW_LITERAL("self-test");
	CLEANUP(hsm_op_cleanup)
	struct hsm_op public = {.verb = HSM_PUBLIC_KEY, .from = {.key = key}};
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_SIGN, .from = {.key = key}};
	TRY(digest_sha256(&message, 1, op.digest));
	TRY(service_token_call(service, &public));
	TRY(service_token_call(service, &op));
	REQUIRE(!err_failed(ecdsa_p256_verify(public.point, op.digest, op.signature)),
		E_HSM_UNSAFE);
	op.digest[0] ^= 1;
	REQUIRE(err_failed(ecdsa_p256_verify(public.point, op.digest, op.signature)), E_HSM_UNSAFE);
	return OK;
}

/* ---- sealing ---- */

static struct hsm_sealing sealing(const struct service *service, struct view context)
{
	const struct kms_installation *installation = &service->options.installation;
	return (struct hsm_sealing){.key = installation->secret_wrap,
				    .suite = installation->secret_wrap_suite,
				    .purpose = HSM_PURPOSE_KMS,
				    .header = VIEW_LITERAL("self-test"),
				    .context = context};
}

static struct err seal(struct service *service, const struct secret *plaintext, struct buf *out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_SEAL,
			    .to = sealing(service, VIEW_LITERAL("here")),
			    .plaintext = plaintext};
	TRY(service_token_call(service, &op));
	return buf_append(out, buf_view(&op.sealed));
}

static struct err open_sealed(struct service *service, struct view sealed, struct view context,
			      const struct secret *expected)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {
		.verb = HSM_OPEN, .from = sealing(service, context), .sealed_in = sealed};
	TRY(service_token_call(service, &op));
	bool same = op.plaintext_out->len == expected->len &&
		    mem_equal_constant_time(op.plaintext_out->ptr, expected->ptr, expected->len);
	REQUIRE(same, E_HSM_UNSAFE);
	return OK;
}

static struct err must_refuse(struct err e)
{
	REQUIRE(err_failed(e), E_HSM_UNSAFE);
	return err_is(e, E_HSM_CIPHERTEXT) ? OK : e;
}

static struct err test_sealing(struct service *service)
{
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	CLEANUP(buf_cleanup) struct buf a;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&a, DRAWN_LEN + HSM_SEALED_OVERHEAD);
	buf_init(&b, DRAWN_LEN + HSM_SEALED_OVERHEAD);
	TRY(secret_new(DRAWN_LEN, &plaintext));
	plaintext->len = DRAWN_LEN;
	TRY(seal(service, plaintext, &a));
	TRY(seal(service, plaintext, &b));
	REQUIRE(!view_equal(buf_view(&a), buf_view(&b)), E_HSM_UNSAFE);
	TRY(open_sealed(service, buf_view(&a), VIEW_LITERAL("here"), plaintext));
	TRY(must_refuse(open_sealed(service, buf_view(&a), VIEW_LITERAL("there"), plaintext)));
	a.ptr[a.len - 1] ^= 1;
	return must_refuse(open_sealed(service, buf_view(&a), VIEW_LITERAL("here"), plaintext));
}

/* ---- all of them ---- */

static const struct self_test tests[] = {
	{"SHA-256", "the digest of \"abc\" is that of FIPS 180-4", test_sha256},
	{"HMAC-SHA-256", "the MAC of RFC 4231, test case 2", test_hmac},
	{"ECDSA P-256",
	 "the signature of RFC 6979, A.2.5 (SHA-256, \"sample\") verifies; with another digest it "
	 "is refused",
	 test_ecdsa},
	{"token probe",
	 "the token's own probe: a key is derived or made, seals, opens, and refuses a changed "
	 "tag",
	 test_probe},
	{"token random", "two draws of 32 bytes from the token differ", test_random},
	{"token HMAC", "the sealing key gives one MAC for one message, and another for another",
	 test_token_hmac},
	{"token signature",
	 "the audit key's signature verifies outside the token with its public key; with another "
	 "digest it is refused",
	 test_token_signature},
	{"token sealing",
	 "one plaintext is sealed twice differently and opens again; a changed tag and another "
	 "context are refused",
	 test_sealing},
};

const struct self_test *self_test_at(size_t index)
{
	return index < ARRAY_LEN(tests) ? &tests[index] : NULL;
}
