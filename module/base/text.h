/* SPDX-License-Identifier: Apache-2.0 */
/* NUL-terminated text: bounded copies, checked numbers, UTF-8. */
#ifndef HOLDFAST_BASE_TEXT_H
#define HOLDFAST_BASE_TEXT_H

#include "base/err.h"
#include "base/view.h"

/* Copies with a NUL into an array of `cap` bytes. E_BOUNDS when it does not fit, E_FORMAT for a NUL
 * inside; dst is then "". */
NODISCARD struct err text_copy(char *dst, size_t cap, struct view src);

/* A new NUL-terminated copy; *out owned by the caller, mem_free(). E_FORMAT for a NUL inside. */
NODISCARD struct err text_new(struct view src, char **out);

/* printf into an array; E_BOUNDS when it does not fit, dst is then "". */
NODISCARD struct err text_format(char *dst, size_t cap, const char *format, ...) PRINTF_LIKE(3, 4);

/* Decimal digits only, all of them; E_FORMAT, or E_BOUNDS outside min..max. */
NODISCARD struct err text_parse_integer(struct view src, int64_t min, int64_t max, int64_t *out);

bool text_equal(const char *a, const char *b);

/* RFC 3629: no surrogates, no overlong forms, no more than U+10FFFF. NUL is allowed. */
bool text_is_utf8(struct view src);

/* Bytes from the start of `text` that are one character; 0 when they are not UTF-8. */
size_t text_character(struct view text);

/* Levenshtein's distance, of bytes: how many are added, left out or replaced. SIZE_MAX when `b` is
 * longer than TEXT_DISTANCE_MAX. */
#define TEXT_DISTANCE_MAX 64
size_t text_distance(struct view a, struct view b);

/* Code points of valid UTF-8. */
size_t text_length(struct view utf8);

#endif
