/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed order of every call:
 *
 *   authenticate → find the operation → trust → decode and validate → resolve keys → authorise →
 *   state and usage → execute → (the token) → anchor → finish → encode → append audit → reply
 *
 * A step is run on whatever thread has the call. One that answers E_WOULD_BLOCK is run again on the
 * pool; the token and the audit log continue the call on threads of theirs. The first failure leads
 * straight to the audit record and the reply. How each looks to a client: errors.c, reply.c.
 */
#include "service/pipeline.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "codec/uuid.h"
#include "service/anchoring.h"
#include "service/authenticate.h"
#include "service/cloudtrail.h"
#include "service/core.h"
#include "service/errors.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/last_use.h"
#include "service/outbox.h"
#include "service/permission.h"
#include "service/pool.h"
#include "service/query.h"
#include "service/reply.h"
#include "service/resolve.h"
#include "service/trail.h"

#define NS_PER_US 1000
#define OPERATION_NAME_MAX 128 /* bytes of a name that are looked at and recorded */

static struct err find_target(struct call_work *work)
{
	static const struct view prefixes[] = {
		[CALL_DOOR_PUBLIC] = {(const uint8_t *)"TrentService.", 13},
		[CALL_DOOR_ADMIN] = {(const uint8_t *)"Holdfast.", 9},
	};
	struct view prefix = prefixes[work->call->door];
	REQUIRE(view_starts_with(work->call->target, prefix), E_UNKNOWN_OPERATION);
	work->operation_name = view_part(work->call->target, prefix.len, OPERATION_NAME_MAX);
	struct err e = operation_find(work->call->door, CALL_PROTOCOL_JSON, work->operation_name,
				      &work->operation);
	if (err_is(e, E_UNSUPPORTED_OPERATION))
		return work_refuse(work, e, "%.*s is not supported.", (int)work->operation_name.len,
				   (const char *)work->operation_name.ptr);
	return e;
}

static struct err find_operation(struct call_work *work)
{
	static struct err (*const find[])(struct call_work * work) = {
		[CALL_PROTOCOL_JSON] = find_target,
		[CALL_PROTOCOL_QUERY] = query_find_operation,
		[CALL_PROTOCOL_CLOUDTRAIL] = cloudtrail_find_operation,
	};
	TRY(find[work->call->protocol](work));
	bool blocks = work->operation->flags & OPERATION_BLOCKS;
	REQUIRE(!blocks || work->may_block, E_WOULD_BLOCK);
	return OK;
}

/* P6: the store, or the token's memory of it, is another's (distrust.h). An operator may still find
 * out what is wrong. */
static struct err trust(struct call_work *work)
{
	struct err e = distrust_check(work->service);
	if (!err_failed(e))
		return OK;
	if (work->call->door != CALL_DOOR_ADMIN)
		return e;
	if (work->operation->read_only)
		return OK;
	return work_refuse(work, e, "%s: %s", err_meaning(e), err_action(e));
}

/* P6: what cannot be recorded is not begun. Reading calls find out when they append. A change may
 * have waited for its turn. */
static struct err execute(struct call_work *work)
{
	if (!work->operation->read_only)
		TRY(trust(work));
	REQUIRE(work->operation->read_only || audit_log_healthy(work->service->options.audit),
		E_AUDIT);
	return work->operation->execute != NULL ? work->operation->execute(work) : OK;
}

/*
 * A change that takes rights away stands once it is committed, and so does its record. It is
 * acknowledged when no older store can give the rights back. Also where nothing was changed: what
 * the caller wanted may have been committed by a call that was not acknowledged.
 */
static struct err anchor(struct call_work *work)
{
	if (!(work->operation->flags & OPERATION_ANCHORED) || work->in.dry_run)
		return OK;
	struct err e = anchoring_wait(work->service->anchoring);
	if (!err_failed(e))
		return OK;
	log_event(LOG_ERROR, "call.not_anchored", LOG_TEXT("operation", work->operation->name),
		  LOG_ERR(e));
	e = ERR_DETAIL(E_NOT_ANCHORED, e.code);
	if (work->call->door == CALL_DOOR_ADMIN)
		return work_refuse(work, e, "%s: %s", err_meaning(e), err_action(e));
	return e;
}

static struct err finish(struct call_work *work)
{
	return work->operation->finish != NULL ? work->operation->finish(work) : OK;
}

/* DryRun comes last: everything has been checked and done, and nothing is handed out. */
static struct err check_dry_run(struct call_work *work)
{
	REQUIRE(!work->in.dry_run, E_KMS_DRY_RUN);
	return OK;
}

static const struct step {
	const char *name;
	struct err (*run)(struct call_work *work);
	bool then_token; /* the step may have left an operation for the token */
} steps[] = {
	{"authenticate", authenticate, false},
	{"find the operation", find_operation, false},
	{"trust", trust, false},
	{"decode and validate", input_decode, false},
	{"resolve keys", resolve_keys, false},
	{"authorise", permission_check, false},
	{"state and usage", permission_check_keys, false},
	{"execute", execute, true},
	{"anchor", anchor, false},
	{"finish", finish, false},
	{"dry run", check_dry_run, false},
	{"encode", reply_encode, false},
};

const char *pipeline_step_name(size_t index)
{
	return index < ARRAY_LEN(steps) ? steps[index].name : NULL;
}

