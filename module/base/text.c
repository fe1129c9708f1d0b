/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

NODISCARD struct err text_copy(char *dst, size_t cap, struct view src)
{
	ENSURE(cap > 0);
	dst[0] = '\0';
	REQUIRE(src.len < cap, E_BOUNDS);
	REQUIRE(view_find(src, 0) == src.len, E_FORMAT);
	mem_copy(dst, cap, src.ptr, src.len);
	dst[src.len] = '\0';
	return OK;
}

NODISCARD struct err text_new(struct view src, char **out)
{
	*out = NULL;
	REQUIRE(view_find(src, 0) == src.len, E_FORMAT);
	REQUIRE(src.len < MEM_ALLOC_MAX, E_BOUNDS);
	TRY(MEM_NEW_ARRAY(src.len + 1, out));
	mem_copy(*out, src.len + 1, src.ptr, src.len);
	return OK;
}

NODISCARD struct err text_format(char *dst, size_t cap, const char *format, ...)
{
	ENSURE(cap > 0);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(dst, cap, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < cap)
		return OK;
	dst[0] = '\0';
	return ERR(E_BOUNDS);
}

NODISCARD struct err text_parse_integer(struct view src, int64_t min, int64_t max, int64_t *out)
{
	*out = 0;
	bool negative = src.len > 0 && src.ptr[0] == '-';
	struct view digits = negative ? view_part(src, 1, src.len) : src;
	REQUIRE(digits.len > 0 && digits.len <= 19, E_FORMAT);
	int64_t value = 0;
	for (size_t i = 0; i < digits.len; i++) {
		REQUIRE(digits.ptr[i] >= '0' && digits.ptr[i] <= '9', E_FORMAT);
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digits.ptr[i] - '0', &value))
			return ERR(E_BOUNDS);
	}
	value = negative ? -value : value;
	REQUIRE(value >= min && value <= max, E_BOUNDS);
	*out = value;
	return OK;
}

bool text_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* RFC 3629 §4: the lead byte fixes the length and the range of the second byte. */
struct utf8_row {
	uint8_t lead_min, lead_max;
	uint8_t length;
	uint8_t second_min, second_max;
};

static const struct utf8_row utf8_rows[] = {
	{0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

/* Length of the sequence at the start of src; 0 when it is not one. */
size_t text_character(struct view src)
{
	for (size_t i = 0; i < ARRAY_LEN(utf8_rows); i++) {
		const struct utf8_row *row = &utf8_rows[i];
		if (src.ptr[0] < row->lead_min || src.ptr[0] > row->lead_max)
			continue;
		if (row->length > src.len)
			return 0;
		if (row->length > 1 &&
		    (src.ptr[1] < row->second_min || src.ptr[1] > row->second_max))
			return 0;
		for (size_t k = 2; k < row->length; k++)
			if ((src.ptr[k] & 0xc0) != 0x80)
				return 0;
		return row->length;
	}
	return 0;
}

bool text_is_utf8(struct view src)
{
	while (src.len > 0) {
		size_t step = text_character(src);
		if (step == 0)
			return false;
		src = view_of(src.ptr + step, src.len - step);
	}
	return true;
}

size_t text_length(struct view utf8)
{
	size_t count = 0;
	for (size_t i = 0; i < utf8.len; i++)
		count += (utf8.ptr[i] & 0xc0) != 0x80;
	return count;
}

size_t text_distance(struct view a, struct view b)
{
	size_t row[TEXT_DISTANCE_MAX + 1]; /* of the matrix: the one before, then this one */
	if (b.len > TEXT_DISTANCE_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
			diagonal = row[j];
			row[j] = MIN_OF(MIN_OF(row[j], row[j - 1]) + 1, replaced);
		}
	}
	return row[b.len];
}
