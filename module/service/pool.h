/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for what must wait for store or token: a bounded queue of calls. Half of it, at most, is
 * for calls that have not been authenticated yet, so that junk cannot lock anybody out.
 */
#ifndef HOLDFAST_SERVICE_POOL_H
#define HOLDFAST_SERVICE_POOL_H

#include "service/work.h"

struct pool;

struct pool_options {
	uint32_t threads;
	uint32_t queue_max;
	void (*run)(struct call_work *work); /* on a thread of the pool; the work is run's then */
};

/* *out owned by the caller, pool_stop(). E_SYSTEM. */
NODISCARD struct err pool_start(const struct pool_options *options, struct pool **out);

/* Another bound of the queue from now on. Thread-safe. */
void pool_set_queue_max(struct pool *pool, uint32_t queue_max);

/* Runs what is queued, then ends the threads. */
void pool_stop(struct pool **pool);

/* false: the queue is full, and the work is still the caller's. Thread-safe. */
NODISCARD bool pool_put(struct pool *pool, struct call_work *work);

#endif
