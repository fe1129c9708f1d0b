/* SPDX-License-Identifier: Apache-2.0 */
/* One round of due work: what is due, in which order, one act after the other, and what becomes of
 * those that fail. */
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "service/core.h"
#include "service/key_deletion.h"
#include "service/key_rotation.h"
#include "service/scheduler_local.h"

#define PAGE_MAX 100
#define FAILURES_MAX 100             /* looked at for the worst */
#define RETRY_FIRST_MS INT64_C(5000) /* after the first failure, doubled with each */
#define RETRY_MAX_MS (INT64_C(60) * 60 * 1000)
#define RETRY_DOUBLINGS_MAX 10

/* ---- the kinds ---- */

static struct err rotate(struct service *service, const struct kms_due *due, unsigned *done)
{
	return key_rotation_run(service, &due->scope, &due->key_id, done);
}

static struct err delete_key(struct service *service, const struct kms_due *due, unsigned *done)
{
	bool ended = false;
	struct err e = key_deletion_run(service, &due->scope, &due->key_id, &ended);
	*done = ended;
	return e;
}

static struct err expire(struct service *service, const struct kms_due *due, unsigned *done)
{
	bool ended = false;
	struct err e = key_expiry_run(service, &due->scope, &due->key_id, due->number, &ended);
	*done = ended;
	return e;
}

/* *done says what was done, of an act that fails in the end, too. */
static struct err (*const acts[KMS_DUE_COUNT])(struct service *service, const struct kms_due *due,
					       unsigned *done) = {
	[KMS_DUE_ROTATION] = rotate,
	[KMS_DUE_DELETION] = delete_key,
	[KMS_DUE_EXPIRY] = expire,
};

/* ---- what is due ---- */

static struct kms_due_query query_of(const struct scheduler *scheduler, enum kms_due_kind kind)
{
	const struct service *service = scheduler->service;
	struct kms_due_query query = {
		.kind = kind,
		.now_ms = clock_real_ms(service->options.clock),
		.rules = service->options.rotation,
		.limit = PAGE_MAX,
	};
	mem_copy(query.owner, sizeof query.owner, service->owner, sizeof service->owner);
	return query;
}

static void publish(enum kms_due_kind kind, const struct kms_due_count *count, int64_t now_ms)
{
	int64_t since_ms = count->since_ms != 0 ? now_ms - count->since_ms : 0;
	metric_set(METRIC_DUE, kind, 0, count->due);
	metric_set(METRIC_DUE_OLDEST, kind, 0, (uint64_t)MAX_OF(since_ms / 1000, INT64_C(0)));
	metric_set(METRIC_DUE_FAILING, kind, 0, count->failed);
}

/* What was due a while ago already is late. */
static struct err count_kind(struct scheduler *scheduler, enum kms_due_kind kind,
			     struct kms_due_count *count, uint64_t *late)
{
	const struct kms_agenda *agenda = &scheduler->agenda;
	struct kms_due_query query = query_of(scheduler, kind);
	struct kms_due_count before = {0};
	TRY(agenda->ops->due_count(agenda->self, &query, count));
	publish(kind, count, query.now_ms);
	query.now_ms -= SCHEDULER_LATE_MS;
	if (count->due > 0 && count->since_ms <= query.now_ms)
		TRY(agenda->ops->due_count(agenda->self, &query, &before));
	*late = before.due;
	return OK;
}

static struct err find_worst(const struct scheduler *scheduler, struct kms_due_failure *worst)
{
	const struct kms_agenda *agenda = &scheduler->agenda;
	CLEANUP(mem_free_at) struct kms_due_failure *failures = NULL;
	size_t count = 0;
	TRY(agenda->ops->failures(agenda->self, FAILURES_MAX, &failures, &count));
	for (size_t i = 0; i < count; i++)
		if (failures[i].attempts > worst->attempts)
			*worst = failures[i];
	return OK;
}

static struct err count_all(struct scheduler *scheduler, struct scheduler_report *now)
{
	uint64_t failed = 0;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		TRY(count_kind(scheduler, kind, &now->kinds[kind], &now->late[kind]));
		failed += now->kinds[kind].failed;
	}
	return failed > 0 ? find_worst(scheduler, &now->worst) : OK;
}

void due_work_look(struct scheduler *scheduler)
{
	struct scheduler_report now = {.worst = {.attempts = 0}};
	struct err e = count_all(scheduler, &now);
	struct scheduler_report *report = &scheduler->report;
	LOCK_SCOPE(&scheduler->lock);
	if (err_failed(e) && !err_failed(report->store))
		log_event(LOG_WARNING, "due.agenda_unread", LOG_ERR(e));
	report->store = e;
	if (err_failed(e))
		return;
	report->worst = now.worst;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		report->kinds[kind] = now.kinds[kind];
		report->late[kind] = now.late[kind];
		report->held[kind] = now.kinds[kind].due > 0 ? report->held[kind] : OK;
	}
}

