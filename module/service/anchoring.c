/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One raise serves all that wait: a waiter notes the mark that it needs, wakes the thread, and the
 * thread anchors whatever is committed by then. When the token is away, it is tried again until it
 * is back; a waiter gives up at its deadline, and its change is anchored later all the same.
 *
 * What the scheduler does by itself needs no waiting. Above all the end of a key: an older store
 * that still has it names objects of the token that are gone, and reconcile refuses them.
 */
#include "service/anchoring.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "service/anchor.h"
#include "service/audit_head.h"
#include "service/core.h"

#define LOOK_MS 250        /* between two looks at what was committed */
#define RETRY_MS 100       /* after a raise that failed, while somebody waits */
#define HEAD_EVERY_MS 5000 /* the audit log's head is stored, and the token looked at */
#define STOP_MS 3000       /* at the stop the token is waited for so long */
#define MS_PER_S 1000
#define NS_PER_MS 1000000L

struct anchoring {
	struct service *service;
	int64_t head_saved_ms; /* steady; the thread's own */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;  /* the thread */
	pthread_cond_t tried; /* the waiters */
	pthread_t thread;
	bool stopping, running;
	bool asked; /* somebody began to wait since the thread last looked */
	struct kms_mark committed, anchored;
	int64_t behind_since_ms; /* steady; 0: all is anchored */
	struct err last;         /* why the last try failed */
	struct err head;
	struct kms_audit_head stored; /* the log's head, as the store has it */
};

static int64_t now_ms(const struct anchoring *anchoring)
{
	return clock_steady_ms(anchoring->service->options.clock);
}

static struct anchor_place place_of(struct service *service, int64_t deadline_ms)
{
	return (struct anchor_place){.hsm = service->options.hsm,
				     .installation = &service->options.installation,
				     .deadline_ms = deadline_ms};
}

/* ---- at the start ---- */

static struct err raise_timed(const struct anchor_place *place, const struct kms_mark *mark,
			      struct kms_mark *now)
{
	int64_t began_ns = metric_now_ns();
	struct err e = anchor_raise(place, mark, now);
	if (err_failed(e))
		metric_add(METRIC_ANCHOR_FAILURES, 0, 0, 1);
	else
		metric_observe_since(METRIC_ANCHOR_TIME, 0, began_ns);
	return e;
}

/* There is no manifest, or none to be believed, and the token knows of none. */
static bool may_begin(const struct kms_survey *survey)
{
	return survey->mark.epoch == 0 && survey->anchor.epoch == 0;
}

/* The first manifest, of a store of a version that had none. Where it turns out that there is one,
 * somebody else began it, or it is broken: the second survey says which. */
static struct err begin(struct service *service, struct kms_survey *survey)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct err e = manifest->ops->begin(manifest->self);
	if (!err_failed(e))
		log_event(LOG_INFO, "store.manifest_begun",
			  LOG_TEXT("meaning", "from now on the token remembers the store"));
	else if (!err_is(e, E_EXISTS))
		return e;
	kms_survey_cleanup(survey);
	*survey = (struct kms_survey){0};
	return survey_run(service, survey);
}

/* What was committed and not anchored when the service ended, or all there is. Before anything else
 * is committed: a store that has gone on beyond its first epoch without an anchor is refused. */
static struct err catch_up(struct service *service, const struct kms_survey *survey)
{
	REQUIRE(survey->mark.epoch > 0, E_STORE_MANIFEST);
	service->anchored = survey->anchor;
	if (anchor_covers(&survey->anchor, &survey->mark))
		return OK;
	const struct anchor_place place = place_of(service, service_deadline_ms(service));
	TRY(raise_timed(&place, &survey->mark, &service->anchored));
	log_event(LOG_INFO, survey->anchor.epoch == 0 ? "anchor.made" : "anchor.caught_up",
		  LOG_NUMBER("epoch", survey->mark.epoch),
		  LOG_NUMBER("from", survey->anchor.epoch));
	return OK;
}

