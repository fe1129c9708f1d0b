/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alphabets of Base64 and hex as ranges, eight symbols at a time in the bytes ("lanes") of one
 * integer. There is no table to index and nothing to branch on, so neither time nor cache tells
 * what the symbols were. Private to codec/.
 */
#ifndef HOLDFAST_CODEC_SYMBOL_H
#define HOLDFAST_CODEC_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#define SYMBOL_LANES ((size_t)8)
#define SYMBOL_SPREAD(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

/* Before a loop with a small, fixed bound: shifts become constants, which doubles the speed. */
#define SYMBOL_UNROLL _Pragma("GCC unroll 8")

/* Symbols first..last stand for value, value + 1, ... */
struct symbol_range {
	uint8_t first, last;
	uint8_t value;
};

static inline uint8_t symbol_lane(uint64_t lanes, size_t at)
{
	return (uint8_t)(lanes >> (8 * at));
}

/* 0xff in each lane that is low..high, else 0. Lanes and bounds are below 128: bit 7 of a sum tells
 * the order, and no sum reaches the next lane. */
static inline uint64_t symbol_within(uint64_t lanes, uint32_t low, uint32_t high)
{
	uint64_t at_least_low = lanes + SYMBOL_SPREAD(0x80 - low);
	uint64_t above_high = lanes + SYMBOL_SPREAD(0x7f - high);
	uint64_t inside = (at_least_low & ~above_high & SYMBOL_SPREAD(0x80)) >> 7;
	return inside * 0xff;
}

/* The lanes that `mask` selects, moved from the range that starts at `from` to the one at `to`. */
static inline uint64_t symbol_move(uint64_t lanes, uint64_t mask, uint32_t from, uint32_t to)
{
	return (lanes & mask) - (SYMBOL_SPREAD(from) & mask) + (SYMBOL_SPREAD(to) & mask);
}

/* The symbols of values that the ranges hold. */
static inline uint64_t symbol_of(uint64_t values, const struct symbol_range *ranges, size_t count)
{
	uint64_t symbols = 0;
	SYMBOL_UNROLL
	for (size_t i = 0; i < count; i++) {
		const struct symbol_range *r = &ranges[i];
		uint32_t last = (uint32_t)r->value + r->last - r->first;
		uint64_t mask = symbol_within(values, r->value, last);
		symbols |= symbol_move(values, mask, r->value, r->first);
	}
	return symbols;
}

/* The values of symbols; *faults gets a bit when one of them has none, else stays. */
static inline uint64_t symbol_values(uint64_t symbols, const struct symbol_range *ranges,
				     size_t count, uint64_t *faults)
{
	uint64_t values = 0, found = 0;
	uint64_t low = symbols & SYMBOL_SPREAD(0x7f);
	SYMBOL_UNROLL
	for (size_t i = 0; i < count; i++) {
		const struct symbol_range *r = &ranges[i];
		uint64_t mask = symbol_within(low, r->first, r->last);
		values |= symbol_move(low, mask, r->first, r->value);
		found |= mask;
	}
	*faults |= ~found | (symbols & SYMBOL_SPREAD(0x80));
	return values;
}

#endif
