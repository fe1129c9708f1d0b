/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KMS API: RotateKeyOnDemand. Accepting it is the change that this call makes; the rotation itself
 * is tried at once, so that it is done when the reply comes, and is the scheduler's when that
 * fails.
 */
#include "kms/rotation.h"
#include "service/core.h"
#include "service/key_change.h"
#include "service/key_rotatable.h"
#include "service/key_rotation.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/scheduler.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

/* KMS Developer Guide, "Quotas": on-demand rotations, for the life of the key. A key with as many
 * versions as can be loaded has reached its limit, too. */
static struct err check_limit(struct call_work *work, const struct kms_key_full *full)
{
	const struct kms_rotation_rules *rules = &work->service->options.rotation;
	char arn[KMS_KEY_ARN_TEXT];
	if (kms_rotation_on_demand_used(full) < rules->on_demand_max &&
	    full->version_count < KMS_VERSIONS_MAX)
		return OK;
	work_key_arn(work, 0, arn);
	return work_refuse(work, ERR(E_KMS_LIMIT),
			   "The on-demand rotations limit has been reached for the given keyId. "
			   "No more on-demand rotations can be performed for this key: %s",
			   arn);
}

static struct err check_conflict(struct call_work *work, const struct kms_key *key)
{
	const struct kms_rotation_rules *rules = &work->service->options.rotation;
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	if (key->on_demand_ms != 0)
		return work_refuse(work, ERR(E_KMS_CONFLICT),
				   "An on-demand rotation of %s is in progress.", arn);
	if (kms_rotation_is_near(key, rules, work->time_ms))
		return work_refuse(work, ERR(E_KMS_CONFLICT),
				   "An automatic rotation of %s is in progress or scheduled to "
				   "begin within the next 20 minutes.",
				   arn);
	return OK;
}

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	(void)changed;
	TRY(key_rotatable_check(key));
	TRY(check_limit(work, &work->out.made));
	TRY(check_conflict(work, key));
	key->on_demand_ms = work->time_ms;
	return OK;
}

static struct err execute(struct call_work *work)
{
	struct service *service = work->service;
	const struct kms_key *key = &work->out.made.key;
	unsigned rotated;
	TRY(key_change(work, apply));
	/* It is accepted, and cannot be lost: what fails here is not the caller's any more. */
	if (err_failed(key_rotation_run(service, &key->scope, &key->id, &rotated)))
		scheduler_wake(service->scheduler);
	return OK;
}

static void encode(struct call_work *work, struct json_out *out)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&work->out.made.key.id, id);
	json_out_text(out, "KeyId", view_of_text(id));
}

const struct operation op_rotate_key_on_demand = {
	.name = "RotateKeyOnDemand",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ROTATABLE,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:RotateKeyOnDemand", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
	.audit = key_change_audit,
};
