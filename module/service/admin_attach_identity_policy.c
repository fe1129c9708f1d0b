/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation AttachIdentityPolicy (IAM API: AttachUserPolicy and its kin). One that is
 * attached already stays so. */
#include "service/identity_change.h"
#include "service/identity_document.h"
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

static const char *const quotas[AUTH_KIND_COUNT] = {
	[AUTH_KIND_USER] = "PoliciesPerUser",
	[AUTH_KIND_GROUP] = "PoliciesPerGroup",
	[AUTH_KIND_ROLE] = "PoliciesPerRole",
};

static struct err apply(struct call_work *work, struct identity_told *told, bool *changed)
{
	struct auth_details *details = &told->details;
	TRY(identity_document_check_arn(work, "PolicyArn", told->identity.account));
	TRY(identity_edit_add_name(&details->attached, &details->attached_count,
				   input_text(work, "PolicyArn"), changed));
	if (details->attached_count > AUTH_ATTACHED_MAX)
		return work_refuse(work, ERR(E_IAM_LIMIT), "Cannot exceed quota for %s: %d",
				   quotas[told->identity.kind], AUTH_ATTACHED_MAX);
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

const struct operation admin_attach_identity_policy = {
	.name = "AttachIdentityPolicy",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:AttachIdentityPolicy"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
