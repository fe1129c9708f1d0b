/* SPDX-License-Identifier: Apache-2.0 */
/* How a message key is derived on the token: suites 1 and 2. Their life: messagekey.c. */
#include "base/writer.h"
#include "hsm/p11/messagekey.h"
#include "hsm/p11/template.h"

/*
 * Suite 1: SP 800-108 in counter mode, PRF AES-256-CMAC: the base key is an AES key, and tokens
 * (NSS among them) refuse it as a key of HMAC. Fixed input as SP 800-108r1 §4 has it:
 * label ‖ 0x00 ‖ context ‖ [L], context = purpose ‖ nonce.
 */
#define KDF_LABEL "holdfast message key"
#define KDF_FIXED_LEN (sizeof(KDF_LABEL) + 1 + HSM_NONCE_LEN) /* with the NUL as the 0x00 */
#define KDF_WIDTH_BITS 32

static struct err derive_with(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
			      const struct p11_base *base, CK_MECHANISM *mechanism,
			      CK_OBJECT_HANDLE *out)
{
	struct p11_template t;
	p11_template_session_aes(&t, false);
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	TRY(P11_CALL(funnel, C_DeriveKey, session, mechanism, base->handle, t.items, t.count,
		     &handle));
	*out = handle;
	return OK;
}

static struct err derive_sp800_108(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
				   const struct p11_base *base, const uint8_t *nonce,
				   CK_OBJECT_HANDLE *out)
{
	uint8_t fixed[KDF_FIXED_LEN];
	struct writer w;
	writer_init(&w, fixed, sizeof(fixed));
	writer_bytes(&w, view_of(KDF_LABEL, sizeof(KDF_LABEL)));
	writer_u8(&w, (uint8_t)base->purpose);
	writer_bytes(&w, view_of(nonce, HSM_NONCE_LEN));
	TRY(writer_end(&w));
	struct p11_counter_format counter = {CK_FALSE, KDF_WIDTH_BITS};
	struct p11_dkm_length_format length = {P11_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_FALSE,
					       KDF_WIDTH_BITS};
	struct p11_prf_data data[] = {
		{P11_SP800_108_ITERATION_VARIABLE, &counter, sizeof(counter)},
		{P11_SP800_108_BYTE_ARRAY, fixed, sizeof(fixed)},
		{P11_SP800_108_DKM_LENGTH, &length, sizeof(length)},
	};
	struct p11_sp800_108_params params = {
		.prf = CKM_AES_CMAC, .data_count = ARRAY_LEN(data), .data = data};
	CK_MECHANISM mechanism = {P11_CKM_SP800_108_COUNTER_KDF, &params, sizeof(params)};
	return derive_with(funnel, session, base, &mechanism, out);
}

/* Suite 2: E_K(nonce ‖ purpose << 1 ∣ 0) ‖ E_K(nonce ‖ purpose << 1 ∣ 1). */
static struct err derive_ecb(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
			     const struct p11_base *base, const uint8_t *nonce,
			     CK_OBJECT_HANDLE *out)
{
	uint8_t blocks[P11_KEY_BYTES];
	struct writer w;
	writer_init(&w, blocks, sizeof(blocks));
	for (unsigned i = 0; i < 2; i++) {
		writer_bytes(&w, view_of(nonce, HSM_NONCE_LEN));
		writer_u8(&w, (uint8_t)((unsigned)base->purpose << 1 | i));
	}
	TRY(writer_end(&w));
	CK_KEY_DERIVATION_STRING_DATA params = {blocks, sizeof(blocks)};
	CK_MECHANISM mechanism = {CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof(params)};
	return derive_with(funnel, session, base, &mechanism, out);
}

NODISCARD struct err p11_message_key_derive(struct p11_funnel *funnel, CK_SESSION_HANDLE session,
					    const struct p11_base *base,
					    const uint8_t nonce[HSM_NONCE_LEN],
					    CK_OBJECT_HANDLE *out)
{
	if (base->suite == HSM_SUITE_SP800_108)
		return derive_sp800_108(funnel, session, base, nonce, out);
	ENSURE(base->suite == HSM_SUITE_ECB_DATA);
	return derive_ecb(funnel, session, base, nonce, out);
}
