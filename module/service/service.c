/* SPDX-License-Identifier: Apache-2.0 */
/* Start, stop and the entrance of calls. Their way: pipeline.c. */
#include "service/service.h"

#include <errno.h>
#include <time.h>

#include "base/entropy.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "codec/uuid.h"
#include "service/aliases.h"
#include "service/anchoring.h"
#include "service/audit_tail.h"
#include "service/budget.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/grants.h"
#include "service/key_facts.h"
#include "service/key_numbers.h"
#include "service/key_rotation.h"
#include "service/key_uses.h"
#include "service/keyring.h"
#include "service/last_use.h"
#include "service/outbox.h"
#include "service/pipeline.h"
#include "service/pool.h"
#include "service/readiness.h"
#include "service/refused.h"
#include "service/reply.h"
#include "service/scheduler.h"
#include "service/subjects.h"

#define BLOCKING_THREADS_DEFAULT 4
#define CALLS_MAX_DEFAULT 4096
#define TOKEN_TIMEOUT_DEFAULT_MS 5000
#define KEYS_CACHED_DEFAULT 20000
#define DIRECT_MESSAGES_DEFAULT (UINT64_C(1) << 31)
#define DIRECT_BLOCK_DEFAULT (UINT64_C(1) << 16)
#define DUE_INTERVAL_DEFAULT_MS 1000
#define DUE_SHARE_DEFAULT_PERCENT 10
#define BLOCKS_LEAST 4 /* a message budget is reserved in at least so many blocks */
#define BUDGET_LEFT 8  /* of the message budget, one part in so many is left for the rotation */

#define DEFAULT(field, value) ((field) = (field) != 0 ? (field) : (value))

static void fill_defaults(struct service_options *options)
{
	DEFAULT(options->blocking_threads, BLOCKING_THREADS_DEFAULT);
	DEFAULT(options->calls_max, CALLS_MAX_DEFAULT);
	DEFAULT(options->token_timeout_ms, TOKEN_TIMEOUT_DEFAULT_MS);
	DEFAULT(options->keys_cached_max, KEYS_CACHED_DEFAULT);
	DEFAULT(options->direct_messages_max, DIRECT_MESSAGES_DEFAULT);
	DEFAULT(options->direct_block, DIRECT_BLOCK_DEFAULT);
	DEFAULT(options->due_interval_ms, DUE_INTERVAL_DEFAULT_MS);
	DEFAULT(options->due_share_percent, DUE_SHARE_DEFAULT_PERCENT);
	if (options->rotation.managed_days == 0)
		DEFAULT(options->rotation.on_demand_max, KMS_ROTATION_ON_DEMAND_MAX_DEFAULT);
	DEFAULT(options->rotation.managed_days, KMS_ROTATION_MANAGED_DAYS_DEFAULT);
	uint64_t most = options->direct_messages_max;
	DEFAULT(options->rotation.budget_force, most - most / BUDGET_LEFT);
	/* Else the first block of a version would force its rotation already. */
	options->direct_block = MIN_OF(options->direct_block, MAX_OF(most / BLOCKS_LEAST, 1u));
}

/* On the keyring's thread. */
static void store_changed(void *user)
{
	struct service *service = (struct service *)user;
	credentials_drop(service->credentials);
	aliases_drop_all(service->aliases);
	key_facts_drop_all(service->key_facts);
	grants_drop_all(service->grants);
	subjects_drop_all(service->subjects);
}

/* At once, on the thread of the call that noticed, whose own message is paid for: a backlog of
 * other due work, and the rests from it, could last longer than what is left of the budget. When
 * that fails, the next reservation tries again, and so does the scheduler. */
static void budget_is_low(void *user, const struct kms_scope *scope,
			  const struct kms_key_id *key_id)
{
	struct service *service = (struct service *)user;
	unsigned rotated = 0;
	if (service_is_stopping(service) || distrust_holds(&service->distrust))
		return;
	struct err e = key_rotation_run(service, scope, key_id, &rotated);
	if (!err_failed(e))
		return;
	log_event(LOG_WARNING, "budget.not_rotated", LOG_ERR(e));
	scheduler_wake(service->scheduler);
}

