/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/warden.h"

#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "hsm/p11/canary.h"
#include "hsm/p11/lane.h"

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MOST_MS 2000
#define RECOVERY_MS 60000 /* C_Initialize, login and enumeration; longer means that it hangs */
#define WATCH_PLACE (HSM_LANES_MAX - 1)

static struct err log_in(struct hsm *hsm)
{
	TRY(p11_softhsm_keep(&hsm->softhsm));
	p11_softhsm_follow(&hsm->softhsm);
	struct p11_softhsm_mark mark = p11_softhsm_mark(&hsm->softhsm);
	TRY(p11_login_open(&hsm->login, &hsm->module));
	return p11_softhsm_sync(&hsm->softhsm, mark);
}

static struct err open_holder(struct hsm *hsm)
{
	CK_SESSION_HANDLE holder = CK_INVALID_HANDLE;
	TRY(p11_session_open(&hsm->module, &holder));
	p11_message_keys_set_holder(&hsm->keys, holder);
	return OK;
}

NODISCARD struct err p11_warden_bring_up(struct hsm *hsm)
{
	TRY(p11_softhsm_restore(&hsm->softhsm));
	TRY(p11_softhsm_sync_recent(&hsm->softhsm));
	TRY(p11_module_start(&hsm->module));
	TRY(p11_module_find_token(&hsm->module));
	hsm->row = p11_capability_of(&hsm->module);
	TRY(log_in(hsm));
	TRY(open_holder(hsm));
	TRY(p11_capability_probe(&hsm->module, hsm->keys.holder, hsm->row, hsm->pinned,
				 &hsm->suite));
	TRY(p11_canary_make(hsm, hsm->keys.holder));
	hsm->objects.unreported = hsm->row->unreported;
	hsm->objects.preferred = hsm->suite;
	hsm->objects.trusted = hsm->row->searches_all;
	uint64_t next = hsm->generation + 1;
	TRY(p11_objects_enumerate(&hsm->objects, &hsm->module.funnel, hsm->login.session, next));
	log_event(LOG_INFO, "token.up", LOG_TEXT("token", hsm->module.names.label),
		  LOG_TEXT("serial", hsm->module.names.serial), LOG_TEXT("kind", hsm->row->name),
		  LOG_NUMBER("suite", hsm->suite), LOG_NUMBER("keys", hsm->objects.by_id.count),
		  LOG_NUMBER("foreign", hsm->objects.foreign), LOG_NUMBER("generation", next));
	LOCK_SCOPE(&hsm->lock);
	hsm->generation = next;
	return OK;
}

void p11_warden_take_down(struct hsm *hsm)
{
	p11_message_keys_set_holder(&hsm->keys, CK_INVALID_HANDLE);
	if (hsm->login.session != CK_INVALID_HANDLE)
		P11_CALL_TIDY(&hsm->module.funnel, C_CloseAllSessions, hsm->module.slot);
	hsm->login.session = CK_INVALID_HANDLE;
	p11_module_stop(&hsm->module);
}

void p11_warden_alarm(struct hsm *hsm, struct err why)
{
	{
		LOCK_SCOPE(&hsm->lock);
		if (hsm->condition != HSM_UP)
			return;
		hsm->condition = HSM_AWAY;
		hsm->last_error = why;
		hsm->away_since_ms = clock_steady_ms(hsm->clock);
		(void)pthread_cond_broadcast(&hsm->changed);
	}
	log_event(LOG_ERROR, "token.away", LOG_ERR(why));
}

/* The lock is held. */
static struct err availability(const struct hsm *hsm)
{
	switch (hsm->condition) {
	case HSM_UP:
		return OK;
	case HSM_PIN_REFUSED:
		return ERR(E_HSM_PIN);
	case HSM_REFUSED_UNSAFE:
		return ERR(E_HSM_UNSAFE);
	case HSM_CONNECTING:
	case HSM_AWAY:
		break;
	}
	return ERR_DETAIL(E_HSM_AWAY, hsm->last_error.detail);
}

