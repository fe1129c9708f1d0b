/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of due work, its pace and its report. What a round does: due_work.c. */
#include "service/scheduler.h"

#include <errno.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "service/core.h"
#include "service/scheduler_local.h"
#include "service/sessions.h"

#define SWEEP_INTERVAL_MS (INT64_C(60) * 60 * 1000) /* sessions: at the start, and hourly */
#define SWEEP_RETRY_MS INT64_C(60000)
#define MS_PER_S 1000
#define VERIFY_RETRY_MS INT64_C(60000)
#define REST_MAX_MS 30000             /* after one step, however long that took */
#define STUMBLE_INTERVAL_MAX_MS 30000 /* between rounds while what acts need is away */
#define STUMBLES_COUNTED 5
#define LEASE_STEPS 8 /* operations on the token between two rests */

/* The scheduler whose thread this is. */
static _Thread_local struct scheduler *mine;

bool scheduler_is_stopping(struct scheduler *scheduler)
{
	LOCK_SCOPE(&scheduler->lock);
	return scheduler->stopping || service_is_stopping(scheduler->service) ||
	       distrust_holds(&scheduler->service->distrust);
}

int64_t scheduler_lease_ms(const struct scheduler *scheduler)
{
	int64_t longest_ms = (int64_t)scheduler->service->options.token_timeout_ms * LEASE_STEPS;
	return MAX_OF(longest_ms, SCHEDULER_LEASE_MIN_MS);
}

/* ---- pace ---- */

static struct timespec after(uint32_t ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return until;
}

/* false: the scheduler stops. `wakes`: scheduler_wake() ends the pause. */
static bool pause_for(struct scheduler *scheduler, uint32_t ms, bool wakes)
{
	struct timespec until = after(ms);
	LOCK_SCOPE(&scheduler->lock);
	while (!scheduler->stopping && !(wakes && scheduler->woken))
		if (pthread_cond_timedwait(&scheduler->changed, &scheduler->lock, &until) ==
		    ETIMEDOUT)
			break;
	if (wakes)
		scheduler->woken = false;
	return !scheduler->stopping;
}

/* What the act has taken since the last rest, and how long to rest from that. */
static uint32_t account(struct scheduler *scheduler)
{
	int64_t busy_ms =
		clock_steady_ms(scheduler->service->options.clock) - scheduler->busy_from_ms;
	LOCK_SCOPE(&scheduler->lock);
	int64_t share = scheduler->share_percent;
	int64_t rest_ms = MAX_OF(busy_ms, INT64_C(0)) * (100 - share) / share;
	rest_ms = MIN_OF(rest_ms, (int64_t)REST_MAX_MS);
	scheduler->report.busy_ms += busy_ms;
	scheduler->report.rested_ms += rest_ms;
	return (uint32_t)rest_ms;
}

/* A lease that is half over begins anew. A claim that is lost is no reason to stop: the key's
 * revision decides. */
static void keep_claim(struct scheduler *scheduler)
{
	const struct clock *clock = scheduler->service->options.clock;
	int64_t lease_ms = scheduler_lease_ms(scheduler);
	int64_t now_ms = clock_steady_ms(clock);
	if (scheduler->claim.kind == 0 || now_ms - scheduler->claimed_ms < lease_ms / 2)
		return;
	int64_t real_ms = clock_real_ms(clock);
	scheduler->claimed_ms = now_ms;
	scheduler->claim.lease_ms = real_ms + lease_ms;
	struct err e = scheduler->agenda.ops->claim_take(scheduler->agenda.self, &scheduler->claim,
							 real_ms);
	if (err_failed(e))
		log_event(LOG_WARNING, "due.claim_not_renewed", LOG_ERR(e));
}

NODISCARD struct err scheduler_rest(struct scheduler *scheduler)
{
	if (scheduler == NULL || mine != scheduler)
		return OK;
	uint32_t rest_ms = account(scheduler);
	bool goes_on = pause_for(scheduler, rest_ms, false);
	keep_claim(scheduler);
	scheduler->busy_from_ms = clock_steady_ms(scheduler->service->options.clock);
	REQUIRE(goes_on && !service_is_stopping(scheduler->service), E_CANCELLED);
	REQUIRE(!distrust_holds(&scheduler->service->distrust), E_CANCELLED);
	return OK;
}

void scheduler_set_pace(struct scheduler *scheduler, uint32_t interval_ms, uint32_t share_percent)
{
	LOCK_SCOPE(&scheduler->lock);
	scheduler->interval_ms = interval_ms;
	scheduler->share_percent = MIN_OF(MAX_OF(share_percent, 1u), 100u);
}

void scheduler_wake(struct scheduler *scheduler)
{
	if (scheduler == NULL)
		return;
	LOCK_SCOPE(&scheduler->lock);
	scheduler->woken = true;
	(void)pthread_cond_signal(&scheduler->changed);
}

/* Longer and longer while a token that says it is there does nothing: each attempt may leave an
 * intent behind. */
