/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation UpdateIdentity (IAM API: UpdateRole, UpdateAssumeRolePolicy): what is given
 * replaces what was; a document that is attached somewhere counts from the next request on. */
#include "service/identity_change.h"
#include "service/identity_document.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"Document", &shape_iam_document, false},
	{"Description", &shape_iam_description, false},
	{"MaxSessionDuration", &shape_session_seconds_max, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {
	"Kind", "Account", "Name", "Document", "Description", "MaxSessionDuration", NULL};

static struct err refuse_member(struct call_work *work, const char *member)
{
	return work_refuse(work, ERR(E_VALIDATION), "%s does not apply to kind %s.", member,
			   auth_kind_name(work->in.identity.kind));
}

static struct err decode(struct call_work *work)
{
	TRY(identity_input_decode(work));
	enum auth_identity_kind kind = work->in.identity.kind;
	bool role = kind == AUTH_KIND_ROLE;
	if (input_member(work, "Document") != NULL && !role && kind != AUTH_KIND_POLICY)
		return refuse_member(work, "Document");
	if (input_member(work, "MaxSessionDuration") != NULL && !role)
		return refuse_member(work, "MaxSessionDuration");
	return identity_document_check(work, "Document", kind);
}

static struct err apply(struct call_work *work, struct identity_told *told, bool *changed)
{
	struct auth_details *details = &told->details;
	bool document = input_member(work, "Document") != NULL;
	bool description = input_member(work, "Description") != NULL;
	bool seconds = input_member(work, "MaxSessionDuration") != NULL;
	TRY(identity_document_check_principals(work, "Document", told->identity.kind));
	if (document)
		TRY(identity_edit_text(&details->document, input_text(work, "Document")));
	if (description)
		TRY(identity_edit_text(&details->description, input_text(work, "Description")));
	if (seconds)
		details->session_seconds_max =
			(uint32_t)input_integer(work, "MaxSessionDuration", 0);
	*changed = document || description || seconds;
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

const struct operation admin_update_identity = {
	.name = "UpdateIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:UpdateIdentity"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
