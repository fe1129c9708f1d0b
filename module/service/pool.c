/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pool.h"

#include <pthread.h>

#include "base/lock.h"
#include "base/mem.h"

struct pool {
	struct pool_options options;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct call_work *first, *last;
	uint32_t queued, queued_unknown; /* the latter: not authenticated yet */
	bool stopping;
	pthread_t *threads;
	uint32_t running;
};

/* The next work, or NULL when the pool ends. */
static struct call_work *take(struct pool *pool)
{
	LOCK_SCOPE(&pool->lock);
	while (pool->first == NULL && !pool->stopping)
		(void)pthread_cond_wait(&pool->filled, &pool->lock);
	struct call_work *work = pool->first;
	if (work == NULL)
		return NULL;
	pool->first = work->next;
	if (pool->first == NULL)
		pool->last = NULL;
	work->next = NULL;
	pool->queued--;
	pool->queued_unknown -= !work->authenticated;
	return work;
}

static void *serve(void *arg)
{
	struct pool *pool = (struct pool *)arg;
	for (struct call_work *work; (work = take(pool)) != NULL;)
		pool->options.run(work);
	return NULL;
}

NODISCARD struct err pool_start(const struct pool_options *options, struct pool **out)
{
	CLEANUP(pool_stop) struct pool *pool = NULL;
	TRY(MEM_NEW(&pool));
	pool->options = *options;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->filled, NULL);
	TRY(MEM_NEW_ARRAY(options->threads, &pool->threads));
	for (; pool->running < options->threads; pool->running++) {
		int failed = pthread_create(&pool->threads[pool->running], NULL, serve, pool);
		if (failed != 0)
			return ERR_DETAIL(E_SYSTEM, failed);
	}
	*out = TAKE(pool);
	return OK;
}

void pool_set_queue_max(struct pool *pool, uint32_t queue_max)
{
	LOCK_SCOPE(&pool->lock);
	pool->options.queue_max = queue_max;
}

static void end_threads(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->filled);
	pthread_mutex_unlock(&pool->lock);
	for (uint32_t i = 0; i < pool->running; i++)
		(void)pthread_join(pool->threads[i], NULL);
}

void pool_stop(struct pool **pool)
{
	if (*pool == NULL)
		return;
	end_threads(*pool);
	mem_free((*pool)->threads);
	(void)pthread_cond_destroy(&(*pool)->filled);
	(void)pthread_mutex_destroy(&(*pool)->lock);
	mem_free(TAKE(*pool));
}

NODISCARD bool pool_put(struct pool *pool, struct call_work *work)
{
	LOCK_SCOPE(&pool->lock);
	if (pool->queued >= pool->options.queue_max || pool->stopping)
		return false;
	if (!work->authenticated && pool->queued_unknown >= pool->options.queue_max / 2)
		return false;
	work->next = NULL;
	if (pool->last != NULL)
		pool->last->next = work;
	else
		pool->first = work;
	pool->last = work;
	pool->queued++;
	pool->queued_unknown += !work->authenticated;
	(void)pthread_cond_signal(&pool->filled);
	return true;
}
