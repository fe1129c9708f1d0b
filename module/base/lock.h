/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes that are released where their scope ends. */
#ifndef HOLDFAST_BASE_LOCK_H
#define HOLDFAST_BASE_LOCK_H

#include <pthread.h>

#include "base/macros.h"

static inline pthread_mutex_t *lock_enter(pthread_mutex_t *mutex)
{
	(void)pthread_mutex_lock(mutex);
	return mutex;
}

static inline void lock_leave(pthread_mutex_t **mutex)
{
	(void)pthread_mutex_unlock(*mutex);
}

/* Holds the mutex from here to the end of the enclosing scope. */
#define LOCK_SCOPE(mutex) \
	CLEANUP(lock_leave) UNUSED pthread_mutex_t *lock_scope_ = lock_enter(mutex)

#endif
