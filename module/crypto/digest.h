/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and HMAC-SHA-256 over parts, by libcrypto. Thread-safe; contexts are kept per thread. */
#ifndef HOLDFAST_CRYPTO_DIGEST_H
#define HOLDFAST_CRYPTO_DIGEST_H

#include "base/err.h"
#include "base/view.h"

#define SHA256_LEN 32

/* FIPS 180-4. */
NODISCARD struct err digest_sha256(const struct view *parts, size_t count, uint8_t out[SHA256_LEN]);

/* FIPS 198-1. The key is secret: its bytes are not copied outside libcrypto's context, which is
 * wiped. */
NODISCARD struct err digest_hmac_sha256(struct view key, const struct view *parts, size_t count,
					uint8_t out[SHA256_LEN]);

/* The version of libcrypto that runs; static. */
const char *digest_library(void);

#endif
