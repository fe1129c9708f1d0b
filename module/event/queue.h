/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own: events that wait for a sink, in order, bounded. Not thread-safe. */
#ifndef HOLDFAST_EVENT_QUEUE_H
#define HOLDFAST_EVENT_QUEUE_H

#include "base/view.h"
#include "event/event.h"

struct queue_entry {
	char id[EVENT_ID_LEN + 1];
	int64_t posted_ms; /* Unix time */
	char *line;        /* JSON without a newline; the queue's */
};

struct queue {
	struct queue_entry *ring;
	size_t cap, head, count;
};

/* Room for `cap` events. E_NOMEM, E_BOUNDS. */
NODISCARD struct err queue_init(struct queue *queue, size_t cap);
void queue_cleanup(struct queue *queue);

/* At the end; the line is copied. E_BUSY when it is full, E_BOUNDS for an id or line that no event
 * has, E_NOMEM. */
NODISCARD struct err queue_put(struct queue *queue, struct view id, int64_t posted_ms,
			       struct view line);

/* From the oldest, at 0; NULL behind the newest. Valid until the entry is popped. */
const struct queue_entry *queue_at(const struct queue *queue, size_t at);

/* Removes the oldest, if there is one. */
void queue_pop(struct queue *queue);

#endif
