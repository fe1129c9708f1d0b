/* SPDX-License-Identifier: Apache-2.0 */
#include "service/readiness.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/init.h"
#include "service/outbox.h"
#include "service/reconcile.h"

#define INTERVAL_MS 500
#define BELIEVED_MS                                                                              \
	10000            /* how old a report may be; one round may wait for the token's deadline \
			  */
#define SETTLE_ROUNDS 20 /* intents are looked at every so many rounds */

struct readiness {
	struct service *service;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool stopping, running;
	struct readiness_report report;
	int64_t reported_ms; /* steady; 0: never */
};

/* What answers may be another token than at the start: holdfast-token was given another. */
static struct err ask_token(struct service *service)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_PROBE};
	TRY(service_token_call(service, &op));
	return init_check_token(service->options.hsm, &service->options.installation);
}

static struct err ask_store(struct service *service)
{
	uint64_t count = 0;
	const struct kms_store *store = &service->options.store;
	return store->ops->change_count(store->self, &count);
}

static struct err first_failure(const struct service *service,
				const struct readiness_report *report)
{
	TRY(distrust_check(service));
	TRY(report->token);
	TRY(report->store);
	return report->audit;
}

static void ask_all(struct readiness *readiness)
{
	struct service *service = readiness->service;
	struct readiness_report report = {
		.token = ask_token(service),
		.store = ask_store(service),
		.audit = audit_log_healthy(service->options.audit) ? OK : ERR(E_AUDIT)};
	report.overall = first_failure(service, &report);
	LOCK_SCOPE(&readiness->lock);
	bool was_ready = readiness->reported_ms != 0 && !err_failed(readiness->report.overall);
	if (was_ready && err_failed(report.overall))
		log_event(LOG_WARNING, "service.not_ready", LOG_ERR(report.overall));
	else if (!was_ready && !err_failed(report.overall))
		log_event(LOG_INFO, "service.ready", LOG_TEXT("version", HOLDFAST_VERSION));
	readiness->report = report;
	readiness->reported_ms = clock_steady_ms(service->options.clock);
}

static bool pause_between(struct readiness *readiness)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += INTERVAL_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	LOCK_SCOPE(&readiness->lock);
	while (!readiness->stopping)
		if (pthread_cond_timedwait(&readiness->wake, &readiness->lock, &until) == ETIMEDOUT)
			break;
	return !readiness->stopping;
}

static void *serve(void *arg)
{
	struct readiness *readiness = (struct readiness *)arg;
	unsigned round = 0;
	do {
		bool trusts = !distrust_holds(&readiness->service->distrust);
		if (trusts)
			clock_trust_look(readiness->service->clock_trust);
		measure_look(readiness->service);
		ask_all(readiness);
		outbox_append_kept(readiness->service->outbox, readiness->service->options.audit);
		if (++round % SETTLE_ROUNDS == 0 && trusts)
			reconcile_intents(readiness->service);
	} while (pause_between(readiness));
	return NULL;
}

NODISCARD struct err readiness_start(struct service *service, struct readiness **out)
{
	CLEANUP(readiness_stop) struct readiness *readiness = NULL;
	TRY(MEM_NEW(&readiness));
	readiness->service = service;
	readiness->report.overall = ERR(E_HSM_AWAY); /* until the first round has ended */
	(void)pthread_mutex_init(&readiness->lock, NULL);
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&readiness->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	int failed = pthread_create(&readiness->thread, NULL, serve, readiness);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	readiness->running = true;
	*out = TAKE(readiness);
	return OK;
}

static void end_thread(struct readiness *readiness)
{
	pthread_mutex_lock(&readiness->lock);
	readiness->stopping = true;
	(void)pthread_cond_signal(&readiness->wake);
	pthread_mutex_unlock(&readiness->lock);
	(void)pthread_join(readiness->thread, NULL);
}

void readiness_stop(struct readiness **readiness)
{
	if (*readiness == NULL)
		return;
	if ((*readiness)->running)
		end_thread(*readiness);
	(void)pthread_cond_destroy(&(*readiness)->wake);
	(void)pthread_mutex_destroy(&(*readiness)->lock);
	mem_free(TAKE(*readiness));
}

void readiness_read(struct readiness *readiness, struct readiness_report *out)
{
	LOCK_SCOPE(&readiness->lock);
	*out = readiness->report;
	int64_t age_ms =
		clock_steady_ms(readiness->service->options.clock) - readiness->reported_ms;
	if (readiness->reported_ms != 0 && age_ms > BELIEVED_MS)
		out->overall = ERR(E_HSM_TIMEOUT);
	/* At once, and whatever the others say. */
	struct err distrusted = distrust_check(readiness->service);
	if (err_failed(distrusted))
		out->overall = distrusted;
}
