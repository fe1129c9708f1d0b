/* SPDX-License-Identifier: Apache-2.0 */
/* What both implementations of hsm.h share: waiting for an operation. */
#include "hsm/hsm.h"

#include <pthread.h>

#include "base/lock.h"

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
	struct err result;
};

static void wake(struct hsm_op *op, struct err result)
{
	struct waiter *waiter = (struct waiter *)op->user;
	LOCK_SCOPE(&waiter->lock);
	waiter->result = result;
	waiter->done = true;
	(void)pthread_cond_signal(&waiter->ended);
}

static struct err wait_for(struct waiter *waiter)
{
	LOCK_SCOPE(&waiter->lock);
	while (!waiter->done)
		(void)pthread_cond_wait(&waiter->ended, &waiter->lock);
	return waiter->result;
}

NODISCARD struct err hsm_call(struct hsm *hsm, struct hsm_op *op)
{
	struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, OK};
	op->done = wake;
	op->user = &waiter;
	hsm_submit(hsm, op);
	struct err result = wait_for(&waiter);
	op->user = NULL;
	(void)pthread_cond_destroy(&waiter.ended);
	(void)pthread_mutex_destroy(&waiter.lock);
	return result;
}
