/* SPDX-License-Identifier: Apache-2.0 */
#include "signing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

void signing_sign(struct signing *s, const uint8_t digest[AUDIT_HASH_LEN],
		  uint8_t out[AUDIT_SIGNATURE_LEN])
{
	uint8_t der[128];
	size_t len = sizeof der;
	const uint8_t *at = der;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(s->key, NULL);
	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_sign(context, der, &len, digest, AUDIT_HASH_LEN), 1);
	EVP_PKEY_CTX_free(context);
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(pair);
	const int half = AUDIT_SIGNATURE_LEN / 2;
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, half), half);
	ECDSA_SIG_free(pair);
}

static void answer(struct signing *s, struct audit_signing *signing)
{
	unsigned code = atomic_load(&s->fail_with);
	if (code == 0)
		signing_sign(s, signing->digest, signing->signature);
	signing->done(signing, code == 0 ? OK : ERR((uint16_t)code));
}

static void sign(void *self, struct audit_signing *signing)
{
	struct signing *s = (struct signing *)self;
	atomic_fetch_add(&s->asked, 1);
	if (!atomic_load(&s->hold))
		answer(s, signing);
	else
		assert_null(atomic_exchange(&s->held, signing)); /* at most one is on its way */
}

void signing_release(struct signing *s)
{
	struct audit_signing *signing = atomic_exchange(&s->held, NULL);
	if (signing != NULL)
		answer(s, signing);
}

void signing_open(struct signing *s)
{
	size_t len = 0;
	*s = (struct signing){.key = EVP_EC_gen("P-256")};
	assert_non_null(s->key);
	assert_int_equal(EVP_PKEY_get_octet_string_param(s->key, OSSL_PKEY_PARAM_PUB_KEY,
							 s->public_key, sizeof s->public_key, &len),
			 1);
	assert_int_equal(len, AUDIT_POINT_LEN);
	s->port = (struct audit_signer){.sign = sign, .self = s, .public_key = s->public_key};
	assert_false(err_failed(audit_key_id(s->public_key, s->port.key)));
}

void signing_close(struct signing *s)
{
	EVP_PKEY_free(s->key);
	s->key = NULL;
}
