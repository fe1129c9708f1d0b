/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing owner of bytes with a bound. Growth moves to fresh memory and wipes the old, and
 * buf_cleanup() wipes; for key material use struct secret, whose pages are locked.
 */
#ifndef HOLDFAST_BASE_BUF_H
#define HOLDFAST_BASE_BUF_H

#include "base/err.h"
#include "base/view.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max;
};

/* An empty buffer that will hold at most `max` bytes; needs no memory yet. */
void buf_init(struct buf *b, size_t max);

/* Wipes and frees; the buffer is empty and may be used again, with the same bound. */
void buf_cleanup(struct buf *b);

/* E_BOUNDS above the bound, E_NOMEM; on failure the buffer is as it was. `bytes` may not lie in b.
 */
NODISCARD struct err buf_append(struct buf *b, struct view bytes);
NODISCARD struct err buf_append_text(struct buf *b, const char *text);
NODISCARD struct err buf_reserve(struct buf *b, size_t more);

/* Keeps the memory, wipes the content. */
void buf_clear(struct buf *b);

static inline struct view buf_view(const struct buf *b)
{
	return view_of(b->ptr, b->len);
}

#endif