/* ---- the end of an act ---- */

/* Told when it begins, not at each look. */
static void hold(struct scheduler *scheduler, enum kms_due_kind kind, struct err e)
{
	bool ends = scheduler_is_stopping(scheduler);
	LOCK_SCOPE(&scheduler->lock);
	if (!err_failed(scheduler->report.held[kind]) && !ends)
		log_event(LOG_WARNING, "due.put_off", LOG_TEXT("kind", kms_due_name(kind)),
			  LOG_ERR(e));
	scheduler->report.held[kind] = e;
}

static void count_done(struct scheduler *scheduler, enum kms_due_kind kind, unsigned done)
{
	metric_add(METRIC_DUE_DONE, kind, 0, done);
	LOCK_SCOPE(&scheduler->lock);
	scheduler->report.done[kind] += done;
	scheduler->report.held[kind] = OK;
}

static void count_failed(struct scheduler *scheduler, const struct kms_due *due, uint32_t attempts,
			 struct err e)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&due->key_id, id);
	metric_add(METRIC_DUE_FAILURES, due->kind, 0, 1);
	log_event(LOG_WARNING, "due.failed", LOG_TEXT("kind", kms_due_name(due->kind)),
		  LOG_TEXT("key", id), LOG_NUMBER("attempt", attempts), LOG_ERR(e));
	LOCK_SCOPE(&scheduler->lock);
	scheduler->report.failed[due->kind]++;
	scheduler->report.held[due->kind] = OK; /* it was tried */
}

static int64_t retry_after_ms(uint32_t attempts)
{
	return MIN_OF(RETRY_FIRST_MS << MIN_OF(attempts, (uint32_t)RETRY_DOUBLINGS_MAX),
		      RETRY_MAX_MS);
}

/* Tried again later, each time later. What the store does not note is tried in the next round. */
static void fail(struct scheduler *scheduler, const struct kms_due *due, struct err e)
{
	const struct kms_agenda *agenda = &scheduler->agenda;
	const struct kms_claim *claim = &scheduler->claim;
	uint32_t attempts = 0;
	(void)!err_failed(agenda->ops->claim_attempts(agenda->self, claim, &attempts));
	int64_t retry_ms =
		clock_real_ms(scheduler->service->options.clock) + retry_after_ms(attempts);
	struct err noted = agenda->ops->claim_fail(agenda->self, claim, retry_ms, err_name(e));
	if (err_failed(noted))
		log_event(LOG_WARNING, "due.failure_not_noted", LOG_ERR(noted));
	count_failed(scheduler, due, attempts + 1, e);
}

/* A claim that stays ends with its lease. */
static void release(struct scheduler *scheduler)
{
	const struct kms_agenda *agenda = &scheduler->agenda;
	struct err e = agenda->ops->claim_end(agenda->self, &scheduler->claim);
	if (err_failed(e))
		log_event(LOG_WARNING, "due.claim_not_ended", LOG_ERR(e));
}

static bool is_same(const struct kms_due *a, const struct kms_due *b)
{
	return a->kind == b->kind && a->number == b->number &&
	       kms_key_id_equal(&a->key_id, &b->key_id);
}

static bool parts_answer(struct service *service)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_PROBE};
	uint64_t count = 0;
	return audit_log_healthy(service->options.audit) &&
	       !err_failed(service_token_call(service, &op)) &&
	       !err_failed(store->ops->change_count(store->self, &count));
}

/* Whether what every act needs is away. An act that says so twice in a row, while token, store and
 * audit log answer, is at fault itself and must not hold up the others. */
static bool is_away(struct scheduler *scheduler, const struct kms_due *due, struct err e)
{
	bool away =
		err_category(e) == ERR_UNAVAILABLE || err_is(e, E_STORE_BUSY) || err_is(e, E_BUSY);
	if (!away || scheduler_is_stopping(scheduler))
		return away;
	return !is_same(&scheduler->stumbled, due) || !parts_answer(scheduler->service);
}

static void stumble(struct scheduler *scheduler, const struct kms_due *due, struct err e)
{
	scheduler->stumbled = *due;
	scheduler->stumbles++;
	hold(scheduler, due->kind, e);
}

static void go_on(struct scheduler *scheduler)
{
	scheduler->stumbled = (struct kms_due){.number = 0};
	scheduler->stumbles = 0;
}

/* ---- one act ---- */

/* What the kinds of one round have. */
struct agenda_page {
	struct kms_due *list;
	size_t count;
	bool held; /* the rest waits for another round */
};

struct round {
	struct scheduler *scheduler;
	struct agenda_page pages[KMS_DUE_COUNT];
	uint64_t done;
	bool ended; /* before everything was tried */
};

