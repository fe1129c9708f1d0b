/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation AddUserToGroup (IAM API). A user who is in it already stays so. */
#include "base/text.h"
#include "service/group_member.h"
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static struct err check_group(struct call_work *work, const char *account)
{
	struct work_identity group = {.kind = AUTH_KIND_GROUP};
	TRY(text_copy(group.account, sizeof group.account, view_of_text(account)));
	TRY(text_copy(group.name, sizeof group.name, input_text(work, "Group")));
	return identity_told_check(work, &group);
}

static struct err apply(struct call_work *work, struct identity_told *told, bool *changed)
{
	struct auth_details *details = &told->details;
	TRY(check_group(work, told->identity.account));
	TRY(identity_edit_add_name(&details->groups, &details->group_count,
				   input_text(work, "Group"), changed));
	if (details->group_count > AUTH_GROUPS_MAX)
		return work_refuse(work, ERR(E_IAM_LIMIT), "Cannot exceed quota for %s: %d",
				   "GroupsPerUser", AUTH_GROUPS_MAX);
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

const struct operation admin_add_user_to_group = {
	.name = "AddUserToGroup",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &group_member_input,
	.keys = {{.action = "holdfast:AddUserToGroup"}},
	.audited = group_member_audited,
	.decode = group_member_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