/* KMS API: KeyLastUsageData, of every key that a successful call used. */
static void note_use(const struct call_work *work)
{
	struct kms_last_use use = {.time_ms = work->time_ms};
	if (err_failed(text_copy(use.operation, sizeof use.operation,
				 view_of_text(work->operation->name))) ||
	    err_failed(
		    text_copy(use.event_id, sizeof use.event_id, view_of_text(work->event_id))) ||
	    err_failed(text_copy(use.request_id, sizeof use.request_id,
				 view_of_text(work->call->request_id))))
		return; /* advisory; and no such text is longer than its place */
	for (size_t i = 0; i < WORK_KEYS_MAX; i++) {
		if (work->keys[i] == NULL)
			continue;
		const struct kms_key *key = &keyring_key(work->keys[i])->key;
		use.scope = key->scope;
		use.key_id = key->id;
		last_use_note(work->service->last_use, &use);
	}
}

static void note(const struct call_work *work)
{
	struct view named = work->operation_name;
	log_event(LOG_DEBUG, "call.answered", LOG_VIEW("operation", named),
		  LOG_TEXT("result", err_name(work->failure)),
		  LOG_NUMBER("us", (metric_now_ns() - work->began_ns) / NS_PER_US));
}

/* The last step, after the audit record: the call goes back to its door. */
static void answer(struct call_work *work)
{
	struct service *service = work->service;
	struct call *call = work->call;
	bool failed = err_failed(work->failure);
	if (failed)
		reply_refuse(work);
	else if (work->operation->flags & OPERATION_USES_KEY)
		note_use(work);
	measure_call(work);
	note(work);
	work_cleanup(work);
	call->reply(call); /* call and work are gone from here on */
	service_call_ended(service, failed);
}

/* P3: nothing of the call leaves. An operator, who may have come to ask just that, is told why. */
static void withhold(struct call_work *work, struct err why)
{
	work->failure = ERR_DETAIL(E_AUDIT, why.code);
	buf_clear(&work->message);
	if (work->call->door == CALL_DOOR_ADMIN)
		work->failure = work_refuse(work, work->failure, "%s: %s",
					    err_meaning(work->failure), err_action(work->failure));
}

static void audited(struct audit_entry *entry, struct err result)
{
	struct call_work *work = (struct call_work *)entry->user;
	LOG_REQUEST_SCOPE(work->call->request_id);
	metric_observe_since(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, work->waits_ns);
	if (err_failed(result)) {
		log_event(LOG_ERROR, "call.not_audited", LOG_ERR(result));
		withhold(work, result);
		if (work->committed)
			outbox_keep(work->service->outbox, work->event_id, &work->line);
	} else if (work->committed) {
		outbox_note_done(work->service->outbox, work->event_id);
	}
	answer(work);
}

/*
 * A commit that fails may have happened all the same, and then the store's outbox has the record of
 * the change under the id that it was given. The record of the failure gets another one, or the
 * next start would take it for that of the change and drop the latter.
 */
static struct err write_trail(struct call_work *work)
{
	if (work->committed)
		return OK;
	if (work->offered)
		TRY(uuid_make(work->event_id));
	return trail_write(work);
}

/* Who failed to authenticate is counted, not recorded: junk must not fill the disk. */
static void conclude(struct call_work *work)
{
	if (!work->authenticated) {
		measure_unauthenticated(work->failure);
		audit_log_count_failure(work->service->options.audit, work->call->source_address,
					error_of(work)->type);
		answer(work);
		return;
	}
	struct err e = write_trail(work);
	work->entry =
		(struct audit_entry){.line = buf_view(&work->line), .done = audited, .user = work};
	work->waits_ns = metric_now_ns();
	if (err_failed(e))
		audited(&work->entry, e);
	else
		audit_log_append(work->service->options.audit, &work->entry);
}

static void token_answered(struct hsm_op *op, struct err result)
{
	struct call_work *work = (struct call_work *)op->user;
	metric_observe_since(METRIC_STAGE_TIME, METRIC_STAGE_TOKEN, work->waits_ns);
	work->failure = result;
	pipeline_run(work);
}

static void ask_token(struct call_work *work)
{
	work->op.done = token_answered;
	work->op.user = work;
	work->op.deadline_ms = work_deadline_ms(work);
	work->may_block = false; /* what follows runs on a thread of the token's */
	work->waits_ns = metric_now_ns();
	hsm_submit(work->service->options.hsm, &work->op);
}

/* OK: the pool has it now. A store that is not trusted is not asked who is calling. */
static struct err hand_over(struct call_work *work)
{
	if (!work->authenticated && work->call->door != CALL_DOOR_ADMIN)
		TRY(distrust_check(work->service));
	REQUIRE(pool_put(work->service->pool, work), E_BUSY);
	return OK;
}

/* true: the call is somebody else's now. */
static bool run_step(struct call_work *work)
{
	const struct step *step = &steps[work->step];
	struct err e = step->run(work);
	if (err_is(e, E_WOULD_BLOCK) && !work->may_block) {
		e = hand_over(work);
		if (!err_failed(e))
			return true;
	}
	work->failure = e;
	if (err_failed(e))
		return false;
	work->step++;
	if (!step->then_token || work->op.verb == 0)
		return false;
	ask_token(work);
	return true;
}

void pipeline_run(struct call_work *work)
{
	LOG_REQUEST_SCOPE(work->call->request_id);
	while (!err_failed(work->failure) && work->step < ARRAY_LEN(steps))
		if (run_step(work))
			return;
	conclude(work);
}

void pipeline_run_blocking(struct call_work *work)
{
	work->may_block = true;
	pipeline_run(work);
}
