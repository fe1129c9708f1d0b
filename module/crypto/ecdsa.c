/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/macros.h"

#define HALF (ECDSA_P256_SIGNATURE_LEN / 2)

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
	REQUIRE(point[0] == 4, E_FORMAT);
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
	size_t len = 0;
	TRY(key_of(point, &key));
	TRY(der_of(signature, &der, &len));
	CLEANUP(free_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
	REQUIRE(context != NULL && EVP_PKEY_verify_init(context) == 1, E_NOMEM);
	REQUIRE(EVP_PKEY_verify(context, der, len, digest, ECDSA_P256_DIGEST_LEN) == 1,
		E_CRYPTO_SIGNATURE);
	return OK;
}
