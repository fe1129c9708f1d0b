/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648 §4. What depends on the length may branch; what depends on the bytes may not. */
#include "codec/base64.h"

#include "base/mem.h"
#include "codec/symbol.h"

#define PAD '='
#define ZERO 'A' /* the symbol of 0: stands in for symbols that are not there */
#define BLOCK_BYTES ((size_t)6)
#define BLOCK_BITS (8 * BLOCK_BYTES)
#define BLOCK_SYMBOLS SYMBOL_LANES

static const struct symbol_range alphabet[] = {
	{'A', 'Z', 0}, {'a', 'z', 26}, {'0', '9', 52}, {'+', '+', 62}, {'/', '/', 63},
};

/* 1 to 6 bytes into 4 or 8 symbols. Inline, so that whole blocks become code without a loop. */
static inline void encode_block(const uint8_t *bytes, size_t n, uint8_t *symbols)
{
	uint64_t bits = 0, values = 0;
	size_t used = (8 * n + 5) / 6;
	SYMBOL_UNROLL
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		bits = bits << 8 | (i < n ? bytes[i] : 0);
	SYMBOL_UNROLL
	for (size_t i = 0; i < BLOCK_SYMBOLS; i++)
		values |= (bits >> (BLOCK_BITS - 6 - 6 * i) & 0x3f) << (8 * i);
	uint64_t lanes = symbol_of(values, alphabet, ARRAY_LEN(alphabet));
	SYMBOL_UNROLL
	for (size_t i = 0; i < BASE64_ENCODED_LEN(n); i++)
		symbols[i] = i < used ? symbol_lane(lanes, i) : (uint8_t)PAD;
}

void base64_encode(struct writer *w, struct view bytes)
{
	if (bytes.len > MEM_ALLOC_MAX) {
		writer_fail(w, ERR(E_BOUNDS));
		return;
	}
	uint8_t *at = bytes.len > 0 ? writer_room(w, BASE64_ENCODED_LEN(bytes.len)) : NULL;
	if (at == NULL)
		return;
	size_t done = 0;
	for (; bytes.len - done >= BLOCK_BYTES; done += BLOCK_BYTES, at += BLOCK_SYMBOLS)
		encode_block(bytes.ptr + done, BLOCK_BYTES, at);
	if (done < bytes.len)
		encode_block(bytes.ptr + done, bytes.len - done, at);
}

/* 2 to 8 symbols into as many whole bytes as they hold. */
static inline void decode_block(const uint8_t *symbols, size_t n, uint8_t *bytes, uint64_t *faults)
{
	uint64_t lanes = 0, bits = 0;
	size_t whole = 6 * n / 8;
	SYMBOL_UNROLL
	for (size_t i = 0; i < BLOCK_SYMBOLS; i++)
		lanes |= (uint64_t)(i < n ? symbols[i] : ZERO) << (8 * i);
	uint64_t values = symbol_values(lanes, alphabet, ARRAY_LEN(alphabet), faults);
	SYMBOL_UNROLL
	for (size_t i = 0; i < BLOCK_SYMBOLS; i++)
		bits = bits << 6 | symbol_lane(values, i);
	SYMBOL_UNROLL
	for (size_t i = 0; i < whole; i++)
		bytes[i] = (uint8_t)(bits >> (BLOCK_BITS - 8 - 8 * i));
	/* RFC 4648 §3.5: pad bits that are not zero are refused, so that a value has one text. */
	*faults |= bits & ((UINT64_C(1) << (BLOCK_BITS - 8 * whole)) - 1);
}

NODISCARD struct err base64_decode(struct writer *w, struct view text)
{
	if (text.len == 0)
		return writer_end(w);
	REQUIRE(text.len % 4 == 0, E_FORMAT);
	size_t pads = text.ptr[text.len - 1] != PAD ? 0 : text.ptr[text.len - 2] != PAD ? 1 : 2;
	size_t left = text.len - pads;
	uint8_t *at = writer_room(w, BASE64_DECODED_MAX(text.len) - pads);
	if (at == NULL)
		return writer_end(w);
	uint64_t faults = 0;
	const uint8_t *symbols = text.ptr;
	for (; left >= BLOCK_SYMBOLS; left -= BLOCK_SYMBOLS, symbols += BLOCK_SYMBOLS) {
		decode_block(symbols, BLOCK_SYMBOLS, at, &faults);
		at += BLOCK_BYTES;
	}
	if (left > 0)
		decode_block(symbols, left, at, &faults);
	return faults == 0 ? OK : ERR(E_FORMAT);
}
