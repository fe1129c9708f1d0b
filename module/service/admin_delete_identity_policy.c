/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DeleteIdentityPolicy (IAM API: DeleteUserPolicy and its kin). */
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_policies, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"PolicyName", &shape_iam_policy_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "PolicyName", NULL};

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	struct auth_details *details = &told->details;
	struct view name = input_text(work, "PolicyName");
	size_t at;
	if (!identity_edit_find(details->policies, details->policy_count, name, &at))
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
				   "The %s policy with name %.*s cannot be found.",
				   auth_kind_name(told->identity.kind), (int)name.len,
				   (const char *)name.ptr);
	identity_edit_remove(details->policies, &details->policy_count, at);
	return OK;
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_delete_identity_policy = {
	.name = "DeleteIdentityPolicy",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DeleteIdentityPolicy"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
