/* SPDX-License-Identifier: Apache-2.0 */
/* Verification against a vector that others published, and keys as PEM there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/hex.h"
#include "crypto/ecdsa.h"

/* RFC 6979 A.2.5: P-256, SHA-256, message "sample". */
static const char point_hex[] = "04"
				"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
				"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char digest_hex[] = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf";
static const char signature_hex[] =
	"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
	"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static uint8_t point[ECDSA_P256_POINT_LEN], digest[ECDSA_P256_DIGEST_LEN],
	signature[ECDSA_P256_SIGNATURE_LEN];

static int setup(void **state)
{
	(void)state;
	return err_failed(hex_decode(view_of_text(point_hex), point, sizeof point)) ||
	       err_failed(hex_decode(view_of_text(digest_hex), digest, sizeof digest)) ||
	       err_failed(hex_decode(view_of_text(signature_hex), signature, sizeof signature));
}

static void a_published_signature_verifies(void **state)
{
	(void)state;
	assert_int_equal(ecdsa_p256_verify(point, digest, signature).code, E_OK);
}

static void nothing_else_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof signature; i++) {
		signature[i] ^= 1;
		assert_int_equal(ecdsa_p256_verify(point, digest, signature).code,
				 E_CRYPTO_SIGNATURE);
		signature[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof digest; i++) {
		digest[i] ^= 0x80;
		assert_int_equal(ecdsa_p256_verify(point, digest, signature).code,
				 E_CRYPTO_SIGNATURE);
		digest[i] ^= 0x80;
	}
	memset(signature, 0, sizeof signature);
	assert_int_equal(ecdsa_p256_verify(point, digest, signature).code, E_CRYPTO_SIGNATURE);
}

static void a_point_that_is_none_is_refused(void **state)
{
	(void)state;
	point[40] ^= 1;
	assert_int_equal(ecdsa_p256_verify(point, digest, signature).code, E_FORMAT);
	point[40] ^= 1;
	point[0] = 3;
	assert_int_equal(ecdsa_p256_verify(point, digest, signature).code, E_FORMAT);
	memset(point, 0, sizeof point);
	assert_int_equal(ecdsa_p256_verify(point, digest, signature).code, E_FORMAT);
}

static void a_key_goes_through_a_file(void **state)
{
	(void)state;
	char pem[ECDSA_PEM_MAX];
	uint8_t back[ECDSA_P256_POINT_LEN];
	struct writer w;
	writer_init(&w, pem, sizeof pem - 1);
	assert_int_equal(ecdsa_p256_pem_write(point, &w).code, E_OK);
	pem[w.len] = '\0';
	assert_memory_equal(pem, "-----BEGIN PUBLIC KEY-----\n", 27);
	assert_int_equal(ecdsa_p256_pem_read(view_of(pem, w.len), back).code, E_OK);
	assert_memory_equal(back, point, sizeof point);
	/* Text in front is passed over, as in what the command prints. */
	char with_text[ECDSA_PEM_MAX + 32] = "SHA-256 of the point: 00\n";
	strcat(with_text, pem);
	assert_int_equal(ecdsa_p256_pem_read(view_of_text(with_text), back).code, E_OK);
	assert_memory_equal(back, point, sizeof point);
	for (size_t len = 0; len < w.len - 1; len += 11)
		assert_int_equal(ecdsa_p256_pem_read(view_of(pem, len), back).code, E_FORMAT);
}

static void another_kind_of_key_is_refused(void **state)
{
	(void)state;
	uint8_t back[ECDSA_P256_POINT_LEN];
	/* Ed25519, RFC 8410 section 10.1; secp256k1 has points of the same length. */
	static const char *const others[] = {
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
		"-----END PUBLIC KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\n"
		"MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEeb5mfvncu6xVoGKVzocLBwKb/NstzijZ\n"
		"WfKBWxb4F5hIOtp3JqPEZV2k+/wOEQio/Re0SKaFVBmcR9CP+xDUuA==\n"
		"-----END PUBLIC KEY-----\n",
		"",
		"no key",
	};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(ecdsa_p256_pem_read(view_of_text(others[i]), back).code, E_FORMAT);
}

#define ECDSA_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ECDSA_TEST(a_published_signature_verifies),  ECDSA_TEST(nothing_else_does),
		ECDSA_TEST(a_point_that_is_none_is_refused), ECDSA_TEST(a_key_goes_through_a_file),
		ECDSA_TEST(another_kind_of_key_is_refused),
	};
	return cmocka_run_group_tests_name("crypto_ecdsa", tests, NULL, NULL);
}
