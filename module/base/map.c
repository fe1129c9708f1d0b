/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing and backward-shift deletion; at most three quarters full. */
#include "base/map.h"

#include "base/entropy.h"
#include "base/mem.h"

#define FIRST_CAP 16

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

/* SipHash-1-3, Aumasson and Bernstein 2012 §2. */
static uint64_t hash(const struct map *m, struct view key)
{
	struct sip s = {m->seed[0] ^ 0x736f6d6570736575U, m->seed[1] ^ 0x646f72616e646f6dU,
			m->seed[0] ^ 0x6c7967656e657261U, m->seed[1] ^ 0x7465646279746573U};
	for (size_t at = 0; at <= key.len; at += 8) {
		struct view part = view_part(key, at, 8);
		uint64_t word = part.len == 8 ? 0 : (uint64_t)key.len << 56;
		for (size_t i = 0; i < part.len; i++)
			word |= (uint64_t)part.ptr[i] << (8 * i);
		s.v3 ^= word;
		sip_round(&s);
		s.v0 ^= word;
	}
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

NODISCARD struct err map_init(struct map *m)
{
	*m = (struct map){0};
	return entropy_fill(m->seed, sizeof m->seed);
}

void map_cleanup(struct map *m)
{
	mem_free(m->slots);
	m->slots = NULL;
	m->count = m->cap = 0;
}

/* The slot that holds the key, or the empty slot where it belongs. cap > 0. */
static struct map_slot *slot_of(const struct map *m, struct view key)
{
	size_t at = hash(m, key) & (m->cap - 1);
	while (m->slots[at].value != NULL && !view_equal(m->slots[at].key, key))
		at = (at + 1) & (m->cap - 1);
	return &m->slots[at];
}

void *map_get(const struct map *m, struct view key)
{
	return m->cap ? slot_of(m, key)->value : NULL;
}

static struct err grow(struct map *m)
{
	if (m->cap > 0 && m->count < m->cap - m->cap / 4)
		return OK;
	struct map larger = *m;
	larger.cap = m->cap ? m->cap * 2 : FIRST_CAP;
	TRY(MEM_NEW_ARRAY(larger.cap, &larger.slots));
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value != NULL)
			*slot_of(&larger, m->slots[i].key) = m->slots[i];
	mem_free(m->slots);
	*m = larger;
	return OK;
}

NODISCARD struct err map_put(struct map *m, struct view key, void *value, void **old)
{
	*old = NULL;
	ENSURE(value != NULL);
	TRY(grow(m));
	struct map_slot *slot = slot_of(m, key);
	*old = slot->value;
	m->count += slot->value == NULL;
	*slot = (struct map_slot){key, value};
	return OK;
}

void *map_remove(struct map *m, struct view key)
{
	struct map_slot *slot = m->cap ? slot_of(m, key) : NULL;
	if (slot == NULL || slot->value == NULL)
		return NULL;
	void *value = slot->value;
	size_t hole = (size_t)(slot - m->slots);
	for (size_t at = (hole + 1) & (m->cap - 1); m->slots[at].value != NULL;
	     at = (at + 1) & (m->cap - 1)) {
		size_t home = hash(m, m->slots[at].key) & (m->cap - 1);
		if (((at - home) & (m->cap - 1)) < ((at - hole) & (m->cap - 1)))
			continue;
		m->slots[hole] = m->slots[at];
		hole = at;
	}
	m->slots[hole] = (struct map_slot){0};
	m->count--;
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		void *value = m->slots[(*at)++].value;
		if (value != NULL)
			return value;
	}
	return NULL;
}