NODISCARD struct err p11_warden_require_up(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	return availability(hsm);
}

/* Waits for a change of condition, `ms` at most. The lock is held. */
static void wait_for_change(struct hsm *hsm, int64_t ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&hsm->changed, &hsm->lock, &until);
}

NODISCARD struct err p11_warden_wait_until_up(struct hsm *hsm, int64_t deadline_ms)
{
	LOCK_SCOPE(&hsm->lock);
	for (;;) {
		REQUIRE(!hsm->closing, E_CANCELLED);
		struct err e = availability(hsm);
		if (!err_is(e, E_HSM_AWAY))
			return e;
		int64_t until = MIN_OF(deadline_ms, hsm->away_since_ms + P11_AWAY_WAIT_MS);
		int64_t left = until - clock_steady_ms(hsm->clock);
		if (left <= 0)
			return e;
		wait_for_change(hsm, left);
	}
}

/* Waits for an alarm; false when closing. */
static bool wait_for_alarm(struct hsm *hsm)
{
	LOCK_SCOPE(&hsm->lock);
	while (hsm->condition != HSM_AWAY && !hsm->closing)
		(void)pthread_cond_wait(&hsm->changed, &hsm->lock);
	return !hsm->closing;
}

static bool pause_ms(struct hsm *hsm, int64_t ms)
{
	LOCK_SCOPE(&hsm->lock);
	int64_t until = clock_steady_ms(&clock_system) + ms;
	for (int64_t left = ms; left > 0 && !hsm->closing;
	     left = until - clock_steady_ms(&clock_system))
		wait_for_change(hsm, left);
	return !hsm->closing;
}

static enum hsm_condition condition_after(struct err e)
{
	if (!err_failed(e))
		return HSM_UP;
	if (err_is(e, E_HSM_PIN))
		return HSM_PIN_REFUSED;
	return err_is(e, E_HSM_UNSAFE) ? HSM_REFUSED_UNSAFE : HSM_AWAY;
}

static void settle(struct hsm *hsm, struct err e)
{
	LOCK_SCOPE(&hsm->lock);
	hsm->condition = condition_after(e);
	hsm->last_error = e;
	(void)pthread_cond_broadcast(&hsm->changed);
}

static void set_watch(struct hsm *hsm, int64_t deadline_ms)
{
	if (hsm->watch != NULL)
		atomic_store(&hsm->watch->deadline_ms[WATCH_PLACE], deadline_ms);
}

static struct err recover_once(struct hsm *hsm)
{
	set_watch(hsm, clock_steady_ms(hsm->clock) + RECOVERY_MS);
	(void)pthread_rwlock_wrlock(&hsm->gate);
	p11_warden_take_down(hsm);
	struct err e = p11_warden_bring_up(hsm);
	(void)pthread_rwlock_unlock(&hsm->gate);
	set_watch(hsm, 0);
	if (err_failed(e))
		log_event(LOG_WARNING, "token.recovery_failed", LOG_ERR(e));
	else if (hsm->watch != NULL)
		hsm_figures_add(&hsm->watch->figures.recoveries, 1);
	settle(hsm, e);
	return e;
}

static void recover(struct hsm *hsm)
{
	int64_t backoff = BACKOFF_FIRST_MS;
	while (condition_after(recover_once(hsm)) == HSM_AWAY && pause_ms(hsm, backoff))
		backoff = MIN_OF(backoff * 2, (int64_t)BACKOFF_MOST_MS);
}

static void *warden_run(void *argument)
{
	struct hsm *hsm = (struct hsm *)argument;
	while (wait_for_alarm(hsm))
		recover(hsm);
	return NULL;
}

NODISCARD struct err p11_warden_start(struct hsm *hsm)
{
	TRY(p11_thread_start(&hsm->warden, warden_run, hsm));
	hsm->warden_started = true;
	return OK;
}

void p11_warden_stop(struct hsm *hsm)
{
	if (hsm->warden_started)
		(void)pthread_join(hsm->warden, NULL);
	hsm->warden_started = false;
}
