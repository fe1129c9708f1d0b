/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DeletePermissionsBoundary (IAM API: DeleteUserPermissionsBoundary,
 * DeleteRolePermissionsBoundary). */
#include "base/mem.h"
#include "service/identity_change.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_boundary, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", NULL};

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	struct auth_details *details = &told->details;
	if (details->boundary == NULL)
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
				   "The %s with name %s has no permissions boundary.",
				   auth_kind_name(told->identity.kind), told->identity.name);
	mem_free(TAKE(details->boundary));
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

const struct operation admin_delete_permissions_boundary = {
	.name = "DeletePermissionsBoundary",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DeletePermissionsBoundary"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
