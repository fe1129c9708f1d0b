/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA over P-256, verification alone (FIPS 186-5): signing is the token's. */
#ifndef HOLDFAST_CRYPTO_ECDSA_H
#define HOLDFAST_CRYPTO_ECDSA_H

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"

#define ECDSA_P256_POINT_LEN 65     /* SEC 1, uncompressed */
#define ECDSA_P256_SIGNATURE_LEN 64 /* r, then s, big-endian */
#define ECDSA_P256_DIGEST_LEN 32
#define ECDSA_PEM_MAX 512

/* E_CRYPTO_SIGNATURE: it is not this key's signature of this digest. E_FORMAT: the point is none of
 * the curve. E_NOMEM. */
NODISCARD struct err ecdsa_p256_verify(const uint8_t point[ECDSA_P256_POINT_LEN],
				       const uint8_t digest[ECDSA_P256_DIGEST_LEN],
				       const uint8_t signature[ECDSA_P256_SIGNATURE_LEN]);

/* A point as a PEM file of a SubjectPublicKeyInfo (RFC 5480), and back. E_FORMAT: another key. */
NODISCARD struct err ecdsa_p256_pem_write(const uint8_t point[ECDSA_P256_POINT_LEN],
					  struct writer *out);
NODISCARD struct err ecdsa_p256_pem_read(struct view pem, uint8_t point[ECDSA_P256_POINT_LEN]);

#endif
