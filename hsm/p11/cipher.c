/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/cipher.h"

#include "base/entropy.h"
#include "base/mem.h"

/* PKCS#11 takes void * for what it only reads. */
static CK_BYTE *unconst(struct view v)
{
	return (CK_BYTE *)(uintptr_t)v.ptr;
}

static struct p11_gcm_params params_of(uint8_t *iv, struct view aad)
{
	return (struct p11_gcm_params){.iv = iv,
				       .iv_len = HSM_IV_LEN,
				       .iv_bits = HSM_IV_LEN * 8,
				       .aad = unconst(aad),
				       .aad_len = (CK_ULONG)aad.len,
				       .tag_bits = HSM_TAG_LEN * 8};
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= bytes[i];
	return any == 0;
}

NODISCARD struct err p11_cipher_encrypt_with(const struct p11_cipher *cipher, struct view aad,
					     struct view plaintext, uint8_t iv[HSM_IV_LEN],
					     uint8_t *out)
{
	ENSURE(aad.len > 0 && plaintext.len > 0);
	struct p11_gcm_params params = params_of(iv, aad);
	CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
	CK_ULONG want = (CK_ULONG)(plaintext.len + HSM_TAG_LEN);
	CK_ULONG len = want;
	TRY(P11_CALL(cipher->funnel, C_EncryptInit, cipher->session, &mechanism, cipher->key));
	TRY(P11_CALL(cipher->funnel, C_Encrypt, cipher->session, unconst(plaintext),
		     (CK_ULONG)plaintext.len, out, &len));
	/* Nothing written, and CKR_OK: the message would be lost for good. */
	REQUIRE(len == want && !all_zero(out, want), E_HSM_UNSAFE);
	return OK;
}

NODISCARD struct err p11_cipher_encrypt(const struct p11_cipher *cipher, struct view aad,
					struct view plaintext, uint8_t iv[HSM_IV_LEN], uint8_t *out)
{
	mem_zero(iv, HSM_IV_LEN);
	if (cipher->iv == P11_IV_OURS)
		TRY(entropy_fill(iv, HSM_IV_LEN));
	TRY(p11_cipher_encrypt_with(cipher, aad, plaintext, iv, out));
	REQUIRE(!all_zero(iv, HSM_IV_LEN), E_HSM_UNSAFE);
	return OK;
}

NODISCARD struct err p11_cipher_decrypt(const struct p11_cipher *cipher, struct view aad,
					const uint8_t iv[HSM_IV_LEN], struct view sealed,
					struct secret **out)
{
	*out = NULL;
	ENSURE(aad.len > 0);
	REQUIRE(sealed.len > HSM_TAG_LEN, E_HSM_CIPHERTEXT);
	/* SoftHSM wants room for the tag as well. */
	CLEANUP(secret_free) struct secret *plaintext = NULL;
	TRY(secret_new(sealed.len, &plaintext));
	uint8_t own_iv[HSM_IV_LEN];
	mem_copy(own_iv, sizeof(own_iv), iv, HSM_IV_LEN);
	struct p11_gcm_params params = params_of(own_iv, aad);
	CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
	CK_ULONG len = (CK_ULONG)plaintext->cap;
	TRY(P11_CALL(cipher->funnel, C_DecryptInit, cipher->session, &mechanism, cipher->key));
	TRY(P11_CALL(cipher->funnel, C_Decrypt, cipher->session, unconst(sealed),
		     (CK_ULONG)sealed.len, plaintext->ptr, &len));
	REQUIRE(len == sealed.len - HSM_TAG_LEN, E_HSM_UNSAFE);
	plaintext->len = len;
	*out = TAKE(plaintext);
	return OK;
}
