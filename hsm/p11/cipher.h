/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM on the token, with 12-byte IVs and 128-bit tags, and nothing else. */
#ifndef HOLDFAST_HSM_P11_CIPHER_H
#define HOLDFAST_HSM_P11_CIPHER_H

#include "hsm/hsm.h"
#include "hsm/p11/funnel.h"

/* Who makes the IV. A NULL or empty IV is never passed: SoftHSM takes it for sixteen zeros. */
enum p11_iv {
	P11_IV_OURS,  /* from the kernel's DRBG */
	P11_IV_TOKEN, /* we pass twelve zeros, the token writes its own over them */
};

/* The key and the session that an operation runs in. */
struct p11_cipher {
	struct p11_funnel *funnel;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	enum p11_iv iv;
};

/*
 * Encrypts. aad and plaintext are not empty. `iv` receives the IV in use; `out` has plaintext.len +
 * HSM_TAG_LEN bytes of room and receives ciphertext ‖ tag. E_HSM_UNSAFE when the token's answer
 * has another length, or it was to make an IV and did not.
 */
NODISCARD struct err p11_cipher_encrypt(const struct p11_cipher *cipher, struct view aad,
					struct view plaintext, uint8_t iv[HSM_IV_LEN],
					uint8_t *out);

/* As above with an IV of the caller's; for the probe, which must repeat one. */
NODISCARD struct err p11_cipher_encrypt_with(const struct p11_cipher *cipher, struct view aad,
					     struct view plaintext, uint8_t iv[HSM_IV_LEN],
					     uint8_t *out);

/*
 * Decrypts ciphertext ‖ tag; *out is the caller's, secret_free(). Errors of C_Decrypt come back as
 * they are; which of them mean a wrong tag, and which need the canary: funnel.h.
 */
NODISCARD struct err p11_cipher_decrypt(const struct p11_cipher *cipher, struct view aad,
					const uint8_t iv[HSM_IV_LEN], struct view sealed,
					struct secret **out);

#endif
