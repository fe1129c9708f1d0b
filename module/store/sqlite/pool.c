/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/pool.h"

#include "base/lock.h"

NODISCARD struct err sqlite_pool_init(struct sqlite_pool *pool, const char *path,
				      uint32_t busy_timeout_ms, _Atomic uint64_t *committed)
{
	*pool = (struct sqlite_pool){.committed = committed};
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->returned, NULL);
	for (size_t i = 0; i < SQLITE_READERS; i++) {
		TRY(sqlite_connection_open(path, busy_timeout_ms, &pool->all[i]));
		TRY(sqlite_connection_prepare(pool->all[i], SQLITE_ROLE_READER));
		pool->idle[pool->idle_count++] = pool->all[i];
	}
	return OK;
}

void sqlite_pool_cleanup(struct sqlite_pool *pool)
{
	for (size_t i = 0; i < SQLITE_READERS; i++)
		sqlite_connection_close(&pool->all[i]);
	pool->idle_count = 0;
	(void)pthread_cond_destroy(&pool->returned);
	(void)pthread_mutex_destroy(&pool->lock);
}

void sqlite_reader_acquire(struct sqlite_pool *pool, struct sqlite_reader *out)
{
	LOCK_SCOPE(&pool->lock);
	while (pool->idle_count == 0)
		(void)pthread_cond_wait(&pool->returned, &pool->lock);
	*out = (struct sqlite_reader){pool, pool->idle[--pool->idle_count]};
	/* Whatever is read from here on is no older. */
	out->connection->since = atomic_load(pool->committed);
	out->connection->committed = pool->committed;
}

void sqlite_reader_release(struct sqlite_reader *reader)
{
	if (reader->connection == NULL)
		return;
	struct sqlite_pool *pool = reader->pool;
	LOCK_SCOPE(&pool->lock);
	pool->idle[pool->idle_count++] = TAKE(reader->connection);
	(void)pthread_cond_signal(&pool->returned);
}
