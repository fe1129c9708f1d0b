/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ScheduleKeyDeletion. From now on the key refuses all work; what is due is not done
 * here. */
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_change.h"
#include "service/operation.h"
#include "service/shapes.h"

#define DAYS_MIN 7
#define DAYS_MAX 30 /* also without the member */

/* The model's bounds are wider than the service's own, which have words of their own. */
static const struct schema_shape window = {
	.type = SCHEMA_INTEGER, .has_min = true, .min = 1, .has_max = true, .max = 365};
static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"PendingWindowInDays", &window, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "PendingWindowInDays", NULL};

static const struct operation_condition conditions[] = {
	{AUTH_KMS_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS, "PendingWindowInDays", "30"},
	{0, NULL, NULL},
};

static int64_t days(const struct call_work *work)
{
	return input_integer(work, "PendingWindowInDays", DAYS_MAX);
}

static struct err decode(struct call_work *work)
{
	if (days(work) >= DAYS_MIN && days(work) <= DAYS_MAX)
		return OK;
	return work_refuse(work, ERR(E_VALIDATION), "PendingWindowInDays must be between %d and %d",
			   DAYS_MIN, DAYS_MAX);
}

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	(void)changed;
	TRY(kms_key_move(key, KMS_STATE_PENDING_DELETION));
	key->deletion_ms =
		clock_trust_latest_ms(work->service->clock_trust) + days(work) * KMS_DAY_MS;
	return OK;
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &work->out.made.key;
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	json_out_time(out, "DeletionDate", key->deletion_ms);
	json_out_text(out, "KeyId", view_of_text(arn));
	json_out_text(out, "KeyState", view_of_text(kms_state_name(key->state)));
	json_out_integer(out, "PendingWindowInDays", days(work));
}

static void audit(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &work->out.made.key;
	key_change_audit(work, out);
	json_out_text(out, "keyState", view_of_text(kms_state_name(key->state)));
	json_out_time(out, "deletionDate", key->deletion_ms);
	json_out_integer(out, "pendingWindowInDays", days(work));
}

const struct operation op_schedule_key_deletion = {
	.name = "ScheduleKeyDeletion",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ScheduleKeyDeletion", .member = "KeyId"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = encode,
	.audit = audit,
};
