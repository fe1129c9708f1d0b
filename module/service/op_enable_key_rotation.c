/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: EnableKeyRotation. Also changes the period of a key that rotates already. */
#include "kms/rotation.h"
#include "service/input.h"
#include "service/key_change.h"
#include "service/key_rotatable.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_shape period = {.type = SCHEMA_INTEGER,
					   .has_min = true,
					   .min = KMS_ROTATION_DAYS_MIN,
					   .has_max = true,
					   .max = KMS_ROTATION_DAYS_MAX};
static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"RotationPeriodInDays", &period, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "RotationPeriodInDays", NULL};

/* Without the member it is asked for the default: KMS_ROTATION_DAYS_DEFAULT. */
static const struct operation_condition conditions[] = {
	{AUTH_KMS_ROTATION_PERIOD_IN_DAYS, "RotationPeriodInDays", "365"},
	{0, NULL, NULL},
};

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	int64_t days = input_integer(work, "RotationPeriodInDays", KMS_ROTATION_DAYS_DEFAULT);
	TRY(key_rotatable_check(key));
	return kms_rotation_enable(key, (uint32_t)days, work->time_ms, changed);
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

const struct operation op_enable_key_rotation = {
	.name = "EnableKeyRotation",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ROTATABLE,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:EnableKeyRotation", .member = "KeyId"}},
	.conditions = conditions,
	.audited = audited,
	.execute = execute,
	.audit = key_change_audit,
};
