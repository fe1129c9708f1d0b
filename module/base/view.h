/* SPDX-License-Identifier: Apache-2.0 */
/* A view: bytes that belong to somebody else, who must outlive it. Not NUL-terminated. */
#ifndef HOLDFAST_BASE_VIEW_H
#define HOLDFAST_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const uint8_t *ptr;
	size_t len;
};

#define VIEW_NONE ((struct view){NULL, 0})
#define VIEW_LITERAL(text) ((struct view){(const uint8_t *)(text), sizeof(text) - 1})
#define VIEW_ARRAY(array) ((struct view){(const uint8_t *)(array), sizeof(array)})

static inline struct view view_of(const void *ptr, size_t len)
{
	return (struct view){(const uint8_t *)ptr, len};
}

/* The text up to its NUL; NULL gives an empty view. */
struct view view_of_text(const char *text);

bool view_equal(struct view a, struct view b);
bool view_equal_text(struct view a, const char *text);
bool view_equal_ignore_case(struct view a, struct view b); /* ASCII letters only */
bool view_starts_with(struct view v, struct view prefix);

/* Order by bytes, shorter first when one begins the other: negative, 0, positive. */
int view_compare(struct view a, struct view b);

/* The part from `start`, at most `len` bytes, cut to what there is. */
struct view view_part(struct view v, size_t start, size_t len);

/* Without ASCII spaces and tabs at both ends. */
struct view view_trim(struct view v);

/*
 * Cuts *rest at the first `byte`: returns what stands before it and moves *rest behind it.
 * Without one, returns everything and leaves *rest with a NULL pointer.
 */
struct view view_cut(struct view *rest, uint8_t byte);

/* Index of the first `byte`, or v.len. */
size_t view_find(struct view v, uint8_t byte);

/* Index of the first place where `part` stands, or v.len. An empty part stands everywhere. In time
 * linear in both lengths. */
size_t view_search(struct view v, struct view part);

#endif