static uint32_t pause_between(struct scheduler *scheduler)
{
	LOCK_SCOPE(&scheduler->lock);
	uint64_t ms = (uint64_t)scheduler->interval_ms
		      << MIN_OF(scheduler->stumbles, STUMBLES_COUNTED);
	return (uint32_t)MAX_OF(MIN_OF(ms, (uint64_t)STUMBLE_INTERVAL_MAX_MS),
				(uint64_t)scheduler->interval_ms);
}

/* ---- rounds ---- */

static void note_sweep(struct scheduler *scheduler, struct err e)
{
	metric_set(METRIC_DUE_FAILING, 0, 0, err_failed(e));
	metric_add(err_failed(e) ? METRIC_DUE_FAILURES : METRIC_DUE_DONE, 0, 0, 1);
	LOCK_SCOPE(&scheduler->lock);
	scheduler->report.done[0] += !err_failed(e);
	scheduler->report.failed[0] += err_failed(e);
	scheduler->report.kinds[0].failed = err_failed(e);
	scheduler->report.held[0] = e;
}

static void sweep_sessions(struct scheduler *scheduler)
{
	int64_t now_ms = clock_steady_ms(scheduler->service->options.clock);
	if (scheduler->swept && now_ms - scheduler->swept_ms < SWEEP_INTERVAL_MS)
		return;
	struct err e = sessions_sweep(scheduler->service);
	scheduler->swept = true;
	scheduler->swept_ms = err_failed(e) ? now_ms - SWEEP_INTERVAL_MS + SWEEP_RETRY_MS : now_ms;
	note_sweep(scheduler, e);
}

static int64_t verify_interval_ms(const struct service *service)
{
	return (int64_t)service->options.verify_interval_s * MS_PER_S;
}

/* What nobody reads is not judged by reading it. The first time was at the start. */
static void verify_again(struct scheduler *scheduler)
{
	struct service *service = scheduler->service;
	int64_t now_ms = clock_steady_ms(service->options.clock);
	int64_t interval_ms = verify_interval_ms(service);
	if (interval_ms == 0 || service->options.manifest.ops == NULL ||
	    now_ms < scheduler->verify_ms)
		return;
	struct err e = survey_again(service);
	if (err_failed(e))
		log_event(LOG_WARNING, "store.not_verified",
			  LOG_NUMBER("again_s", VERIFY_RETRY_MS / MS_PER_S), LOG_ERR(e));
	scheduler->verify_ms =
		now_ms + (err_failed(e) ? MIN_OF(interval_ms, VERIFY_RETRY_MS) : interval_ms);
}

/* true: the next one at once. */
static bool run_round(struct scheduler *scheduler)
{
	struct service *service = scheduler->service;
	if (!atomic_load(&service->reconciled) || distrust_holds(&service->distrust))
		return false;
	sweep_sessions(scheduler);
	verify_again(scheduler);
	if (scheduler->agenda.ops == NULL)
		return false;
	due_work_look(scheduler); /* what cannot be counted may be done all the same */
	return due_work_run(scheduler);
}

static void *serve(void *arg)
{
	struct scheduler *scheduler = (struct scheduler *)arg;
	mine = scheduler;
	bool more = false;
	while (pause_for(scheduler, more ? 0 : pause_between(scheduler), true))
		more = run_round(scheduler);
	return NULL;
}

/* ---- start, stop, report ---- */

static struct err make_locks(struct scheduler *scheduler)
{
	pthread_condattr_t attributes;
	(void)pthread_mutex_init(&scheduler->lock, NULL);
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&scheduler->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return OK;
}

NODISCARD struct err scheduler_start(struct service *service, struct scheduler **out)
{
	CLEANUP(scheduler_stop) struct scheduler *scheduler = NULL;
	TRY(MEM_NEW(&scheduler));
	scheduler->service = service;
	scheduler->agenda = service->options.agenda;
	scheduler->verify_ms =
		clock_steady_ms(service->options.clock) + verify_interval_ms(service);
	TRY(make_locks(scheduler));
	scheduler_set_pace(scheduler, service->options.due_interval_ms,
			   service->options.due_share_percent);
	int failed = pthread_create(&scheduler->thread, NULL, serve, scheduler);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	scheduler->running = true;
	*out = TAKE(scheduler);
	return OK;
}

static void end_thread(struct scheduler *scheduler)
{
	pthread_mutex_lock(&scheduler->lock);
	scheduler->stopping = true;
	(void)pthread_cond_signal(&scheduler->changed);
	pthread_mutex_unlock(&scheduler->lock);
	(void)pthread_join(scheduler->thread, NULL);
}

void scheduler_stop(struct scheduler **scheduler)
{
	if (*scheduler == NULL)
		return;
	if ((*scheduler)->running)
		end_thread(*scheduler);
	(void)pthread_cond_destroy(&(*scheduler)->changed);
	(void)pthread_mutex_destroy(&(*scheduler)->lock);
	mem_free(TAKE(*scheduler));
}

void scheduler_report(struct scheduler *scheduler, struct scheduler_report *out)
{
	LOCK_SCOPE(&scheduler->lock);
	*out = scheduler->report;
}
