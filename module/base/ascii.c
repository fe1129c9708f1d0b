/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ascii.h"

static unsigned class_of(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return ASCII_LOWER;
	if (c >= 'A' && c <= 'Z')
		return ASCII_UPPER;
	return c >= '0' && c <= '9' ? ASCII_DIGIT : 0;
}

bool ascii_is(uint8_t c, unsigned classes)
{
	return (class_of(c) & classes) != 0;
}

bool ascii_consists_of(struct view text, unsigned classes, struct view marks)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is(text.ptr[i], classes) && view_find(marks, text.ptr[i]) == marks.len)
			return false;
	return text.len > 0;
}
