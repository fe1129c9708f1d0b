/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from places (manifest.h) to 16 bytes, in 32 bytes a slot: one of every sealed row is kept
 * while the service runs. Not thread-safe: the owner locks.
 */
#ifndef HOLDFAST_STORE_PLACES_H
#define HOLDFAST_STORE_PLACES_H

#include "store/manifest.h"

struct store_slot {
	uint8_t place[STORE_PLACE_LEN]; /* all zero: empty */
	uint8_t value[STORE_PLACE_LEN];
};

struct store_places {
	struct store_slot *slots;
	size_t count;
	size_t cap;    /* a power of two, or 0 */
	uint64_t seed; /* places are made of names that callers choose */
};

/* E_SYSTEM when the kernel has no randomness. */
NODISCARD struct err store_places_init(struct store_places *places);
void store_places_cleanup(struct store_places *places);

/* The value, borrowed until the next change; NULL: there is none. */
uint8_t *store_places_get(const struct store_places *places, const uint8_t place[STORE_PLACE_LEN]);
/* Adds or replaces. E_NOMEM, E_BOUNDS. */
NODISCARD struct err store_places_put(struct store_places *places,
				      const uint8_t place[STORE_PLACE_LEN],
				      const uint8_t value[STORE_PLACE_LEN]);
void store_places_remove(struct store_places *places, const uint8_t place[STORE_PLACE_LEN]);

#endif
