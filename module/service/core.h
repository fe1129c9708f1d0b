/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct service: what the files of this folder share. */
#ifndef HOLDFAST_SERVICE_CORE_H
#define HOLDFAST_SERVICE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "hsm/hsm.h"
#include "service/distrust.h"
#include "service/measure.h"
#include "service/service.h"
#include "service/survey.h"

struct service {
	struct service_options options; /* defaults filled in */
	uint8_t owner[16];              /* of intents that this process makes */
	int64_t started_ms;             /* steady */
	struct service_sealer sealer;   /* over the row-seal key: list markers */

	struct credentials *credentials;
	struct keyring *keyring;
	struct key_facts *key_facts;
	struct aliases *aliases;
	struct grants *grants;
	struct subjects *subjects;
	struct last_use *last_use;
	struct key_uses *key_uses;
	struct budget *budget;
	struct refused *refused;
	struct key_numbers *key_numbers;
	struct pool *pool;
	_Atomic uint32_t lookups; /* LookupEvents under way: lookup_page.h */
	struct outbox *outbox;
	struct readiness *readiness;
	struct clock_trust *clock_trust;
	struct scheduler *scheduler;
	struct anchoring *anchoring; /* NULL without a manifest */
	struct kms_mark anchored;    /* as anchoring_check() left it */
	struct distrust distrust;
	struct kms_audit_head audit_head; /* as stored; the anchoring thread's, once it runs */
	_Atomic bool reconciled; /* service_reconcile() has ended well: due work may begin */

	pthread_mutex_t lock;
	pthread_cond_t answered;
	uint32_t under_way;
	bool draining;
	uint64_t calls, failures;
	struct measure measure;
	struct survey_summary survey;

	pthread_mutex_t identity_lock; /* one change of identities at a time: identity_change.h */

	_Atomic int64_t stop_by_ms; /* steady; 0: not stopping. The token is not waited for later */
};

/* The deadline of a token operation that begins now. */
static inline int64_t service_deadline_ms(const struct service *service)
{
	int64_t deadline_ms =
		clock_steady_ms(service->options.clock) + service->options.token_timeout_ms;
	int64_t stop_by_ms = atomic_load(&service->stop_by_ms);
	return stop_by_ms != 0 ? MIN_OF(deadline_ms, stop_by_ms) : deadline_ms;
}

static inline bool service_is_stopping(const struct service *service)
{
	return atomic_load(&service->stop_by_ms) != 0;
}

/* An operation on the token, waited for; only where blocking is allowed. */
NODISCARD struct err service_token_call(struct service *service, struct hsm_op *op);

/* A call has been answered. */
void service_call_ended(struct service *service, bool failed);

#endif
