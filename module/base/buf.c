/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/mem.h"

#define BUF_FIRST_CAP 64

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_cleanup(struct buf *b)
{
	mem_free(b->ptr);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	mem_wipe(b->ptr, b->len);
	b->len = 0;
}

NODISCARD struct err buf_reserve(struct buf *b, size_t more)
{
	if (more > b->max || b->len > b->max - more)
		return ERR(E_BOUNDS);
	size_t need = b->len + more;
	if (need <= b->cap)
		return OK;
	size_t cap = MIN_OF(MAX_OF(MAX_OF(need, b->cap * 2), (size_t)BUF_FIRST_CAP), b->max);
	uint8_t *fresh = NULL;
	TRY(MEM_NEW_ARRAY(cap, &fresh));
	mem_copy(fresh, cap, b->ptr, b->len);
	mem_free(b->ptr);
	b->ptr = fresh;
	b->cap = cap;
	return OK;
}

NODISCARD struct err buf_append(struct buf *b, struct view bytes)
{
	if (bytes.len == 0)
		return OK;
	TRY(buf_reserve(b, bytes.len));
	mem_copy(b->ptr + b->len, b->cap - b->len, bytes.ptr, bytes.len);
	b->len += bytes.len;
	return OK;
}

NODISCARD struct err buf_append_text(struct buf *b, const char *text)
{
	return buf_append(b, view_of_text(text));
}
