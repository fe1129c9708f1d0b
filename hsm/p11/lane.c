/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/lane.h"

#include <signal.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/warden.h"

#define ATTEMPTS_MAX 4 /* the first, and one after each kind of healing */

static const struct p11_verb verbs[HSM_VERB_COUNT] = {
	[HSM_SEAL] = {p11_seal_check, p11_seal_execute, true, false},
	[HSM_OPEN] = {p11_open_check, p11_open_execute, true, false},
	[HSM_RESEAL] = {p11_reseal_check, p11_reseal_execute, true, false},
	[HSM_GENERATE_SEALED] = {p11_generate_sealed_check, p11_generate_sealed_execute, true,
				 false},
	[HSM_RANDOM] = {p11_random_check, p11_random_execute, true, false},
	[HSM_MAC] = {p11_mac_check, p11_mac_execute, true, false},
	[HSM_KEY_GENERATE] = {p11_generate_check, p11_generate_execute, false, true},
	[HSM_KEY_FIND] = {p11_find_check, p11_find_execute, true, true},
	[HSM_KEY_DESTROY] = {p11_destroy_check, p11_destroy_execute, false, true},
	[HSM_ENUMERATE] = {p11_enumerate_check, p11_enumerate_execute, true, true},
	[HSM_PROBE] = {p11_probe_check, p11_probe_execute, true, false},
	[HSM_SIGN] = {p11_sign_check, p11_sign_execute, true, false},
	[HSM_PUBLIC_KEY] = {p11_public_key_check, p11_public_key_execute, true, true},
	[HSM_DESCRIBE] = {p11_describe_check, p11_describe_execute, true, true},
	[HSM_ANCHOR_READ] = {p11_anchor_read_check, p11_anchor_read_execute, true, true},
	[HSM_ANCHOR_RAISE] = {p11_anchor_raise_check, p11_anchor_raise_execute, true, true},
};

const struct p11_verb *p11_verb_row(enum hsm_verb verb)
{
	return verb >= HSM_SEAL && verb < HSM_VERB_COUNT ? &verbs[verb] : NULL;
}

static struct p11_queue *queue_for(struct hsm *hsm, enum hsm_verb verb)
{
	const struct p11_verb *row = p11_verb_row(verb);
	return row != NULL && row->clerk ? &hsm->admin_work : &hsm->work;
}

NODISCARD struct err p11_lanes_push(struct hsm *hsm, struct hsm_op *op)
{
	LOCK_SCOPE(&hsm->lock);
	struct p11_queue *queue = queue_for(hsm, op->verb);
	REQUIRE(!hsm->closing, E_CANCELLED);
	REQUIRE(queue->count < hsm->queue_max, E_BUSY);
	op->next = NULL;
	*(queue->tail ? &queue->tail->next : &queue->head) = op;
	queue->tail = op;
	queue->count++;
	(void)pthread_cond_signal(&queue->grown);
	return OK;
}

/* The lock is held. */
static void show_queues(struct hsm *hsm)
{
	if (hsm->watch != NULL)
		hsm_figures_set(&hsm->watch->figures.queue,
				hsm->work.count + hsm->admin_work.count);
}

/* The lock is held. */
static struct hsm_op *pop(struct p11_queue *queue)
{
	struct hsm_op *op = queue->head;
	if (op == NULL)
		return NULL;
	queue->head = op->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	queue->count--;
	op->next = NULL;
	return op;
}

/* NULL when closing. */
static struct hsm_op *wait_for_work(struct p11_lane *lane)
{
	struct hsm *hsm = lane->hsm;
	LOCK_SCOPE(&hsm->lock);
	while (lane->queue->head == NULL && !hsm->closing)
		(void)pthread_cond_wait(&lane->queue->grown, &hsm->lock);
	struct hsm_op *op = hsm->closing ? NULL : pop(lane->queue);
	show_queues(hsm);
	return op;
}

static struct err check_deadline(const struct hsm *hsm, const struct hsm_op *op)
{
	REQUIRE(clock_steady_ms(hsm->clock) < op->deadline_ms, E_HSM_TIMEOUT);
	return OK;
}

/* A session of the current generation; the gate is held. */
static struct err ensure_session(struct p11_lane *lane)
{
	struct hsm *hsm = lane->hsm;
	TRY(p11_warden_require_up(hsm));
	if (lane->generation == hsm->generation)
		return OK;
	TRY(p11_session_open(&hsm->module, &lane->session));
	lane->generation = hsm->generation;
	return OK;
}

