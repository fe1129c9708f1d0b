/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdsa.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/mem.h"
#include "base/text.h"

#define HALF (ECDSA_P256_SIGNATURE_LEN / 2)
#define UNCOMPRESSED 4
#define PEM_BYTES_MAX 4096

/* libcrypto's queue of errors is emptied, so that it never grows and nobody reads ours as theirs.
 */
static void clear_errors(const int *scope)
{
	(void)scope;
	ERR_clear_error();
}

/* A public key has none, and nobody is asked. */
static int no_password(char *room, int size, int writing, void *user)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_context(EVP_PKEY_CTX **context)
{
	EVP_PKEY_CTX_free(*context);
}

static void free_signature(ECDSA_SIG **signature)
{
	ECDSA_SIG_free(*signature);
}

static void free_der(unsigned char **der)
{
	OPENSSL_free(*der);
}

static struct err key_of(const uint8_t point[ECDSA_P256_POINT_LEN], EVP_PKEY **out)
{
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point,
						  ECDSA_P256_POINT_LEN),
		OSSL_PARAM_construct_end(),
	};
	CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	REQUIRE(context != NULL && EVP_PKEY_fromdata_init(context) == 1, E_NOMEM);
	REQUIRE(point[0] == UNCOMPRESSED, E_FORMAT);
	REQUIRE(EVP_PKEY_fromdata(context, out, EVP_PKEY_PUBLIC_KEY, params) == 1, E_FORMAT);
	return OK;
}

/* r and s as the SEQUENCE that libcrypto reads (RFC 3279 §2.2.3). */
static struct err der_of(const uint8_t signature[ECDSA_P256_SIGNATURE_LEN], unsigned char **out,
			 size_t *len)
{
	CLEANUP(free_signature) ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF, NULL);
	BIGNUM *s = BN_bin2bn(signature + HALF, HALF, NULL);
	if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return ERR(E_NOMEM);
	}
	int written = i2d_ECDSA_SIG(pair, out);
	REQUIRE(written > 0, E_NOMEM);
	*len = (size_t)written;
	return OK;
}

NODISCARD struct err ecdsa_p256_verify(const uint8_t point[ECDSA_P256_POINT_LEN],
				       const uint8_t digest[ECDSA_P256_DIGEST_LEN],
				       const uint8_t signature[ECDSA_P256_SIGNATURE_LEN])
{
	CLEANUP(free_key) EVP_PKEY *key = NULL;
	CLEANUP(free_der) unsigned char *der = NULL;
	CLEANUP(clear_errors) UNUSED int clear = 0;
	size_t len = 0;
	TRY(key_of(point, &key));
	TRY(der_of(signature, &der, &len));
	CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	REQUIRE(context != NULL && EVP_PKEY_verify_init(context) == 1, E_NOMEM);
	REQUIRE(EVP_PKEY_verify(context, der, len, digest, ECDSA_P256_DIGEST_LEN) == 1,
		E_CRYPTO_SIGNATURE);
	return OK;
}

/* --- PEM --- */

static void free_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

static struct err write_key(EVP_PKEY *key, struct writer *out)
{
	char *text = NULL;
	CLEANUP(free_bio) BIO *bio = BIO_new(BIO_s_mem());
	REQUIRE(bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1, E_NOMEM);
	long len = BIO_get_mem_data(bio, &text);
	REQUIRE(len > 0, E_NOMEM);
	writer_bytes(out, view_of(text, (size_t)len));
	return writer_end(out);
}

NODISCARD struct err ecdsa_p256_pem_write(const uint8_t point[ECDSA_P256_POINT_LEN],
					  struct writer *out)
{
	CLEANUP(free_key) EVP_PKEY *key = NULL;
	CLEANUP(clear_errors) UNUSED int clear = 0;
	TRY(key_of(point, &key));
	return write_key(key, out);
}

static bool is_p256(const EVP_PKEY *key)
{
	char group[32] = "";
	return EVP_PKEY_is_a(key, "EC") == 1 &&
	       EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
	       text_equal(group, "prime256v1");
}

NODISCARD struct err ecdsa_p256_pem_read(struct view pem, uint8_t point[ECDSA_P256_POINT_LEN])
{
	uint8_t found[ECDSA_P256_POINT_LEN + 1];
	size_t len = 0;
	CLEANUP(clear_errors) UNUSED int clear = 0;
	REQUIRE(pem.len > 0 && pem.len <= PEM_BYTES_MAX, E_FORMAT);
	CLEANUP(free_bio) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	REQUIRE(bio != NULL, E_NOMEM);
	CLEANUP(free_key) EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
	REQUIRE(key != NULL && is_p256(key), E_FORMAT);
	REQUIRE(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, found, sizeof found,
						&len) == 1 &&
			len == ECDSA_P256_POINT_LEN && found[0] == UNCOMPRESSED,
		E_FORMAT);
	mem_copy(point, ECDSA_P256_POINT_LEN, found, ECDSA_P256_POINT_LEN);
	return OK;
}
