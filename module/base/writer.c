/* SPDX-License-Identifier: Apache-2.0 */
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define FORMAT_MAX 1024 /* one writer_format() call */

void writer_init(struct writer *w, void *room, size_t cap)
{
	*w = (struct writer){.ptr = (uint8_t *)room, .cap = cap, .failure = OK};
}

void writer_init_buf(struct writer *w, struct buf *b)
{
	*w = (struct writer){.growing = b, .failure = OK};
}

void writer_init_secret(struct writer *w, struct secret *s)
{
	writer_init(w, s->ptr, s->cap);
}

void writer_fail(struct writer *w, struct err failure)
{
	if (!err_failed(w->failure))
		w->failure = failure;
}

/* ptr + len, where both may be nothing: adding to a null pointer is not defined. */
static uint8_t *end_of(uint8_t *ptr, size_t len)
{
	return len > 0 ? ptr + len : ptr;
}

static uint8_t *room_growing(struct writer *w, size_t n)
{
	struct buf *b = w->growing;
	/* Nearly every write finds room; replies and records are made of many small ones. */
	struct err e = n <= b->cap - b->len ? OK : buf_reserve(b, n);
	if (err_failed(e)) {
		writer_fail(w, e);
		return NULL;
	}
	uint8_t *at = end_of(b->ptr, b->len);
	b->len += n;
	w->len += n;
	return at;
}

uint8_t *writer_room(struct writer *w, size_t n)
{
	if (err_failed(w->failure))
		return NULL;
	if (w->growing != NULL)
		return room_growing(w, n);
	if (n > w->cap - w->len) {
		writer_fail(w, ERR(E_BOUNDS));
		return NULL;
	}
	uint8_t *at = end_of(w->ptr, w->len);
	w->len += n;
	return at;
}

void writer_bytes(struct writer *w, struct view bytes)
{
	if (bytes.len == 0)
		return;
	uint8_t *at = writer_room(w, bytes.len);
	if (at != NULL)
		mem_copy(at, bytes.len, bytes.ptr, bytes.len);
}

static void integer(struct writer *w, uint64_t value, size_t n)
{
	uint8_t *at = writer_room(w, n);
	if (at == NULL)
		return;
	for (size_t i = n; i > 0; i--) {
		at[i - 1] = (uint8_t)value;
		value >>= 8;
	}
}

void writer_u8(struct writer *w, uint8_t value)
{
	uint8_t *at = writer_room(w, 1);
	if (at != NULL)
		*at = value;
}

void writer_u16(struct writer *w, uint16_t value)
{
	integer(w, value, 2);
}

void writer_u32(struct writer *w, uint32_t value)
{
	integer(w, value, 4);
}

void writer_u64(struct writer *w, uint64_t value)
{
	integer(w, value, 8);
}

void writer_block16(struct writer *w, struct view bytes)
{
	if (bytes.len > UINT16_MAX) {
		writer_fail(w, ERR(E_BOUNDS));
		return;
	}
	writer_u16(w, (uint16_t)bytes.len);
	writer_bytes(w, bytes);
}

void writer_block32(struct writer *w, struct view bytes)
{
	if (bytes.len > UINT32_MAX) {
		writer_fail(w, ERR(E_BOUNDS));
		return;
	}
	writer_u32(w, (uint32_t)bytes.len);
	writer_bytes(w, bytes);
}

void writer_text(struct writer *w, const char *text)
{
	writer_bytes(w, view_of_text(text));
}

void writer_format(struct writer *w, const char *format, ...)
{
	char text[FORMAT_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text)
		writer_fail(w, ERR(E_BOUNDS));
	else
		writer_bytes(w, view_of(text, (size_t)n));
	mem_wipe(text, n > 0 ? MIN_OF((size_t)n, sizeof text) : 0);
}

NODISCARD struct err writer_end(const struct writer *w)
{
	return w->failure;
}

NODISCARD struct err writer_end_secret(const struct writer *w, struct secret *s)
{
	TRY(writer_end(w));
	s->len = w->len;
	return OK;
}

NODISCARD struct err writer_end_text(struct writer *w)
{
	ENSURE(w->growing == NULL);
	writer_u8(w, 0);
	return writer_end(w);
}