static void drop_session(struct p11_lane *lane, struct err why)
{
	struct hsm *hsm = lane->hsm;
	if (lane->generation == hsm->generation && !p11_funnel_session_gone(why))
		P11_CALL_TIDY(&hsm->module.funnel, C_CloseSession, lane->session);
	lane->generation = 0;
}

/* The holder and login sessions: when they are gone as well, so are all handles and the login. */
static bool other_sessions_live(struct hsm *hsm)
{
	CK_SESSION_INFO info = {0};
	struct p11_funnel *funnel = &hsm->module.funnel;
	return !err_failed(p11_login_check(&hsm->login, &hsm->module)) &&
	       !err_failed(P11_CALL(funnel, C_GetSessionInfo, hsm->keys.holder, &info));
}

static void refind(struct p11_lane *lane, const struct hsm_key_id *id)
{
	struct hsm *hsm = lane->hsm;
	struct p11_object known;
	if (err_failed(p11_objects_get(&hsm->objects, id, &known)))
		return;
	struct err e =
		p11_objects_refind(&hsm->objects, &hsm->module.funnel, lane->session, id, &known);
	log_event(LOG_WARNING, "token.handle_stale", LOG_TEXT("label", known.shown.label),
		  LOG_NUMBER("found", !err_failed(e)));
}

static void refind_all(struct p11_lane *lane, const struct hsm_op *op)
{
	LOCK_SCOPE(&lane->hsm->admin);
	refind(lane, &op->from.key);
	if (!mem_equal(op->from.key.bytes, op->to.key.bytes, HSM_KEY_ID_LEN))
		refind(lane, &op->to.key);
}

/* Mends what the table says, as far as a lane can; the gate is held. Returns the error to report.
 */
static struct err mend(struct p11_lane *lane, const struct hsm_op *op, struct err e)
{
	struct hsm *hsm = lane->hsm;
	switch (p11_funnel_effect(e)) {
	case P11_EFFECT_HANDLE:
		if (err_failed(p11_login_check(&hsm->login, &hsm->module)))
			break;
		refind_all(lane, op);
		return e;
	case P11_EFFECT_SESSION:
		drop_session(lane, e);
		if (!other_sessions_live(hsm))
			p11_warden_alarm(hsm, e);
		return e;
	case P11_EFFECT_CANARY:
		if (!err_failed(p11_canary_run(lane)))
			return e;
		e = ERR_DETAIL(E_HSM_AWAY, e.detail);
		break;
	case P11_EFFECT_LOGIN:
	case P11_EFFECT_DEVICE:
	case P11_EFFECT_PIN:
		break;
	case P11_EFFECT_NONE:
		/* An unsafe answer: the recovery probes the token before it is used again. */
		if (!err_is(e, E_HSM_AWAY) && !err_is(e, E_HSM_TOKEN_CHANGED) &&
		    !err_is(e, E_HSM_UNSAFE))
			return e;
		break;
	}
	p11_warden_alarm(hsm, e);
	return ERR_DETAIL(E_HSM_AWAY, e.detail);
}

static struct err attempt(struct p11_lane *lane, struct hsm_op *op, const struct p11_verb *verb)
{
	struct hsm *hsm = lane->hsm;
	(void)pthread_rwlock_rdlock(&hsm->gate);
	struct err e = ensure_session(lane);
	if (!err_failed(e))
		e = verb->execute(lane, op);
	struct err shown = e;
	if (err_failed(e)) {
		hsm_op_cleanup(op);
		shown = mend(lane, op, e);
	}
	(void)pthread_rwlock_unlock(&hsm->gate);
	return shown;
}

/* Whether what mend() did makes another attempt worthwhile; each kind once. */
static bool try_again(const struct p11_verb *verb, struct err e, unsigned *tried)
{
	enum p11_effect effect = p11_funnel_effect(e);
	if (err_is(e, E_HSM_AWAY) && effect != P11_EFFECT_SESSION)
		effect = P11_EFFECT_DEVICE;
	unsigned bit = 1U << (unsigned)effect;
	bool heals = effect == P11_EFFECT_HANDLE || effect == P11_EFFECT_SESSION ||
		     (effect == P11_EFFECT_DEVICE && verb->repeatable);
	if (!heals || (*tried & bit) != 0)
		return false;
	*tried |= bit;
	return true;
}

