/* SPDX-License-Identifier: Apache-2.0 */
#include "event/queue.h"

#include "base/mem.h"
#include "base/text.h"

NODISCARD struct err queue_init(struct queue *queue, size_t cap)
{
	*queue = (struct queue){.cap = cap};
	return MEM_NEW_ARRAY(cap, &queue->ring);
}

void queue_cleanup(struct queue *queue)
{
	while (queue->count > 0)
		queue_pop(queue);
	mem_free(queue->ring);
	*queue = (struct queue){0};
}

NODISCARD struct err queue_put(struct queue *queue, struct view id, int64_t posted_ms,
			       struct view line)
{
	REQUIRE(queue->count < queue->cap, E_BUSY);
	REQUIRE(id.len == EVENT_ID_LEN && line.len <= EVENT_LINE_MAX, E_BOUNDS);
	struct queue_entry entry = {.posted_ms = posted_ms};
	TRY(text_copy(entry.id, sizeof entry.id, id));
	TRY(text_new(line, &entry.line));
	queue->ring[(queue->head + queue->count) % queue->cap] = entry;
	queue->count++;
	return OK;
}

const struct queue_entry *queue_at(const struct queue *queue, size_t at)
{
	return at < queue->count ? &queue->ring[(queue->head + at) % queue->cap] : NULL;
}

void queue_pop(struct queue *queue)
{
	if (queue->count == 0)
		return;
	mem_free(TAKE(queue->ring[queue->head].line));
	queue->head = (queue->head + 1) % queue->cap;
	queue->count--;
}
