/* SPDX-License-Identifier: Apache-2.0 */
#include "breakage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/lock.h"

static atomic_bool dead, token_away;
static atomic_llong slow_ms;
static _Atomic(void (*)(void)) before_rotate;

struct plan {
	enum fault fault;
	enum err_code code;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum hsm_verb planned_verb;
static struct plan token_plan, store_plans[STORE_CALL_COUNT];

static struct plan take(struct plan *plan)
{
	LOCK_SCOPE(&lock);
	struct plan taken = *plan;
	*plan = (struct plan){FAULT_NONE, E_OK};
	return taken;
}

void break_token(enum hsm_verb verb, enum fault fault, enum err_code code)
{
	LOCK_SCOPE(&lock);
	planned_verb = verb;
	token_plan = (struct plan){fault, code};
}

void break_store(enum store_call call, enum fault fault, enum err_code code)
{
	LOCK_SCOPE(&lock);
	store_plans[call] = (struct plan){fault, code};
}

void break_token_off(bool away)
{
	atomic_store(&token_away, away);
}

void break_token_slow(int64_t ms)
{
	atomic_store(&slow_ms, ms);
}

void break_in_before_rotate(void (*what)(void))
{
	atomic_store(&before_rotate, what);
}

bool break_is_dead(void)
{
	return atomic_load(&dead);
}

void break_nothing(void)
{
	atomic_store(&dead, false);
	atomic_store(&token_away, false);
	atomic_store(&slow_ms, 0);
	atomic_store(&before_rotate, NULL);
	break_token(HSM_PROBE, FAULT_NONE, E_OK);
	for (enum store_call call = 0; call < STORE_CALL_COUNT; call++)
		break_store(call, FAULT_NONE, E_OK);
}

/* --- the token --- */

void __real_hsm_submit(struct hsm *hsm, struct hsm_op *op);
void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op);

struct lost {
	void (*done)(struct hsm_op *op, struct err result);
	void *user;
	struct plan plan;
};

static void lose(struct hsm_op *op, UNUSED struct err result)
{
	struct lost lost = *(struct lost *)op->user;
	free(op->user);
	op->done = lost.done;
	op->user = lost.user;
	hsm_op_cleanup(op);
	if (lost.plan.fault == FAULT_DEAD_AFTER)
		atomic_store(&dead, true);
	op->done(op, ERR((uint16_t)lost.plan.code));
}

static void wrap_answer(struct hsm_op *op, struct plan plan)
{
	struct lost *lost = malloc(sizeof *lost);
	assert_non_null(lost);
	*lost = (struct lost){op->done, op->user, plan};
	op->done = lose;
	op->user = lost;
}

static struct plan plan_for(enum hsm_verb verb)
{
	{
		LOCK_SCOPE(&lock);
		if (planned_verb != verb)
			return (struct plan){FAULT_NONE, E_OK};
	}
	return take(&token_plan);
}

void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	if (op->verb == HSM_KEY_GENERATE)
		world_add_steady(atomic_load(&slow_ms));
	struct plan plan = plan_for(op->verb);
	if (plan.fault == FAULT_DEAD_BEFORE)
		atomic_store(&dead, true);
	if (atomic_load(&dead) || atomic_load(&token_away)) {
		op->done(op, ERR(E_HSM_AWAY));
		return;
	}
	if (plan.fault == FAULT_NOT_DONE) {
		op->done(op, ERR((uint16_t)plan.code));
		return;
	}
	if (plan.fault != FAULT_NONE)
		wrap_answer(op, plan);
	__real_hsm_submit(hsm, op);
}

/* --- the store --- */

static struct kms_store_ops real;

/* OK: it is to be done. */
static struct err before(struct plan plan)
{
	if (plan.fault == FAULT_DEAD_BEFORE)
		atomic_store(&dead, true);
	REQUIRE(!atomic_load(&dead), E_STORE);
	return plan.fault == FAULT_NOT_DONE ? ERR((uint16_t)plan.code) : OK;
}

static struct err after(struct plan plan, struct err done)
{
	TRY(done);
	if (plan.fault == FAULT_DEAD_AFTER)
		atomic_store(&dead, true);
	return plan.fault == FAULT_NONE ? OK : ERR((uint16_t)plan.code);
}

static struct err intent_add(void *self, const struct kms_intent *intent)
{
	struct plan plan = take(&store_plans[STORE_INTENT_ADD]);
	TRY(before(plan));
	return after(plan, real.intent_add(self, intent));
}

static struct err key_rotate(void *self, const struct kms_key *key, const struct kms_version *made,
			     const struct kms_outbox_record *outbox)
{
	void (*what)(void) = atomic_exchange(&before_rotate, NULL);
	if (what != NULL)
		what();
	struct plan plan = take(&store_plans[STORE_KEY_ROTATE]);
	TRY(before(plan));
	return after(plan, real.key_rotate(self, key, made, outbox));
}

static struct err key_load(void *self, const struct kms_scope *scope, const struct kms_key_id *id,
			   struct kms_key_full *out)
{
	REQUIRE(!atomic_load(&dead), E_STORE);
	return real.key_load(self, scope, id, out);
}

static struct err intent_remove(void *self, const struct hsm_key_id *token_id)
{
	REQUIRE(!atomic_load(&dead), E_STORE);
	return real.intent_remove(self, token_id);
}

static struct err intent_list(void *self, int64_t now_ms, struct kms_intent **out, size_t *count)
{
	REQUIRE(!atomic_load(&dead), E_STORE);
	return real.intent_list(self, now_ms, out, count);
}

static struct err outbox_done(void *self, const char (*ids)[KMS_EVENT_ID_LEN + 1], size_t count)
{
	REQUIRE(!atomic_load(&dead), E_STORE);
	return real.outbox_done(self, ids, count);
}

void breakage_adjust(struct kms_store_ops *ops)
{
	if (real.key_load == NULL) /* once: threads of the first service read it */
		real = *ops;
	ops->intent_add = intent_add;
	ops->key_rotate = key_rotate;
	ops->key_load = key_load;
	ops->intent_remove = intent_remove;
	ops->intent_list = intent_list;
	ops->outbox_done = outbox_done;
}
