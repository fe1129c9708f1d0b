/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in for binary input: a cursor with a bound and a sticky failure. A read past the end
 * yields zeros or an empty view and marks the reader; reader_end() tells once, at the end.
 * Integers are big-endian.
 */
#ifndef HOLDFAST_BASE_READER_H
#define HOLDFAST_BASE_READER_H

#include "base/err.h"
#include "base/view.h"

struct reader {
	struct view rest;
	bool failed;
};

void reader_init(struct reader *r, struct view bytes);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* The next n bytes, borrowed from what the reader was made of. */
struct view reader_bytes(struct reader *r, size_t n);

/* A 16- or 32-bit length and that many bytes; a length above `max` fails the reader. */
struct view reader_block16(struct reader *r, size_t max);
struct view reader_block32(struct reader *r, size_t max);

/* Copies the next n bytes to dst (zeros when they are not there). */
void reader_copy(struct reader *r, void *dst, size_t n);

/* Everything that is left. */
struct view reader_remaining(struct reader *r);

/* Marks the reader as failed: for a value that is there and not allowed. */
void reader_fail(struct reader *r);

/* OK when every read succeeded and nothing is left; else E_FORMAT. */
NODISCARD struct err reader_end(const struct reader *r);

#endif
