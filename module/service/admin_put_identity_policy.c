/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation PutIdentityPolicy (IAM API: PutUserPolicy, PutGroupPolicy, PutRolePolicy). */
#include "service/identity_change.h"
#include "service/identity_document.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_policies, true},    {"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},    {"PolicyName", &shape_iam_policy_name, true},
	{"Document", &shape_iam_document, true}, {NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "PolicyName", "Document", NULL};

/* IAM User Guide, "IAM and AWS STS quotas": of all inline policies of one identity. */
static const size_t size_max[AUTH_KIND_COUNT] = {
	[AUTH_KIND_USER] = AUTH_INLINE_USER_MAX,
	[AUTH_KIND_GROUP] = AUTH_INLINE_GROUP_MAX,
	[AUTH_KIND_ROLE] = AUTH_INLINE_ROLE_MAX,
};

static struct err decode(struct call_work *work)
{
	TRY(identity_input_decode(work));
	return identity_document_check_inline(work, "Document");
}

static struct err check_size(struct call_work *work, const struct identity_told *told)
{
	enum auth_identity_kind kind = told->identity.kind;
	size_t size = 0;
	for (size_t i = 0; i < told->details.policy_count; i++)
		size += identity_document_size(view_of_text(told->details.policies[i].text));
	if (size <= size_max[kind])
		return OK;
	return work_refuse(work, ERR(E_IAM_LIMIT),
			   "Maximum policy size of %zu bytes exceeded for %s %s", size_max[kind],
			   auth_kind_name(kind), told->identity.name);
}

static struct err apply(struct call_work *work, struct identity_told *told, UNUSED bool *changed)
{
	struct auth_details *details = &told->details;
	TRY(identity_edit_put(&details->policies, &details->policy_count,
			      input_text(work, "PolicyName"), input_text(work, "Document")));
	return check_size(work, told);
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_put_identity_policy = {
	.name = "PutIdentityPolicy",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:PutIdentityPolicy"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
