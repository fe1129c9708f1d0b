/* SPDX-License-Identifier: Apache-2.0 */
/* Reading connections, lent to one thread at a time. */
#ifndef HOLDFAST_STORE_SQLITE_POOL_H
#define HOLDFAST_STORE_SQLITE_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/sqlite/connection.h"

#define SQLITE_READERS 4

struct sqlite_pool {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct sqlite_connection *all[SQLITE_READERS];
	struct sqlite_connection *idle[SQLITE_READERS];
	size_t idle_count;
	_Atomic uint64_t *committed; /* checking.h */
};

/* Opens every connection, so that a failure shows at the start. *committed is borrowed. */
NODISCARD struct err sqlite_pool_init(struct sqlite_pool *pool, const char *path,
				      uint32_t busy_timeout_ms, _Atomic uint64_t *committed);
/* All are back. */
void sqlite_pool_cleanup(struct sqlite_pool *pool);

struct sqlite_reader {
	struct sqlite_pool *pool;
	struct sqlite_connection *connection;
};

/* Waits until one is free. End with CLEANUP(sqlite_reader_release). */
void sqlite_reader_acquire(struct sqlite_pool *pool, struct sqlite_reader *out);
void sqlite_reader_release(struct sqlite_reader *reader);

#endif
