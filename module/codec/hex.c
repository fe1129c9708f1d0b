/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648 §8, in lower case. Table-free on the data: keys in hex may pass. */
#include "codec/hex.h"

#include "codec/symbol.h"

#define BLOCK_BYTES (SYMBOL_LANES / 2)
#define ZERO '0' /* stands in for digits that are not there */

/* Writing uses the first two rows: lower case. */
static const struct symbol_range digits[] = {{'0', '9', 0}, {'a', 'f', 10}, {'A', 'F', 10}};
#define WRITTEN_ROWS 2

/* 1 to 4 bytes into their digits. */
static void encode_block(const uint8_t *bytes, size_t n, uint8_t *out)
{
	uint64_t values = 0;
	for (size_t i = 0; i < n; i++)
		values |= ((uint64_t)(bytes[i] >> 4) | (uint64_t)(bytes[i] & 0x0f) << 8)
			  << (16 * i);
	uint64_t lanes = symbol_of(values, digits, WRITTEN_ROWS);
	for (size_t i = 0; i < 2 * n; i++)
		out[i] = symbol_lane(lanes, i);
}

void hex_encode(struct writer *w, struct view bytes)
{
	uint8_t *at = bytes.len > 0 ? writer_room(w, 2 * bytes.len) : NULL;
	if (at == NULL)
		return;
	for (size_t done = 0; done < bytes.len; done += BLOCK_BYTES)
		encode_block(bytes.ptr + done, MIN_OF(bytes.len - done, BLOCK_BYTES),
			     at + 2 * done);
}

/* The values of 2 to 8 digits, a lane each. */
static uint64_t decode_block(struct view text, uint64_t *faults)
{
	uint64_t lanes = 0;
	for (size_t i = 0; i < SYMBOL_LANES; i++)
		lanes |= (uint64_t)(i < text.len ? text.ptr[i] : ZERO) << (8 * i);
	return symbol_values(lanes, digits, ARRAY_LEN(digits), faults);
}

NODISCARD struct err hex_decode(struct view text, uint8_t *out, size_t n)
{
	uint64_t faults = 0;
	REQUIRE(text.len % 2 == 0 && text.len / 2 == n, E_FORMAT);
	for (size_t at = 0; at < text.len; at += SYMBOL_LANES)
		(void)decode_block(view_part(text, at, SYMBOL_LANES), &faults);
	REQUIRE(faults == 0, E_FORMAT);
	for (size_t i = 0; i < n; i += BLOCK_BYTES) {
		uint64_t values = decode_block(view_part(text, 2 * i, SYMBOL_LANES), &faults);
		for (size_t k = 0; k < MIN_OF(n - i, BLOCK_BYTES); k++)
			out[i + k] = (uint8_t)(symbol_lane(values, 2 * k) << 4 |
					       symbol_lane(values, 2 * k + 1));
	}
	return OK;
}
