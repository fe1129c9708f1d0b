/* SPDX-License-Identifier: Apache-2.0 */
/* Clears the store's outbox of records that are durable in the audit log, in batches, on a thread
 * of its own; one that the store refuses is tried again. What it does not get to is appended again
 * at the next start, under the same id. */
#ifndef HOLDFAST_SERVICE_OUTBOX_H
#define HOLDFAST_SERVICE_OUTBOX_H

#include "audit/log.h"
#include "kms/store.h"

struct outbox;

NODISCARD struct err outbox_start(const struct kms_store *store, struct outbox **out);
void outbox_stop(struct outbox **outbox); /* clears what was noted, then ends the thread */

/*
 * The change is committed, but its line could not be written: takes the line over, until
 * outbox_append_kept(). What does not fit is left to the next start. Never blocks. Thread-safe.
 */
void outbox_keep(struct outbox *outbox, const char event_id[KMS_EVENT_ID_LEN + 1],
		 struct buf *line);

/* Appends the kept lines, as far as the log takes them. Blocks; one thread. */
void outbox_append_kept(struct outbox *outbox, struct audit_log *audit);

/* The record with this event id is durable. Never blocks; may forget. Thread-safe. */
void outbox_note_done(struct outbox *outbox, const char event_id[KMS_EVENT_ID_LEN + 1]);

/* Unix time of the oldest event that the store's outbox still has; INT64_MAX: it is empty, 0: one
 * whose time cannot be read. Errors of the store. Blocks. */
NODISCARD struct err outbox_oldest(const struct kms_store *store, int64_t *ms);

/* Records of committed changes that the log refused, and that wait for it. */
size_t outbox_backlog(struct outbox *outbox);

#endif
