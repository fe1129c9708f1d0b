/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes: no allocation for a line, and a bound that is known beforehand. */
#include "audit/sink_local.h"
#include "base/mem.h"

/* In front of each line. */
struct head {
	uint64_t len;
	uint64_t missed;
};

NODISCARD struct err sink_queue_init(struct sink_queue *queue, size_t cap)
{
	*queue = (struct sink_queue){.cap = cap};
	return MEM_NEW_ARRAY(cap, &queue->room);
}

void sink_queue_cleanup(struct sink_queue *queue)
{
	mem_free(queue->room);
	*queue = (struct sink_queue){0};
}

static void write_bytes(struct sink_queue *q, const void *bytes, size_t len)
{
	const uint8_t *from = (const uint8_t *)bytes;
	size_t at = (q->head + q->len) % q->cap;
	size_t first = MIN_OF(len, q->cap - at);
	if (first > 0)
		mem_copy(q->room + at, q->cap - at, from, first);
	if (len > first)
		mem_copy(q->room, q->cap, from + first, len - first);
	q->len += len;
}

static void read_bytes(struct sink_queue *q, void *bytes, size_t len)
{
	uint8_t *to = (uint8_t *)bytes;
	size_t first = MIN_OF(len, q->cap - q->head);
	mem_copy(to, len, q->room + q->head, first);
	if (len > first)
		mem_copy(to + first, len - first, q->room, len - first);
	q->head = (q->head + len) % q->cap;
	q->len -= len;
}

bool sink_queue_put(struct sink_queue *queue, struct view front, struct view ending,
		    uint64_t missed)
{
	struct head head = {front.len + ending.len, missed};
	if (head.len > SINK_LINE_MAX || queue->cap - queue->len < sizeof head + head.len)
		return false;
	write_bytes(queue, &head, sizeof head);
	write_bytes(queue, front.ptr, front.len);
	write_bytes(queue, ending.ptr, ending.len);
	queue->count++;
	return true;
}

NODISCARD struct err sink_queue_take(struct sink_queue *queue, struct buf *out, uint64_t *missed,
				     bool *got)
{
	struct head head;
	*got = queue->count > 0;
	if (!*got)
		return OK;
	buf_clear(out);
	TRY(buf_reserve(out, SINK_LINE_MAX));
	read_bytes(queue, &head, sizeof head);
	read_bytes(queue, out->ptr, head.len);
	out->len = head.len;
	queue->count--;
	*missed = head.missed;
	return OK;
}
