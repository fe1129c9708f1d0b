/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation RemoveUserFromGroup (IAM API). */
#include "service/group_member.h"
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	struct auth_details *details = &told->details;
	struct view group = input_text(work, "Group");
	if (identity_edit_remove_name(details->groups, &details->group_count, group))
		return OK;
	return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
			   "The user with name %s is not in a group with name %.*s.",
			   told->identity.name, (int)group.len, (const char *)group.ptr);
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_remove_user_from_group = {
	.name = "RemoveUserFromGroup",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &group_member_input,
	.keys = {{.action = "holdfast:RemoveUserFromGroup"}},
	.audited = group_member_audited,
	.decode = group_member_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
