/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing and backward-shift deletion; at most three quarters full. */
#include "store/places.h"

#include "base/entropy.h"
#include "base/mem.h"
#include "base/reader.h"

#define FIRST_CAP 64

NODISCARD struct err store_places_init(struct store_places *places)
{
	*places = (struct store_places){0};
	TRY(entropy_fill(&places->seed, sizeof places->seed));
	places->seed |= 1;
	return OK;
}

void store_places_cleanup(struct store_places *places)
{
	mem_free(TAKE(places->slots));
	places->count = places->cap = 0;
}

static bool is_free(const struct store_slot *slot)
{
	static const uint8_t none[STORE_PLACE_LEN];
	return mem_equal(slot->place, none, sizeof none);
}

/* Multiplied by a secret: a place is a digest, but its bits can be chosen by trying names. */
static size_t home_of(const struct store_places *places, const uint8_t place[STORE_PLACE_LEN])
{
	struct reader r;
	reader_init(&r, view_of(place, STORE_PLACE_LEN));
	uint64_t mixed = reader_u64(&r) * places->seed;
	mixed = (mixed ^ mixed >> 32 ^ reader_u64(&r)) * places->seed;
	return (size_t)(mixed >> 32) & (places->cap - 1);
}

/* The slot that holds the place, or the free one where it belongs. cap > 0. */
static struct store_slot *slot_of(const struct store_places *places,
				  const uint8_t place[STORE_PLACE_LEN])
{
	size_t at = home_of(places, place);
	while (!is_free(&places->slots[at]) &&
	       !mem_equal(places->slots[at].place, place, STORE_PLACE_LEN))
		at = (at + 1) & (places->cap - 1);
	return &places->slots[at];
}

uint8_t *store_places_get(const struct store_places *places, const uint8_t place[STORE_PLACE_LEN])
{
	struct store_slot *slot = places->cap > 0 ? slot_of(places, place) : NULL;
	return slot != NULL && !is_free(slot) ? slot->value : NULL;
}

static struct err grow(struct store_places *places)
{
	struct store_places larger = *places;
	larger.cap = places->cap > 0 ? places->cap * 2 : FIRST_CAP;
	TRY(MEM_NEW_ARRAY(larger.cap, &larger.slots));
	for (size_t i = 0; i < places->cap; i++)
		if (!is_free(&places->slots[i]))
			*slot_of(&larger, places->slots[i].place) = places->slots[i];
	mem_free(places->slots);
	*places = larger;
	return OK;
}

NODISCARD struct err store_places_put(struct store_places *places,
				      const uint8_t place[STORE_PLACE_LEN],
				      const uint8_t value[STORE_PLACE_LEN])
{
	uint8_t *there = store_places_get(places, place);
	if (there != NULL) {
		mem_copy(there, STORE_PLACE_LEN, value, STORE_PLACE_LEN);
		return OK;
	}
	if (places->count >= places->cap / 4 * 3)
		TRY(grow(places));
	struct store_slot *slot = slot_of(places, place);
	mem_copy(slot->place, sizeof slot->place, place, STORE_PLACE_LEN);
	mem_copy(slot->value, sizeof slot->value, value, STORE_PLACE_LEN);
	places->count++;
	return OK;
}

/* What stands behind a gap moves into it when its home is not between the two. */
static void gap_close(struct store_places *places, size_t gap)
{
	size_t mask = places->cap - 1;
	for (size_t at = (gap + 1) & mask; !is_free(&places->slots[at]); at = (at + 1) & mask) {
		size_t home = home_of(places, places->slots[at].place);
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		places->slots[gap] = places->slots[at];
		gap = at;
	}
	places->slots[gap] = (struct store_slot){0};
}

void store_places_remove(struct store_places *places, const uint8_t place[STORE_PLACE_LEN])
{
	struct store_slot *slot = places->cap > 0 ? slot_of(places, place) : NULL;
	if (slot == NULL || is_free(slot))
		return;
	gap_close(places, (size_t)(slot - places->slots));
	places->count--;
}
