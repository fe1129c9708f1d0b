/* SPDX-License-Identifier: Apache-2.0 */
/* A spool file that was damaged: read without harm, and what is taken reads the same when it is
 * written again. */
#include <stdlib.h>

#include "event/spool_text.h"

#define EVENTS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct queue *queue, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	for (size_t i = 0; i < queue->count; i++)
		spool_text_put(&w, queue_at(queue, i));
	if (err_failed(writer_end(&w)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(queue_cleanup) struct queue first = {0}, again = {0};
	CLEANUP(buf_cleanup) struct buf text, second;
	struct spool_text_result result;
	buf_init(&text, (size_t)EVENTS_MAX * SPOOL_LINE_MAX);
	buf_init(&second, (size_t)EVENTS_MAX * SPOOL_LINE_MAX);
	if (err_failed(queue_init(&first, EVENTS_MAX)) ||
	    err_failed(queue_init(&again, EVENTS_MAX)))
		abort();
	if (err_failed(spool_text_read(view_of(data, size), &first, &result)))
		return 0;
	write_again(&first, &text);
	if (err_failed(spool_text_read(buf_view(&text), &again, &result)) ||
	    result.whole != text.len || result.lost != 0)
		abort();
	write_again(&again, &second);
	if (!view_equal(buf_view(&text), buf_view(&second)))
		abort();
	return 0;
}
