/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own: what stands in a spool file. A line each:
 *   + <posted, Unix ms> <event as JSON>   waits, behind those above it
 *   - <event id>                          the oldest that waited waits no longer
 */
#ifndef HOLDFAST_EVENT_SPOOL_TEXT_H
#define HOLDFAST_EVENT_SPOOL_TEXT_H

#include "base/writer.h"
#include "event/queue.h"

#define SPOOL_LINE_MAX (EVENT_LINE_MAX + 32)

void spool_text_put(struct writer *w, const struct queue_entry *entry);
void spool_text_gone(struct writer *w, const char *id);

struct spool_text_result {
	size_t whole; /* bytes up to the last newline: what follows was torn by a crash */
	size_t lost;  /* events that had no room: the oldest */
};

/* Puts what waits into `queue`, which is empty. E_FORMAT: these are not lines that we wrote;
 * `queue` has then some of them. E_NOMEM. Other bytes do no harm. */
NODISCARD struct err spool_text_read(struct view bytes, struct queue *queue,
				     struct spool_text_result *out);

#endif
