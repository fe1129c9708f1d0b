/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way out for binary output and for built text: a cursor with a bound and a sticky failure.
 * It writes into memory of the caller's (an array, a secret) or grows a struct buf. A write that
 * does not fit writes nothing and marks the writer; writer_end() tells once, at the end.
 */
#ifndef HOLDFAST_BASE_WRITER_H
#define HOLDFAST_BASE_WRITER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/view.h"

struct writer {
	uint8_t *ptr; /* fixed room; NULL when growing */
	size_t cap;
	size_t len;          /* written so far */
	struct buf *growing; /* borrowed; NULL for fixed room */
	struct err failure;
};

void writer_init(struct writer *w, void *room, size_t cap);
void writer_init_buf(struct writer *w, struct buf *b);       /* appends to b */
void writer_init_secret(struct writer *w, struct secret *s); /* from its start */

/* Integers are big-endian. */
void writer_u8(struct writer *w, uint8_t value);
void writer_u16(struct writer *w, uint16_t value);
void writer_u32(struct writer *w, uint32_t value);
void writer_u64(struct writer *w, uint64_t value);
void writer_bytes(struct writer *w, struct view bytes);
void writer_block16(struct writer *w, struct view bytes); /* length in 16 bits, then the bytes */
void writer_block32(struct writer *w, struct view bytes);
void writer_text(struct writer *w, const char *text); /* without its NUL */
void writer_format(struct writer *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* n bytes of room to be filled by the caller, or NULL (and the writer marked, unless n is 0). */
uint8_t *writer_room(struct writer *w, size_t n);

void writer_fail(struct writer *w, struct err failure);

/* The first failure: E_BOUNDS or E_NOMEM. For a secret, also sets its len. */
NODISCARD struct err writer_end(const struct writer *w);
NODISCARD struct err writer_end_secret(const struct writer *w, struct secret *s);

/* Ends with a NUL and yields the text; the NUL counts against the room. Fixed room only. */
NODISCARD struct err writer_end_text(struct writer *w);

#endif
