/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own: what the endpoint has not taken, in memory and in a file (0600) that outlives
 * the process. While the disk does not take it, events wait in memory alone, and each call tries to
 * write all of them again. Not thread-safe; blocks as a disk does.
 */
#ifndef HOLDFAST_EVENT_SPOOL_H
#define HOLDFAST_EVENT_SPOOL_H

#include "event/queue.h"

#define SPOOL_EVENTS_MAX 50000

struct spool;

/*
 * Reads what the file has; one that cannot be understood is set aside as <path>.corrupt, logged and
 * told by *damaged. *lost: events for which there was no room. *out owned by the caller,
 * spool_close(). E_SETTINGS (no regular file; another process has it; queue_max), E_SYSTEM with
 * errno, E_NOMEM.
 */
struct spool_found {
	bool damaged;
	size_t lost;
};
NODISCARD struct err spool_open(const char *path, uint32_t queue_max, struct spool **out,
				struct spool_found *found);
void spool_close(struct spool **spool);

/* Takes an event; *dropped tells how many of the oldest had to go for it. When it returns OK, it is
 * on disk. E_SYSTEM with errno: it waits in memory alone. E_NOMEM, E_BOUNDS: it is not kept. */
NODISCARD struct err spool_put(struct spool *spool, const struct queue_entry *entry,
			       size_t *dropped);

/* The oldest, NULL when none waits; borrowed until the next call. */
const struct queue_entry *spool_oldest(const struct spool *spool);
size_t spool_count(const struct spool *spool);

/* The oldest waits no longer. Not synced: after a crash it may wait again. */
void spool_pop(struct spool *spool);

/* Writes what is in memory alone, if anything is. E_SYSTEM with errno. */
NODISCARD struct err spool_mend(struct spool *spool);

#endif
