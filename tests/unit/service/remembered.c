/* SPDX-License-Identifier: Apache-2.0 */
#include "remembered.h"

#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "the_world.h"

#define TIMEOUT_MS 400

struct remembered remembered = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct kms_mark mark_of(uint64_t epoch)
{
	struct kms_mark mark = {.epoch = epoch};
	memset(mark.digest, (int)(epoch % 251) + 1, sizeof mark.digest);
	return mark;
}

void remembered_begin(void)
{
	LOCK_SCOPE(&remembered.lock);
	const pthread_mutex_t kept = remembered.lock;
	remembered = (struct remembered){.mark = mark_of(7), .anchor = mark_of(7)};
	remembered.lock = kept;
}

struct kms_mark remembered_commit(void)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.mark = mark_of(remembered.mark.epoch + 1);
	return remembered.mark;
}

static struct err key_update(void *self, const struct kms_key *changed,
			     const struct kms_outbox_record *outbox)
{
	TRY(store_sqlite_keys(world.first.store).ops->key_update(self, changed, outbox));
	(void)remembered_commit();
	return OK;
}

void remembered_commit_keys(struct kms_store_ops *ops)
{
	ops->key_update = key_update;
}

void remembered_overtake(uint64_t commits)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.anchor = mark_of(remembered.anchor.epoch + commits);
	remembered.others = commits;
}

/* ---- the manifest ---- */

static struct err survey(UNUSED void *self, const struct kms_survey_options *options,
			 struct kms_survey *out)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.surveys++;
	out->verdict = remembered.verdict == E_OK ? OK : ERR((uint16_t)remembered.verdict);
	if (!err_failed(out->verdict) && remembered.mark.epoch < options->anchor.epoch)
		out->verdict = ERR(E_STORE_ROLLED_BACK);
	out->mark = remembered.mark;
	out->anchor = options->anchor;
	out->rows = 42;
	out->found = remembered.found;
	out->finding_count = MIN_OF(remembered.found, (uint64_t)ARRAY_LEN(remembered.findings));
	TRY(MEM_NEW_ARRAY(ARRAY_LEN(remembered.findings), &out->findings));
	mem_copy(out->findings, sizeof remembered.findings, remembered.findings,
		 sizeof remembered.findings);
	options->progress(options->user, 21, 42);
	return OK;
}

static struct err mark(UNUSED void *self, struct kms_mark *out)
{
	LOCK_SCOPE(&remembered.lock);
	*out = remembered.mark;
	return OK;
}

static bool denies(UNUSED void *self, const struct kms_mark *asked)
{
	LOCK_SCOPE(&remembered.lock);
	const struct kms_mark own = mark_of(asked->epoch);
	return asked->epoch <= remembered.mark.epoch &&
	       !mem_equal(own.digest, asked->digest, sizeof own.digest);
}

static struct err doubt(UNUSED void *self)
{
	LOCK_SCOPE(&remembered.lock);
	enum err_code code = remembered.doubt;
	remembered.doubt = E_OK;
	return code == E_OK ? OK : ERR((uint16_t)code);
}

static void freeze(UNUSED void *self)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.frozen = true;
}

static struct err begin(UNUSED void *self)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.begun++;
	if (remembered.begin != E_OK)
		return ERR((uint16_t)remembered.begin);
	remembered.mark = mark_of(1);
	remembered.verdict = E_OK;
	remembered.found = 0;
	return OK;
}

static struct err head_load(UNUSED void *self, const char *log, struct kms_audit_head *out)
{
	LOCK_SCOPE(&remembered.lock);
	assert_string_equal(log, "audit");
	remembered.mark = mark_of(remembered.mark.epoch + remembered.others);
	remembered.others = 0;
	if (!remembered.has_head)
		return ERR(E_NOT_FOUND);
	*out = remembered.head;
	return OK;
}

static struct err head_save(UNUSED void *self, const struct kms_audit_head *head)
{
	LOCK_SCOPE(&remembered.lock);
	uint64_t stored = remembered.has_head ? remembered.head.revision : 0;
	if (head->revision != stored + 1)
		return ERR(E_STORE_CONFLICT);
	remembered.head = *head;
	remembered.has_head = true;
	remembered.heads_saved++;
	remembered.mark = mark_of(remembered.mark.epoch + 1);
	return OK;
}

static const struct kms_manifest_ops ops = {.survey = survey,
					    .mark = mark,
					    .denies = denies,
					    .doubt = doubt,
					    .freeze = freeze,
					    .begin = begin,
					    .head_load = head_load,
					    .head_save = head_save};

