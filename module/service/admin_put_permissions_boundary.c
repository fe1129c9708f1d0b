/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation PutPermissionsBoundary (IAM API: PutUserPermissionsBoundary,
 * PutRolePermissionsBoundary): in place of the one that was. */
#include "service/identity_change.h"
#include "service/identity_document.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_boundary, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"PolicyArn", &shape_iam_policy_arn, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "PolicyArn", NULL};

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	TRY(identity_document_check_arn(work, "PolicyArn", told->identity.account));
	return identity_edit_text(&told->details.boundary, input_text(work, "PolicyArn"));
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_put_permissions_boundary = {
	.name = "PutPermissionsBoundary",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:PutPermissionsBoundary"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