static struct err perform(struct p11_lane *lane, struct hsm_op *op)
{
	const struct p11_verb *verb = p11_verb_row(op->verb);
	REQUIRE(verb != NULL, E_FORMAT);
	TRY(verb->check(op));
	unsigned tried = 0;
	struct err e = ERR(E_BUG);
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		TRY(check_deadline(lane->hsm, op));
		TRY(p11_warden_wait_until_up(lane->hsm, op->deadline_ms));
		e = attempt(lane, op, verb);
		if (!err_failed(e) || !try_again(verb, e, &tried))
			break;
	}
	return e;
}

static void count(struct hsm *hsm, const struct hsm_op *op, struct err result, int64_t began_ns)
{
	bool failed = err_failed(result);
	if (hsm->watch != NULL) {
		atomic_fetch_add(&hsm->watch->operations, 1);
		atomic_fetch_add(&hsm->watch->failures, failed ? 1 : 0);
		hsm_figures_count(&hsm->watch->figures, op->verb, result,
				  metric_now_ns() - began_ns);
	}
	LOCK_SCOPE(&hsm->lock);
	hsm->operations++;
	hsm->failures += failed ? 1 : 0;
}

static void set_watch(struct p11_lane *lane, int64_t deadline_ms)
{
	if (lane->hsm->watch != NULL)
		atomic_store(&lane->hsm->watch->deadline_ms[lane->index], deadline_ms);
}

/* One that is too late already ends at once: no sign of a hang. */
static void watch_op(struct p11_lane *lane, const struct hsm_op *op)
{
	if (lane->hsm->watch != NULL)
		mem_copy(lane->hsm->watch->requests[lane->index].id, sizeof(op->request),
			 op->request, sizeof(op->request));
	set_watch(lane, MAX_OF(op->deadline_ms, clock_steady_ms(lane->hsm->clock)));
}

static void report(const struct hsm_op *op, struct err result)
{
	enum err_category category = err_category(result);
	if (!err_failed(result) || category == ERR_CALLER || category == ERR_CAPACITY)
		return;
	/* Who looks for a key may well be told that there is none. */
	bool expected = op->verb == HSM_KEY_FIND && err_is(result, E_HSM_KEY_UNKNOWN);
	const char *verb = hsm_verb_name(op->verb);
	log_event(expected ? LOG_DEBUG : LOG_WARNING, "token.operation_failed",
		  LOG_TEXT("verb", verb ? verb : "none"),
		  LOG_TEXT("ckr", result.detail ? p11_funnel_row(result.detail)->name : "none"),
		  LOG_HEX("number", result.detail), LOG_ERR(result));
}

static void *lane_run(void *argument)
{
	struct p11_lane *lane = (struct p11_lane *)argument;
	for (struct hsm_op *op = wait_for_work(lane); op != NULL; op = wait_for_work(lane)) {
		LOG_REQUEST_SCOPE(op->request);
		int64_t began_ns = metric_now_ns();
		watch_op(lane, op);
		struct err result = perform(lane, op);
		set_watch(lane, 0);
		count(lane->hsm, op, result, began_ns);
		report(op, result);
		op->done(op, result);
	}
	return NULL;
}

NODISCARD struct err p11_thread_start(pthread_t *out, void *(*run)(void *), void *argument)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(out, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? ERR_DETAIL(E_SYSTEM, failed) : OK;
}

NODISCARD struct err p11_lanes_start(struct hsm *hsm)
{
	TRY(MEM_NEW_ARRAY(hsm->lane_count + 1, &hsm->lanes));
	for (uint32_t i = 0; i <= hsm->lane_count; i++) {
		struct p11_lane *lane = &hsm->lanes[i];
		lane->hsm = hsm;
		lane->index = i;
		lane->queue = i < hsm->lane_count ? &hsm->work : &hsm->admin_work;
		TRY(p11_thread_start(&lane->thread, lane_run, lane));
		lane->started = true;
	}
	return OK;
}

static struct hsm_op *pop_left(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	struct hsm_op *op = pop(&hsm->work);
	return op != NULL ? op : pop(&hsm->admin_work);
}

void p11_lanes_stop(struct hsm *hsm)
{
	for (uint32_t i = 0; hsm->lanes != NULL && i <= hsm->lane_count; i++) {
		if (hsm->lanes[i].started)
			(void)pthread_join(hsm->lanes[i].thread, NULL);
		buf_cleanup(&hsm->lanes[i].aad);
	}
	mem_free(TAKE(hsm->lanes));
	for (struct hsm_op *op = pop_left(hsm); op != NULL; op = pop_left(hsm))
		op->done(op, ERR(E_CANCELLED));
}
