/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/remote_slots.h"

#include "base/mem.h"
#include "base/metric.h"

NODISCARD struct err remote_slots_init(struct remote_slots *s, uint32_t max)
{
	*s = (struct remote_slots){.wait_first = REMOTE_SLOT_NONE, .wait_last = REMOTE_SLOT_NONE};
	CLEANUP(mem_free_at) struct remote_slot *slots = NULL;
	TRY(MEM_NEW_ARRAY(max, &slots));
	TRY(MEM_NEW_ARRAY(max, &s->heap));
	for (uint32_t i = 0; i < max; i++)
		slots[i].next = i + 1 < max ? i + 1 : REMOTE_SLOT_NONE;
	s->slots = TAKE(slots);
	s->max = max;
	s->free_first = max > 0 ? 0 : REMOTE_SLOT_NONE;
	return OK;
}

void remote_slots_cleanup(struct remote_slots *s)
{
	mem_free(TAKE(s->slots));
	mem_free(TAKE(s->heap));
	s->max = s->count = 0;
}

/* The heap. */

static int64_t deadline_at(const struct remote_slots *s, uint32_t at)
{
	return s->slots[s->heap[at]].op->deadline_ms;
}

static void heap_set(struct remote_slots *s, uint32_t at, uint32_t number)
{
	s->heap[at] = number;
	s->slots[number].heap_at = at;
}

static void heap_swap(struct remote_slots *s, uint32_t a, uint32_t b)
{
	uint32_t moved = s->heap[a];
	heap_set(s, a, s->heap[b]);
	heap_set(s, b, moved);
}

static void heap_up(struct remote_slots *s, uint32_t at)
{
	while (at > 0 && deadline_at(s, at) < deadline_at(s, (at - 1) / 2)) {
		heap_swap(s, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void heap_down(struct remote_slots *s, uint32_t at)
{
	for (;;) {
		uint32_t least = at;
		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->count; child++)
			if (deadline_at(s, child) < deadline_at(s, least))
				least = child;
		if (least == at)
			return;
		heap_swap(s, at, least);
		at = least;
	}
}

static void heap_add(struct remote_slots *s, uint32_t number)
{
	heap_set(s, s->count, number);
	s->count++;
	metric_set(METRIC_TOKEN_IN_FLIGHT, 0, 0, s->count);
	heap_up(s, s->count - 1);
}

static void heap_remove(struct remote_slots *s, uint32_t at)
{
	s->count--;
	metric_set(METRIC_TOKEN_IN_FLIGHT, 0, 0, s->count);
	if (at == s->count)
		return;
	heap_set(s, at, s->heap[s->count]);
	heap_up(s, at);
	heap_down(s, at);
}

/* The queue. */

static void wait_add(struct remote_slots *s, struct remote_slot *slot)
{
	uint32_t number = (uint32_t)(slot - s->slots);
	slot->waiting = true;
	slot->next = REMOTE_SLOT_NONE;
	slot->prev = s->wait_last;
	if (s->wait_last != REMOTE_SLOT_NONE)
		s->slots[s->wait_last].next = number;
	else
		s->wait_first = number;
	s->wait_last = number;
}

static void wait_remove(struct remote_slots *s, struct remote_slot *slot)
{
	slot->waiting = false;
	if (slot->prev != REMOTE_SLOT_NONE)
		s->slots[slot->prev].next = slot->next;
	else
		s->wait_first = slot->next;
	if (slot->next != REMOTE_SLOT_NONE)
		s->slots[slot->next].prev = slot->prev;
	else
		s->wait_last = slot->prev;
}

NODISCARD struct err remote_slots_take(struct remote_slots *s, struct hsm_op *op)
{
	REQUIRE(s->free_first != REMOTE_SLOT_NONE, E_BUSY);
	uint32_t number = s->free_first;
	struct remote_slot *slot = &s->slots[number];
	s->free_first = slot->next;
	*slot = (struct remote_slot){.op = op, .turn = slot->turn + 1};
	op->tag = (uint64_t)slot->turn << 32 | number;
	heap_add(s, number);
	wait_add(s, slot);
	return OK;
}

struct remote_slot *remote_slots_find(struct remote_slots *s, uint64_t tag)
{
	uint32_t number = (uint32_t)tag;
	if (number >= s->max)
		return NULL;
	struct remote_slot *slot = &s->slots[number];
	return slot->op != NULL && slot->turn == (uint32_t)(tag >> 32) ? slot : NULL;
}

struct remote_slot *remote_slots_waiting(struct remote_slots *s)
{
	return s->wait_first != REMOTE_SLOT_NONE ? &s->slots[s->wait_first] : NULL;
}

void remote_slots_send(struct remote_slots *s, struct remote_slot *slot)
{
	wait_remove(s, slot);
	slot->sends++;
}

void remote_slots_requeue(struct remote_slots *s, struct remote_slot *slot)
{
	wait_add(s, slot);
}

struct hsm_op *remote_slots_release(struct remote_slots *s, struct remote_slot *slot)
{
	if (slot->waiting)
		wait_remove(s, slot);
	heap_remove(s, slot->heap_at);
	struct hsm_op *op = TAKE(slot->op);
	slot->next = s->free_first;
	s->free_first = (uint32_t)(slot - s->slots);
	return op;
}

struct remote_slot *remote_slots_earliest(struct remote_slots *s)
{
	return s->count > 0 ? &s->slots[s->heap[0]] : NULL;
}
