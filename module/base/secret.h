/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret: bytes in locked pages that are left out of core dumps, and whose only destructor wipes.
 * A secret has no printer, no JSON encoder and no ordinary comparison. Its room is fixed when it is
 * made, so that it is never moved and never leaves a copy behind.
 */
#ifndef HOLDFAST_BASE_SECRET_H
#define HOLDFAST_BASE_SECRET_H

#include "base/err.h"
#include "base/view.h"

/* The largest secret: a reply that carries 4,096 bytes of plaintext as Base64, with room to spare.
 */
#define SECRET_MAX ((size_t)16 << 10)

struct secret {
	uint8_t *ptr;
	size_t len; /* bytes in use; set it after writing through ptr */
	size_t cap; /* bytes of room, at least what was asked for */
};

/*
 * *out: owned by the caller, secret_free(); room for `cap` bytes, zeroed, len 0. Thread-safe.
 * Fails with E_BOUNDS above SECRET_MAX, E_LOCKED_MEMORY when pages cannot be locked, E_NOMEM.
 */
NODISCARD struct err secret_new(size_t cap, struct secret **out);

/* As secret_new(), with the bytes copied in; len is their number. */
NODISCARD struct err secret_new_from(struct view bytes, struct secret **out);

/* Wipes, gives the room back, sets *s to NULL. *s may be NULL. For CLEANUP(secret_free) as well. */
void secret_free(struct secret **s);

/* In time that depends on the length alone. Lengths are not secret. */
NODISCARD bool secret_equal(const struct secret *a, const struct secret *b);

static inline struct view secret_view(const struct secret *s)
{
	return s ? view_of(s->ptr, s->len) : VIEW_NONE;
}

/* Bytes of locked memory in use and set aside, for status and for tests. */
struct secret_usage {
	size_t used_bytes;
	size_t locked_bytes;
	size_t live_count;
};
struct secret_usage secret_usage(void);

#endif
