/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations under way of hsm/remote.c: a fixed table, its free list, the queue of those that
 * wait to be sent, and a heap of deadlines. Every step is O(1) or O(log n) and allocates nothing.
 * Not thread-safe: the owner locks.
 */
#ifndef HOLDFAST_HSM_REMOTE_SLOTS_H
#define HOLDFAST_HSM_REMOTE_SLOTS_H

#include "hsm/hsm.h"

#define REMOTE_SLOT_NONE UINT32_MAX

struct remote_slot {
	struct hsm_op *op; /* NULL: free */
	uint32_t turn;     /* grows with every use, so that a late answer finds nobody */
	uint32_t heap_at;
	uint32_t next; /* in the queue, or in the free list */
	uint32_t prev; /* in the queue */
	uint32_t sends;
	bool waiting; /* in the queue; else it was sent */
};

struct remote_slots {
	struct remote_slot *slots;
	uint32_t *heap; /* slot numbers, the earliest deadline first */
	uint32_t max;
	uint32_t count;
	uint32_t free_first;
	uint32_t wait_first;
	uint32_t wait_last;
};

NODISCARD struct err remote_slots_init(struct remote_slots *s, uint32_t max);
void remote_slots_cleanup(struct remote_slots *s);

/* Gives the operation a slot and its tag, and puts it at the end of the queue. E_BUSY when full. */
NODISCARD struct err remote_slots_take(struct remote_slots *s, struct hsm_op *op);

/* The slot of this tag, or NULL when that operation has ended. */
struct remote_slot *remote_slots_find(struct remote_slots *s, uint64_t tag);

/* The first of the queue, or NULL. */
struct remote_slot *remote_slots_waiting(struct remote_slots *s);

/* Takes it off the queue: it is being sent (once more). */
void remote_slots_send(struct remote_slots *s, struct remote_slot *slot);

/* Puts one that was sent back to the end of the queue. */
void remote_slots_requeue(struct remote_slots *s, struct remote_slot *slot);

/* Frees the slot, wherever it is; returns its operation. */
struct hsm_op *remote_slots_release(struct remote_slots *s, struct remote_slot *slot);

/* The one with the earliest deadline, or NULL. */
struct remote_slot *remote_slots_earliest(struct remote_slots *s);

#endif
