/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: RevokeGrant. */
#include "service/grant_change.h"
#include "service/grant_shapes.h"
#include "service/input.h"
#include "service/key_change.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"GrantId", &shape_grant_id, true},
	{"DryRun", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "GrantId", "DryRun", NULL};

static struct err execute(struct call_work *work)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	TRY(grant_change_load(work, input_text(work, "GrantId"), &grant));
	return grant_change_remove(work, &grant);
}

const struct operation op_revoke_grant = {
	.name = "RevokeGrant",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN |
		 OPERATION_CROSS_ACCOUNT,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:RevokeGrant", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.audit = key_change_audit,
};
