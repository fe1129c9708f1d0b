/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include "base/mem.h"

void reader_init(struct reader *r, struct view bytes)
{
	*r = (struct reader){.rest = bytes};
}

void reader_fail(struct reader *r)
{
	r->failed = true;
	r->rest = VIEW_NONE;
}

struct view reader_bytes(struct reader *r, size_t n)
{
	if (r->failed || n > r->rest.len) {
		reader_fail(r);
		return VIEW_NONE;
	}
	if (n == 0)
		return view_of(r->rest.ptr, 0); /* NULL + 0 is not defined */
	struct view taken = view_of(r->rest.ptr, n);
	r->rest = view_of(r->rest.ptr + n, r->rest.len - n);
	return taken;
}

static uint64_t integer(struct reader *r, size_t n)
{
	struct view bytes = reader_bytes(r, n);
	uint64_t value = 0;
	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | bytes.ptr[i];
	return value;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)integer(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)integer(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)integer(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return integer(r, 8);
}

static struct view block(struct reader *r, size_t len, size_t max)
{
	if (len > max) {
		reader_fail(r);
		return VIEW_NONE;
	}
	return reader_bytes(r, len);
}

struct view reader_block16(struct reader *r, size_t max)
{
	return block(r, reader_u16(r), max);
}

struct view reader_block32(struct reader *r, size_t max)
{
	return block(r, reader_u32(r), max);
}

void reader_copy(struct reader *r, void *dst, size_t n)
{
	struct view bytes = reader_bytes(r, n);
	mem_zero(dst, n);
	mem_copy(dst, n, bytes.ptr, bytes.len);
}

struct view reader_remaining(struct reader *r)
{
	return reader_bytes(r, r->rest.len);
}

NODISCARD struct err reader_end(const struct reader *r)
{
	return !r->failed && r->rest.len == 0 ? OK : ERR(E_FORMAT);
}
