/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DetachIdentityPolicy (IAM API: DetachUserPolicy and its kin). */
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_policies, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"PolicyArn", &shape_iam_policy_arn, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "PolicyArn", NULL};

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	struct auth_details *details = &told->details;
	struct view arn = input_text(work, "PolicyArn");
	if (identity_edit_remove_name(details->attached, &details->attached_count, arn))
		return OK;
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY), "Policy %.*s was not found.",
			   (int)arn.len, (const char *)arn.ptr);
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_detach_identity_policy = {
	.name = "DetachIdentityPolicy",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DetachIdentityPolicy"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