static struct err start_memory(struct service *service)
{
	const struct service_options *options = &service->options;
	const struct credentials_options credentials = {
		.hsm = options->hsm,
		.identities = options->identities,
		.installation = options->installation,
		.token_timeout_ms = options->token_timeout_ms,
		.clock = options->clock,
	};
	const struct budget_options budget = {
		.store = options->store,
		.messages_max = options->direct_messages_max,
		.block = options->direct_block,
		.versions_max = options->keys_cached_max,
		.low_at = options->rotation.budget_force,
		.low = budget_is_low,
		.user = service,
	};
	const struct aliases_options aliases = {
		.catalog = options->catalog,
		.aliases_max = options->keys_cached_max,
	};
	const struct key_facts_options facts = {.catalog = options->catalog};
	const struct grants_options grants = {.store = options->grants};
	const struct subjects_options subjects = {
		.identities = options->identities,
		.partition = service->options.installation.scope.partition,
	};
	const struct keyring_options keyring = {
		.store = options->store,
		.scope = options->installation.scope,
		.keys_max = options->keys_cached_max,
		.changed = store_changed,
		.user = service,
	};
	TRY(credentials_new(&credentials, &service->credentials));
	TRY(budget_new(&budget, &service->budget));
	TRY(refused_new(&service->refused));
	TRY(key_numbers_new(&service->key_numbers));
	TRY(aliases_new(&aliases, &service->aliases));
	TRY(key_facts_new(&facts, &service->key_facts));
	TRY(grants_new(&grants, &service->grants));
	TRY(subjects_new(&subjects, &service->subjects));
	return keyring_open(&keyring, &service->keyring);
}

static struct err open_clock_trust(struct service *service)
{
	const struct clock_trust_options options = {.agenda = service->options.agenda,
						    .clock = service->options.clock};
	return clock_trust_open(&options, &service->clock_trust);
}

static struct err start_threads(struct service *service)
{
	const struct pool_options pool = {
		.threads = service->options.blocking_threads,
		.queue_max = service->options.calls_max,
		.run = pipeline_run_blocking,
	};
	TRY(pool_start(&pool, &service->pool));
	const struct last_use_options last_use = {
		.catalog = service->options.catalog,
		.keys_max = service->options.keys_cached_max,
	};
	TRY(outbox_start(&service->options.store, &service->outbox));
	TRY(last_use_start(&last_use, &service->last_use));
	const struct key_uses_options key_uses = {.identities = service->options.identities};
	TRY(key_uses_start(&key_uses, &service->key_uses));
	TRY(anchoring_start(service, &service->anchoring));
	TRY(readiness_start(service, &service->readiness));
	return scheduler_start(service, &service->scheduler);
}

NODISCARD struct err service_start(const struct service_options *options, struct service **out)
{
	CLEANUP(service_stop) struct service *service = NULL;
	TRY(MEM_NEW(&service));
	service->options = *options;
	fill_defaults(&service->options);
	measure_init(&service->measure);
	(void)pthread_mutex_init(&service->lock, NULL);
	(void)pthread_mutex_init(&service->identity_lock, NULL);
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return ERR(E_NOMEM);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&service->answered, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	service->started_ms = clock_steady_ms(options->clock);
	service->sealer = (struct service_sealer){.hsm = options->hsm,
						  .key = options->installation.row_seal,
						  .timeout_ms = service->options.token_timeout_ms,
						  .clock = options->clock};
	TRY(entropy_fill(service->owner, sizeof service->owner));
	TRY(anchoring_check(service)); /* nothing of the store is believed before */
	TRY(audit_tail_tell(service));
	audit_log_sign(options->audit); /* it has the line that the store remembers */
	TRY(start_memory(service));
	TRY(open_clock_trust(service));
	TRY(start_threads(service));
	*out = TAKE(service);
	return OK;
}

static void stop_by(struct service *service, uint32_t timeout_ms)
{
	atomic_store(&service->stop_by_ms, clock_steady_ms(service->options.clock) + timeout_ms);
}

static void wait_for_calls(struct service *service)
{
	if (!service_is_stopping(service))
		stop_by(service, service->options.token_timeout_ms);
	LOCK_SCOPE(&service->lock);
	service->draining = true;
	while (service->under_way > 0)
		(void)pthread_cond_wait(&service->answered, &service->lock);
}

