/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What p11-kit's pkcs11.h lacks: the parameters of AES-GCM (PKCS#11 2.40) and of the SP 800-108
 * counter KDF (PKCS#11 3.0). Layouts and numbers are the standard's; names are ours.
 */
#ifndef HOLDFAST_HSM_P11_PKCS11_3_H
#define HOLDFAST_HSM_P11_PKCS11_3_H

#include <p11-kit/pkcs11.h>

/* PKCS#11 3.1 §6.13.3: CK_GCM_PARAMS. */
struct p11_gcm_params {
	CK_BYTE *iv;
	CK_ULONG iv_len;
	CK_ULONG iv_bits;
	CK_BYTE *aad;
	CK_ULONG aad_len;
	CK_ULONG tag_bits;
};

/* PKCS#11 3.1 §6.42: SP 800-108 key derivation. */
#define P11_CKM_SP800_108_COUNTER_KDF 0x3ACUL
#define P11_SP800_108_ITERATION_VARIABLE 1UL
#define P11_SP800_108_DKM_LENGTH 3UL
#define P11_SP800_108_BYTE_ARRAY 4UL
#define P11_SP800_108_DKM_LENGTH_SUM_OF_KEYS 1UL

struct p11_prf_data {
	CK_ULONG type;
	void *value;
	CK_ULONG len;
};

struct p11_counter_format {
	CK_BBOOL little_endian;
	CK_ULONG width_bits;
};

struct p11_dkm_length_format {
	CK_ULONG method;
	CK_BBOOL little_endian;
	CK_ULONG width_bits;
};

struct p11_sp800_108_params {
	CK_MECHANISM_TYPE prf;
	CK_ULONG data_count;
	struct p11_prf_data *data;
	CK_ULONG more_keys;
	void *more_key_list;
};

/* Return values of PKCS#11 3.0. */
#define P11_CKR_AEAD_DECRYPT_FAILED 0x35UL
#define P11_CKR_KEY_EXHAUSTED 0x203UL
#define P11_CKR_UNWRAPPING_KEY_HANDLE_INVALID 0xF0UL

#endif
