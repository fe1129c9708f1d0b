/* SPDX-License-Identifier: Apache-2.0 */
/* What both implementations of hsm.h share: the life of an operation's outputs, and waiting. */
#include "hsm/hsm.h"

#include <pthread.h>

#include "base/lock.h"
#include "base/mem.h"

void hsm_op_cleanup(struct hsm_op *op)
{
	buf_cleanup(&op->sealed);
	secret_free(&op->plaintext_out);
	mem_free(TAKE(op->macs));
	mem_free(TAKE(op->objects));
	op->object_count = 0;
}

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