NODISCARD struct err anchoring_check(struct service *service)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	if (service->options.manifest.ops == NULL)
		return OK;
	TRY(survey_run(service, &survey));
	if (may_begin(&survey))
		TRY(begin(service, &survey));
	survey_tell(&survey);
	if (!err_is(survey.verdict, E_STORE_SEAL))
		TRY(survey.verdict);
	TRY(catch_up(service, &survey));
	return audit_head_check(service);
}

/* ---- the thread ---- */

static struct err look_at_store(struct anchoring *anchoring, struct kms_mark *out)
{
	const struct kms_manifest *manifest = &anchoring->service->options.manifest;
	TRY(manifest->ops->mark(manifest->self, out));
	LOCK_SCOPE(&anchoring->lock);
	if (out->epoch > anchoring->committed.epoch)
		anchoring->committed = *out;
	if (anchor_covers(&anchoring->anchored, out))
		anchoring->behind_since_ms = 0;
	else if (anchoring->behind_since_ms == 0)
		anchoring->behind_since_ms = now_ms(anchoring);
	return OK;
}

/*
 * The token has a later mark than ours: another daemon on this store has gone further, which the
 * store's file tells as well. Where it does not, the token remembers another store: somebody began
 * one from a copy of this, or put a copy in this one's place, and what is committed here is
 * anchored nowhere.
 *
 * A commit can be read before its mark is raised, so whatever the token has of this store is in the
 * file by now. The head's row may be one that is refused, and then tells nothing of the manifest: a
 * survey decides.
 */
static struct err confirm(struct anchoring *anchoring, const struct kms_mark *reached)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	struct kms_mark seen = {0};
	TRY(audit_head_look(anchoring->service));
	TRY(look_at_store(anchoring, &seen));
	if (anchor_covers(&seen, reached))
		return OK;
	TRY(survey_run(anchoring->service, &survey));
	survey_tell(&survey);
	bool ours = !err_failed(survey.verdict) || err_is(survey.verdict, E_STORE_SEAL);
	REQUIRE(ours && anchor_covers(&survey.mark, reached), E_HSM_ANCHOR);
	return OK;
}

static void tell_try(struct err before, struct err e)
{
	if (err_failed(e) && before.code != e.code)
		log_event(err_is(e, E_HSM_ANCHOR) ? LOG_ERROR : LOG_WARNING, "anchor.not_raised",
			  LOG_TEXT("effect", "changes that take rights away are not acknowledged"),
			  LOG_ERR(e));
	else if (err_failed(before) && !err_failed(e))
		log_event(LOG_INFO, "anchor.raised_again");
}

static void note_try(struct anchoring *anchoring, struct err e, const struct kms_mark *reached)
{
	LOCK_SCOPE(&anchoring->lock);
	tell_try(anchoring->last, e);
	anchoring->last = e;
	if (!err_failed(e))
		anchoring->anchored = *reached;
	if (anchor_covers(&anchoring->anchored, &anchoring->committed))
		anchoring->behind_since_ms = 0;
	(void)pthread_cond_broadcast(&anchoring->tried);
}

static bool is_anchored(struct anchoring *anchoring, const struct kms_mark *mark)
{
	LOCK_SCOPE(&anchoring->lock);
	return anchor_covers(&anchoring->anchored, mark);
}

/*
 * What the token has now. E_HSM_ANCHOR: it is a mark that this store had not at its epoch. A copy
 * of the store that goes on with the same token overtakes this one's mark, and is overtaken, in
 * turn: what is raised next would hide it. Two daemons on one store have the same marks.
 */
static struct err read_present(struct anchoring *anchoring, const struct anchor_place *place,
			       struct kms_mark *present)
{
	const struct kms_manifest *manifest = &anchoring->service->options.manifest;
	struct err e = anchor_read(place, present);
	if (err_failed(e))
		metric_add(METRIC_ANCHOR_FAILURES, 0, 0, 1);
	TRY(e);
	REQUIRE(!manifest->ops->denies(manifest->self, present), E_HSM_ANCHOR);
	return OK;
}

