/* SPDX-License-Identifier: Apache-2.0 */
#include "base/view.h"

#include <string.h>

#include "base/macros.h"
#include "base/mem.h"

struct view view_of_text(const char *text)
{
	return view_of(text, text ? strlen(text) : 0);
}

bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && mem_equal(a.ptr, b.ptr, a.len);
}

bool view_equal_text(struct view a, const char *text)
{
	return view_equal(a, view_of_text(text));
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool view_equal_ignore_case(struct view a, struct view b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

bool view_starts_with(struct view v, struct view prefix)
{
	return v.len >= prefix.len && mem_equal(v.ptr, prefix.ptr, prefix.len);
}

int view_compare(struct view a, struct view b)
{
	int order = mem_compare(a.ptr, b.ptr, MIN_OF(a.len, b.len));
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct view view_part(struct view v, size_t start, size_t len)
{
	if (start >= v.len)
		return VIEW_NONE;
	return view_of(v.ptr + start, MIN_OF(len, v.len - start));
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct view view_trim(struct view v)
{
	while (v.len > 0 && is_blank(v.ptr[0]))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len > 0 && is_blank(v.ptr[v.len - 1]))
		v.len--;
	return v;
}

size_t view_find(struct view v, uint8_t byte)
{
	const uint8_t *hit = v.len ? memchr(v.ptr, byte, v.len) : NULL;
	return hit ? (size_t)(hit - v.ptr) : v.len;
}

struct view view_cut(struct view *rest, uint8_t byte)
{
	size_t at = view_find(*rest, byte);
	struct view before = view_of(rest->ptr, at);
	*rest = at < rest->len ? view_of(rest->ptr + at + 1, rest->len - at - 1) : VIEW_NONE;
	return before;
}

size_t view_search(struct view v, struct view part)
{
	if (part.len == 0 || v.len < part.len)
		return part.len == 0 ? 0 : v.len;
	const uint8_t *hit = memmem(v.ptr, v.len, part.ptr, part.len);
	return hit ? (size_t)(hit - v.ptr) : v.len;
}
