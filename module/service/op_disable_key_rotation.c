/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: DisableKeyRotation. What was made by rotations stays, and a rotation on demand that is
 * under way goes on. */
#include "kms/rotation.h"
#include "service/key_change.h"
#include "service/key_rotatable.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	(void)work;
	TRY(key_rotatable_check(key));
	kms_rotation_disable(key, changed);
	return OK;
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

const struct operation op_disable_key_rotation = {
	.name = "DisableKeyRotation",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ROTATABLE,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:DisableKeyRotation", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.audit = key_change_audit,
};