static struct err raise_over(struct anchoring *anchoring, const struct anchor_place *place,
			     const struct kms_mark *committed, struct kms_mark *reached)
{
	struct kms_mark present = {0};
	TRY(read_present(anchoring, place, &present));
	return raise_timed(place, committed, reached);
}

/* A service that changes nothing learns of another store as well. A token that is away is told by
 * whoever needs it. */
static void look_at_token(struct anchoring *anchoring)
{
	struct kms_mark committed = {0}, present = {0};
	const struct anchor_place place =
		place_of(anchoring->service, service_deadline_ms(anchoring->service));
	struct err e = look_at_store(anchoring, &committed);
	if (!err_failed(e))
		e = read_present(anchoring, &place, &present);
	if (!err_failed(e) && !anchor_covers(&committed, &present))
		e = confirm(anchoring, &present);
	if (err_is(e, E_HSM_ANCHOR))
		distrust_set(anchoring->service, e);
}

/* Anchors what is committed by now. false: there is something left. */
static bool anchor_all(struct anchoring *anchoring, int64_t deadline_ms)
{
	struct kms_mark committed = {0}, reached = {0};
	struct err e = look_at_store(anchoring, &committed);
	if (!err_failed(e) && is_anchored(anchoring, &committed))
		return true;
	const struct anchor_place place = place_of(anchoring->service, deadline_ms);
	if (!err_failed(e))
		e = raise_over(anchoring, &place, &committed, &reached);
	if (!err_failed(e) && reached.epoch > committed.epoch)
		e = confirm(anchoring, &reached);
	/* No raise of ours, nor of another daemon on this store, ends so: an epoch is committed
	 * once, so that the token can have no other digest of it, and it never forgets one. */
	if (err_is(e, E_HSM_ANCHOR))
		distrust_set(anchoring->service, e);
	note_try(anchoring, e, &reached);
	return !err_failed(e);
}

static void save_head(struct anchoring *anchoring)
{
	struct err e = audit_head_save(anchoring->service);
	anchoring->head_saved_ms = now_ms(anchoring);
	LOCK_SCOPE(&anchoring->lock);
	if (err_failed(e) && anchoring->head.code != e.code)
		log_event(LOG_WARNING, "audit.head_not_stored",
			  LOG_TEXT("cause", err_is(e, E_STORE_CONFLICT)
						    ? "another daemon keeps its audit log under "
						      "this name in the store"
						    : "the store has refused it"),
			  LOG_ERR(e));
	anchoring->head = e;
	anchoring->stored = anchoring->service->audit_head;
}

static struct timespec after(int64_t ms)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / MS_PER_S);
	until.tv_nsec += (long)(ms % MS_PER_S) * NS_PER_MS;
	until.tv_sec += until.tv_nsec / (MS_PER_S * NS_PER_MS);
	until.tv_nsec %= MS_PER_S * NS_PER_MS;
	return until;
}

/* Until something is to be done. Who waits is served at once; after a failure, after a rest. false:
 * the end. */
static bool pause_between(struct anchoring *anchoring, bool well)
{
	struct timespec until = after(well ? LOOK_MS : RETRY_MS);
	LOCK_SCOPE(&anchoring->lock);
	while (!anchoring->stopping && !(well && anchoring->asked))
		if (pthread_cond_timedwait(&anchoring->wake, &anchoring->lock, &until) == ETIMEDOUT)
			break;
	anchoring->asked = false;
	return !anchoring->stopping;
}

/* distrust.h: nothing is changed any more. Who waits learns it in wait_for(). */
static bool is_over(struct anchoring *anchoring)
{
	if (!distrust_holds(&anchoring->service->distrust))
		return false;
	LOCK_SCOPE(&anchoring->lock);
	(void)pthread_cond_broadcast(&anchoring->tried);
	return true;
}

