/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from short byte strings to pointers. Keys are borrowed: they must live in the value
 * (or outlive the entry). Hashing is SipHash-1-3 with a random key, so that clients cannot aim for
 * collisions. Not thread-safe: the owner locks.
 */
#ifndef HOLDFAST_BASE_MAP_H
#define HOLDFAST_BASE_MAP_H

#include "base/err.h"
#include "base/view.h"

struct map_slot {
	struct view key;
	void *value; /* NULL: empty */
};

struct map {
	struct map_slot *slots;
	size_t count;
	size_t cap; /* a power of two, or 0 */
	uint64_t seed[2];
};

/* E_SYSTEM when the kernel has no randomness. */
NODISCARD struct err map_init(struct map *m);

/* Frees the table, not the values. */
void map_cleanup(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, struct view key);

/* Adds or replaces; *old is the replaced value or NULL (its key is no longer borrowed). E_NOMEM. */
NODISCARD struct err map_put(struct map *m, struct view key, void *value, void **old);

/* Takes the entry out and returns its value, or NULL. */
void *map_remove(struct map *m, struct view key);

/* Walks in no particular order: start with *at = 0, ends with NULL. No change while walking. */
void *map_next(const struct map *m, size_t *at);

#endif