/* ---- the audit log ---- */

void __wrap_audit_log_point(struct audit_log *log, struct audit_point *out);
struct err __wrap_audit_log_has_point(const char *directory, const struct audit_point *wanted,
				      bool *found);

void __wrap_audit_log_point(UNUSED struct audit_log *log, struct audit_point *out)
{
	LOCK_SCOPE(&remembered.lock);
	*out = remembered.point;
}

struct err __wrap_audit_log_has_point(const char *directory, const struct audit_point *wanted,
				      bool *found)
{
	LOCK_SCOPE(&remembered.lock);
	assert_non_null(directory);
	assert_string_equal(wanted->chain, remembered.head.chain);
	assert_int_equal(wanted->sequence, remembered.head.sequence);
	*found = !remembered.lacks_point;
	return OK;
}

static void progress(UNUSED void *user, uint64_t done, UNUSED uint64_t all)
{
	remembered.progressed = done;
}

void remembered_adjust(struct service_options *options)
{
	options->manifest = (struct kms_manifest){.ops = &ops};
	options->token_timeout_ms = TIMEOUT_MS;
	options->progress = progress;
}

/* ---- the token ---- */

void __real_hsm_submit(struct hsm *hsm, struct hsm_op *op);
void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op);

static void copy_anchor(struct hsm_op *op)
{
	op->anchor.epoch = remembered.anchor.epoch;
	mem_copy(op->anchor.digest, sizeof op->anchor.digest, remembered.anchor.digest,
		 sizeof remembered.anchor.digest);
}

/* hsm/hsm.h: ANCHOR_RAISE. Under the lock. */
static struct err do_raise(struct hsm_op *op)
{
	if (remembered.forgetful) {
		copy_anchor(op);
		return OK;
	}
	remembered.raises++;
	if (op->anchor.epoch == remembered.anchor.epoch &&
	    memcmp(op->anchor.digest, remembered.anchor.digest, sizeof op->anchor.digest) != 0)
		return ERR(E_HSM_ANCHOR);
	if (op->anchor.epoch > remembered.anchor.epoch) {
		remembered.anchor.epoch = op->anchor.epoch;
		mem_copy(remembered.anchor.digest, sizeof remembered.anchor.digest,
			 op->anchor.digest, sizeof op->anchor.digest);
	}
	copy_anchor(op);
	return OK;
}

static struct err answer(struct hsm_op *op)
{
	LOCK_SCOPE(&remembered.lock);
	assert_int_equal(strncmp(op->anchor.prefix, "holdfast:", 9), 0);
	if (remembered.token != E_OK)
		return ERR((uint16_t)remembered.token);
	if (op->verb == HSM_ANCHOR_RAISE)
		return do_raise(op);
	remembered.reads++;
	copy_anchor(op);
	return OK;
}

static bool keep(struct hsm_op *op)
{
	LOCK_SCOPE(&remembered.lock);
	if (!remembered.held || op->verb != HSM_ANCHOR_RAISE)
		return false;
	remembered.pending = op;
	return true;
}

void __wrap_hsm_submit(struct hsm *hsm, struct hsm_op *op)
{
	if (op->verb != HSM_ANCHOR_READ && op->verb != HSM_ANCHOR_RAISE) {
		__real_hsm_submit(hsm, op);
		return;
	}
	if (!keep(op))
		op->done(op, answer(op));
}

void remembered_set_token(enum err_code code)
{
	LOCK_SCOPE(&remembered.lock);
	remembered.token = code;
}

void remembered_hold(bool held)
{
	struct hsm_op *op = NULL;
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.held = held;
		if (!held)
			op = TAKE(remembered.pending);
	}
	if (op != NULL)
		op->done(op, answer(op));
}

bool remembered_holds(void)
{
	LOCK_SCOPE(&remembered.lock);
	return remembered.pending != NULL;
}

uint64_t remembered_anchor(void)
{
	LOCK_SCOPE(&remembered.lock);
	return remembered.anchor.epoch;
}

unsigned remembered_raises(void)
{
	LOCK_SCOPE(&remembered.lock);
	return remembered.raises;
}

void remembered_await(uint64_t epoch)
{
	for (unsigned i = 0; i < 500 && remembered_anchor() < epoch; i++)
		(void)usleep(10000);
	assert_true(remembered_anchor() >= epoch);
}
