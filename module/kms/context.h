/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encryption context in its one canonical form: a 16-bit count, then the pairs in ascending
 * order of the key's bytes, each string with a 16-bit length. Two contexts are the same exactly
 * when their canonical forms are. No context and an empty one are the same: no bytes at all.
 */
#ifndef HOLDFAST_KMS_CONTEXT_H
#define HOLDFAST_KMS_CONTEXT_H

#include "base/buf.h"
#include "base/err.h"

#define KMS_CONTEXT_CHARACTERS_MAX 8192 /* of all keys and values */
#define KMS_CONTEXT_PAIRS_MAX 8192

struct kms_context_pair {
	struct view key; /* valid UTF-8 */
	struct view value;
};

/*
 * Sorts `pairs` in place and appends the canonical form to `out` (bounded by the caller).
 * E_DUPLICATE for a key that stands twice, E_BOUNDS above the limits, E_UTF8.
 */
NODISCARD struct err kms_context_encode(struct kms_context_pair *pairs, size_t count,
					struct buf *out);

/*
 * The pairs of a canonical form, borrowed from it, in ascending order of keys; at most `max` into
 * `pairs`. Strict: what kms_context_encode() would not write is E_FORMAT; E_BOUNDS for more pairs
 * than `max`.
 */
NODISCARD struct err kms_context_decode(struct view canonical, struct kms_context_pair *pairs,
					size_t max, size_t *count);

#endif