static void round_cleanup(struct round *round)
{
	for (size_t kind = 0; kind < KMS_DUE_COUNT; kind++)
		mem_free(round->pages[kind].list);
}

/* Whether an act may begin at all. */
static struct err check_parts(struct scheduler *scheduler)
{
	const struct service *service = scheduler->service;
	struct hsm_status token;
	REQUIRE(!scheduler_is_stopping(scheduler), E_CANCELLED);
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	hsm_status(service->options.hsm, &token);
	REQUIRE(token.condition == HSM_UP, E_HSM_AWAY);
	return OK;
}

static struct err claim(struct scheduler *scheduler, const struct kms_due *due)
{
	const struct service *service = scheduler->service;
	const struct kms_agenda *agenda = &scheduler->agenda;
	int64_t now_ms = clock_real_ms(service->options.clock);
	scheduler->claim = (struct kms_claim){
		.kind = due->kind,
		.scope = due->scope,
		.key_id = due->key_id,
		.number = due->number,
		.lease_ms = now_ms + scheduler_lease_ms(scheduler),
	};
	mem_copy(scheduler->claim.owner, sizeof scheduler->claim.owner, service->owner,
		 sizeof service->owner);
	scheduler->claimed_ms = clock_steady_ms(service->options.clock);
	return agenda->ops->claim_take(agenda->self, &scheduler->claim, now_ms);
}

static void settle(struct round *round, const struct kms_due *due, struct err e)
{
	struct scheduler *scheduler = round->scheduler;
	if (!err_failed(e)) {
		release(scheduler);
		go_on(scheduler);
	} else if (err_is(e, E_CLOCK_UNTRUSTED)) { /* of this kind all would say so */
		release(scheduler);
		hold(scheduler, due->kind, e);
		round->pages[due->kind].held = true;
	} else if (is_away(scheduler, due, e)) {
		release(scheduler);
		stumble(scheduler, due, e);
		round->ended = true;
	} else {
		fail(scheduler, due, e);
		go_on(scheduler);
	}
}

static void do_one(struct round *round, const struct kms_due *due)
{
	struct scheduler *scheduler = round->scheduler;
	unsigned done = 0;
	scheduler->busy_from_ms = clock_steady_ms(scheduler->service->options.clock);
	struct err e = acts[due->kind](scheduler->service, due, &done);
	if (done > 0)
		count_done(scheduler, due->kind, done);
	round->done += done;
	settle(round, due, e);
	scheduler->claim.kind = 0;
	if (err_failed(scheduler_rest(scheduler)))
		round->ended = true;
}

static void try_one(struct round *round, const struct kms_due *due)
{
	struct scheduler *scheduler = round->scheduler;
	struct err e = check_parts(scheduler);
	if (!err_failed(e))
		e = claim(scheduler, due);
	/* Somebody else is at it, or has ended it. */
	if (err_is(e, E_STORE_CONFLICT) || err_is(e, E_NOT_FOUND))
		return;
	round->ended = err_failed(e);
	if (round->ended)
		hold(scheduler, due->kind, e);
	else
		do_one(round, due);
}

/* ---- one round ---- */

/* A list that cannot be read, of rows that nobody sealed, holds up its own kind. */
static void list_all(struct round *round)
{
	const struct kms_agenda *agenda = &round->scheduler->agenda;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		const struct kms_due_query query = query_of(round->scheduler, kind);
		struct agenda_page *page = &round->pages[kind];
		struct err e =
			agenda->ops->due_list(agenda->self, &query, &page->list, &page->count);
		page->held = err_failed(e);
		if (page->held)
			hold(round->scheduler, kind, e);
	}
}

/* The next of each kind; those due longest first. */
static size_t next_of_each(const struct round *round, size_t at,
			   const struct kms_due *out[KMS_DUE_COUNT])
{
	size_t count = 0;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		if (at >= round->pages[kind].count)
			continue;
		const struct kms_due *due = &round->pages[kind].list[at];
		size_t place = count++;
		for (; place > 0 && out[place - 1]->due_ms > due->due_ms; place--)
			out[place] = out[place - 1];
		out[place] = due;
	}
	return count;
}

bool due_work_run(struct scheduler *scheduler)
{
	CLEANUP(round_cleanup) struct round round = {.scheduler = scheduler};
	const struct kms_due *next[KMS_DUE_COUNT];
	bool full = false;
	list_all(&round);
	for (size_t at = 0; at < PAGE_MAX && !round.ended; at++) {
		size_t count = next_of_each(&round, at, next);
		for (size_t i = 0; i < count && !round.ended; i++)
			if (!round.pages[next[i]->kind].held)
				try_one(&round, next[i]);
	}
	for (size_t kind = 0; kind < KMS_DUE_COUNT; kind++)
		full |= round.pages[kind].count == PAGE_MAX && !round.pages[kind].held;
	return full && round.done > 0 && !round.ended;
}