static void *serve(void *arg)
{
	struct anchoring *anchoring = (struct anchoring *)arg;
	for (bool well = true; pause_between(anchoring, well);) {
		distrust_settle(anchoring->service);
		if (is_over(anchoring))
			continue;
		if (now_ms(anchoring) - anchoring->head_saved_ms >= HEAD_EVERY_MS) {
			save_head(anchoring);
			look_at_token(anchoring);
		}
		well = anchor_all(anchoring, service_deadline_ms(anchoring->service));
	}
	if (is_over(anchoring))
		return NULL;
	save_head(anchoring);
	if (!anchor_all(anchoring, now_ms(anchoring) + STOP_MS))
		log_event(LOG_WARNING, "anchor.left_behind",
			  LOG_TEXT("effect", "the next start anchors what is left"));
	return NULL;
}

/* ---- from outside ---- */

static struct err make_locks(struct anchoring *anchoring)
{
	pthread_condattr_t attributes;
	(void)pthread_mutex_init(&anchoring->lock, NULL);
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&anchoring->wake, &attributes);
	(void)pthread_cond_init(&anchoring->tried, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return OK;
}

NODISCARD struct err anchoring_start(struct service *service, struct anchoring **out)
{
	CLEANUP(anchoring_stop) struct anchoring *anchoring = NULL;
	if (service->options.manifest.ops == NULL)
		return OK;
	TRY(MEM_NEW(&anchoring));
	anchoring->service = service;
	anchoring->committed = anchoring->anchored = service->anchored;
	anchoring->last = anchoring->head = OK;
	anchoring->stored = service->audit_head;
	anchoring->head_saved_ms = now_ms(anchoring);
	TRY(make_locks(anchoring));
	int failed = pthread_create(&anchoring->thread, NULL, serve, anchoring);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	anchoring->running = true;
	*out = TAKE(anchoring);
	return OK;
}

static void end_thread(struct anchoring *anchoring)
{
	pthread_mutex_lock(&anchoring->lock);
	anchoring->stopping = true;
	(void)pthread_cond_signal(&anchoring->wake);
	pthread_mutex_unlock(&anchoring->lock);
	(void)pthread_join(anchoring->thread, NULL);
}

void anchoring_stop(struct anchoring **anchoring)
{
	if (*anchoring == NULL)
		return;
	if ((*anchoring)->running)
		end_thread(*anchoring);
	(void)pthread_cond_destroy(&(*anchoring)->wake);
	(void)pthread_cond_destroy(&(*anchoring)->tried);
	(void)pthread_mutex_destroy(&(*anchoring)->lock);
	mem_free(TAKE(*anchoring));
}

static struct err wait_for(struct anchoring *anchoring, const struct kms_mark *target,
			   const struct timespec *until)
{
	while (!anchor_covers(&anchoring->anchored, target)) {
		TRY(distrust_check(anchoring->service));
		if (pthread_cond_timedwait(&anchoring->tried, &anchoring->lock, until) != ETIMEDOUT)
			continue;
		return err_failed(anchoring->last) ? anchoring->last : ERR(E_HSM_TIMEOUT);
	}
	return OK;
}

NODISCARD struct err anchoring_wait(struct anchoring *anchoring)
{
	struct kms_mark target = {0};
	if (anchoring == NULL)
		return OK;
	const struct kms_manifest *manifest = &anchoring->service->options.manifest;
	TRY(manifest->ops->mark(manifest->self, &target));
	int64_t left_ms = service_deadline_ms(anchoring->service) - now_ms(anchoring);
	const struct timespec until = after(MAX_OF(left_ms, INT64_C(0)));
	LOCK_SCOPE(&anchoring->lock);
	anchoring->asked = true;
	(void)pthread_cond_signal(&anchoring->wake);
	return wait_for(anchoring, &target, &until);
}

void anchoring_report(struct anchoring *anchoring, struct anchoring_report *out)
{
	*out = (struct anchoring_report){.last = OK, .head = OK};
	if (anchoring == NULL)
		return;
	out->refused = survey_refused(anchoring->service);
	LOCK_SCOPE(&anchoring->lock);
	out->committed = anchoring->committed;
	out->anchored = anchoring->anchored;
	out->last = anchoring->last;
	out->head = anchoring->head;
	out->stored = anchoring->stored;
	if (anchoring->behind_since_ms != 0)
		out->behind_ms = now_ms(anchoring) - anchoring->behind_since_ms;
}
