/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ciphertext of a symmetric key (format 1), big-endian:
 *
 *   format 1 │ suite 1 │ flags 1 │ key id 16 │ version 4 │ nonce 15 │ IV 12 │ ciphertext │ tag 16
 *   └──────────── header, 23 bytes ─────────────────────┘ └────────── sealed ─────────────────┘
 *
 * The header is made and read here; the sealed part is the token's (hsm.h). Everything before the
 * IV is authenticated. The format byte lets later layouts live beside this one.
 */
#ifndef HOLDFAST_KMS_CIPHERTEXT_H
#define HOLDFAST_KMS_CIPHERTEXT_H

#include "base/err.h"
#include "kms/key.h"

#define KMS_CIPHERTEXT_FORMAT 1
#define KMS_CIPHERTEXT_HEADER_LEN 23
#define KMS_CIPHERTEXT_FLAG_MULTI_REGION 0x01 /* every other bit must be 0 */
#define KMS_CIPHERTEXT_MAX 6144               /* KMS API: CiphertextType */

struct kms_ciphertext {
	enum hsm_suite suite;
	struct kms_key_id key_id;
	uint32_t version;
	struct view header; /* borrowed: the header bytes */
	struct view sealed; /* borrowed: nonce to tag */
};

void kms_ciphertext_header(const struct kms_version *version,
			   uint8_t out[KMS_CIPHERTEXT_HEADER_LEN]);

/* Takes a blob apart, which must outlive *out. E_KMS_CIPHERTEXT for anything that is not format 1
 * to the letter. */
NODISCARD struct err kms_ciphertext_parse(struct view blob, struct kms_ciphertext *out);

#endif