void service_stop(struct service **service)
{
	if (*service == NULL)
		return;
	wait_for_calls(*service); /* each ends: the token has deadlines, the audit log answers */
	scheduler_stop(&(*service)->scheduler);
	stop_by(*service, 0); /* what is left to do can be done after the next start */
	readiness_stop(&(*service)->readiness);
	pool_stop(&(*service)->pool);
	outbox_stop(&(*service)->outbox);
	last_use_stop(&(*service)->last_use);
	key_uses_stop(&(*service)->key_uses);
	clock_trust_close(&(*service)->clock_trust);
	anchoring_stop(&(*service)->anchoring); /* behind everything that commits */
	keyring_close(&(*service)->keyring);
	key_facts_free(&(*service)->key_facts);
	subjects_free(&(*service)->subjects);
	aliases_free(&(*service)->aliases);
	grants_free(&(*service)->grants);
	refused_free(&(*service)->refused);
	key_numbers_free(&(*service)->key_numbers);
	budget_free(&(*service)->budget);
	credentials_free(&(*service)->credentials);
	(void)pthread_cond_destroy(&(*service)->answered);
	(void)pthread_mutex_destroy(&(*service)->lock);
	(void)pthread_mutex_destroy(&(*service)->identity_lock);
	mem_free(TAKE(*service));
}

NODISCARD struct err service_token_call(struct service *service, struct hsm_op *op)
{
	op->deadline_ms = service_deadline_ms(service);
	return hsm_call(service->options.hsm, op);
}

void service_set_calls_max(struct service *service, uint32_t calls_max)
{
	pool_set_queue_max(service->pool, calls_max);
	LOCK_SCOPE(&service->lock);
	service->options.calls_max = calls_max;
}

void service_set_due_pace(struct service *service, uint32_t interval_ms, uint32_t share_percent)
{
	scheduler_set_pace(service->scheduler, interval_ms, share_percent);
}

NODISCARD struct err service_clock_trusted(struct service *service, int64_t *now_ms)
{
	return clock_trust_check(service->clock_trust, now_ms);
}

NODISCARD struct err service_outbox_oldest(struct service *service, int64_t *ms)
{
	return outbox_oldest(&service->options.store, ms);
}

static struct err admit(struct service *service)
{
	LOCK_SCOPE(&service->lock);
	REQUIRE(!service->draining, E_CANCELLED);
	REQUIRE(service->under_way < service->options.calls_max, E_BUSY);
	service->under_way++;
	metric_set(METRIC_REQUESTS_UNDER_WAY, 0, 0, service->under_way);
	service->calls++;
	return OK;
}

void service_call_ended(struct service *service, bool failed)
{
	LOCK_SCOPE(&service->lock);
	service->under_way--;
	metric_set(METRIC_REQUESTS_UNDER_WAY, 0, 0, service->under_way);
	service->failures += failed;
	(void)pthread_cond_broadcast(&service->answered);
}

/* Neither admitted nor audited: too many at once, or the end is near. */
static void turn_away(struct call *call, struct err why)
{
	call->work->failure = why;
	reply_refuse(call->work);
	measure_call(call->work);
	call->reply(call);
}

void service_handle(struct service *service, struct call *call)
{
	struct call_work *work = call->work;
	work->service = service;
	work->time_ms = clock_real_ms(service->options.clock);
	work->began_ns = metric_now_ns();
	struct err e = uuid_make(call->request_id);
	LOG_REQUEST_SCOPE(call->request_id);
	if (!err_failed(e))
		e = uuid_make(work->event_id);
	if (!err_failed(e))
		e = admit(service);
	if (err_failed(e))
		turn_away(call, e);
	else
		pipeline_run(work);
}

bool service_drain(struct service *service, uint32_t timeout_ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	stop_by(service, timeout_ms);
	LOCK_SCOPE(&service->lock);
	service->draining = true;
	while (service->under_way > 0)
		if (pthread_cond_timedwait(&service->answered, &service->lock, &until) == ETIMEDOUT)
			break;
	return service->under_way == 0;
}

NODISCARD struct err service_ready(struct service *service)
{
	struct readiness_report report;
	readiness_read(service->readiness, &report);
	return report.overall;
}
