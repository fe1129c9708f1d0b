/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash of a multiset that follows every change of it: LtHash, Bellare and Micciancio 1997 ("a new
 * paradigm for collision-free hashing: incrementality at reduced cost"), with 1,024 lanes of 16
 * bits. An element is spread over the lanes by SHAKE-256 (FIPS 202) and added to them, so that the
 * order does not matter and whatever was added can be removed again. It is not keyed: whoever must
 * not choose a sum has to find it sealed. Thread-safe; libcrypto's contexts are kept per thread.
 */
#ifndef HOLDFAST_CRYPTO_LTHASH_H
#define HOLDFAST_CRYPTO_LTHASH_H

#include "base/err.h"
#include "base/view.h"

#define LTHASH_LANES 1024
#define LTHASH_LEN (LTHASH_LANES * 2)

/* {0} is the hash of nothing. */
struct lthash {
	uint16_t lanes[LTHASH_LANES];
};

/* *hash is as it was when they fail: E_SYSTEM, E_NOMEM. */
NODISCARD struct err lthash_add(struct lthash *hash, struct view element);
NODISCARD struct err lthash_remove(struct lthash *hash, struct view element);

/* What `other` has is added, or taken out: the hash of both, or of the difference. */
void lthash_combine(struct lthash *hash, const struct lthash *other);
void lthash_subtract(struct lthash *hash, const struct lthash *other);

bool lthash_equal(const struct lthash *a, const struct lthash *b);

/* Lanes in order, each big-endian. */
void lthash_write(const struct lthash *hash, uint8_t out[LTHASH_LEN]);
void lthash_read(const uint8_t bytes[LTHASH_LEN], struct lthash *out);

#endif
