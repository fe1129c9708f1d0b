/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation CreateIdentity (IAM API: CreateUser, CreateGroup, CreateRole, CreatePolicy; and
 * accounts and services, which AWS makes by other means). */
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/drawing.h"
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
	{"Description", &shape_iam_description, false},
	{"Document", &shape_iam_document, false},
	{"Tags", &shape_iam_tags, false},
	{"PermissionsBoundary", &shape_iam_policy_arn, false},
	{"MaxSessionDuration", &shape_session_seconds_max, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind",
				      "Account",
				      "Name",
				      "Description",
				      "Document",
				      "Tags",
				      "PermissionsBoundary",
				      "MaxSessionDuration",
				      NULL};

#define KIND(kind) (1U << AUTH_KIND_##kind)

/* Which kinds may, and which must, have a member. */
static const struct {
	const char *member;
	uint32_t may, must;
} rules[] = {
	{"Document", KIND(ROLE) | KIND(POLICY), KIND(ROLE) | KIND(POLICY)},
	{"PermissionsBoundary", KIND(USER) | KIND(ROLE), 0},
	{"MaxSessionDuration", KIND(ROLE), 0},
	{"Tags", KIND(USER) | KIND(ROLE) | KIND(SERVICE) | KIND(POLICY), 0},
};

static const char *const id_prefixes[AUTH_KIND_COUNT] = {
	[AUTH_KIND_USER] = "AIDA",    [AUTH_KIND_GROUP] = "AGPA",  [AUTH_KIND_ROLE] = "AROA",
	[AUTH_KIND_SERVICE] = "AIDA", [AUTH_KIND_POLICY] = "ANPA",
};

static struct err check_members(struct call_work *work, enum auth_identity_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		bool given = input_member(work, rules[i].member) != NULL;
		if (given && !(rules[i].may & (1U << kind)))
			return work_refuse(work, ERR(E_VALIDATION), "%s does not apply to kind %s.",
					   rules[i].member, auth_kind_name(kind));
		if (!given && (rules[i].must & (1U << kind)))
			return work_refuse(work, ERR(E_VALIDATION), "%s is required for kind %s.",
					   rules[i].member, auth_kind_name(kind));
	}
	return OK;
}

static struct err decode(struct call_work *work)
{
	struct work_identity *identity = &work->in.identity;
	TRY(identity_input_decode(work));
	TRY(check_members(work, identity->kind));
	TRY(identity_input_check_tags(work, "Tags"));
	/* A service that is made is made in an account. */
	if (identity->account[0] == '\0')
		TRY(text_copy(identity->account, sizeof identity->account,
			      identity_input_account(work)));
	return identity_document_check(work, "Document", identity->kind);
}

static struct err fill_row(struct call_work *work, struct auth_identity *out)
{
	const struct work_identity *wanted = &work->in.identity;
	const struct kms_scope *home = &work->service->options.installation.scope;
	out->kind = wanted->kind;
	out->created_ms = work->time_ms;
	out->revision = 1;
	TRY(text_copy(out->account, sizeof out->account, view_of_text(wanted->account)));
	TRY(text_copy(out->name, sizeof out->name, view_of_text(wanted->name)));
	TRY(auth_arn_format(out->kind, home->partition, out->account, out->name, out->arn));
	if (out->kind == AUTH_KIND_ACCOUNT)
		return text_copy(out->id, sizeof out->id, view_of_text(out->name));
	return drawing_id(id_prefixes[out->kind], AUTH_PRINCIPAL_ID_LEN, out->id);
}

static struct err fill_tags(struct call_work *work, struct auth_details *out)
{
	const struct json *list = input_member(work, "Tags");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *tag = json_element(list, i);
		TRY(identity_edit_put(&out->tags, &out->tag_count, identity_input_tag_key(tag),
				      identity_input_tag_value(tag)));
	}
	return OK;
}

static struct err fill_details(struct call_work *work, struct auth_details *out)
{
	TRY(text_new(input_text(work, "Description"), &out->description));
	if (input_member(work, "Document") != NULL)
		TRY(text_new(input_text(work, "Document"), &out->document));
	if (input_member(work, "PermissionsBoundary") != NULL)
		TRY(text_new(input_text(work, "PermissionsBoundary"), &out->boundary));
	if (work->in.identity.kind == AUTH_KIND_ROLE)
		out->session_seconds_max = (uint32_t)input_integer(work, "MaxSessionDuration",
								   AUTH_SESSION_SECONDS_DEFAULT);
	return fill_tags(work, out);
}

static struct err refuse_twin(struct call_work *work)
{
	const struct work_identity *wanted = &work->in.identity;
	if (wanted->kind == AUTH_KIND_POLICY)
		return work_refuse(work, ERR(E_IAM_EXISTS),
				   "A policy called %s already exists. Duplicate names are not "
				   "allowed.",
				   wanted->name);
	return work_refuse(work, ERR(E_IAM_EXISTS), "The %s with name %s already exists.",
			   auth_kind_name(wanted->kind), wanted->name);
}

static struct err write(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct err e = identities->create(identities->self, &work->out.identity->identity, record);
	return err_is(e, E_EXISTS) ? refuse_twin(work) : e;
}

/* What the new identity refers to is there, and stays while the lock is held. */
static struct err check_references(struct call_work *work)
{
	const struct work_identity *wanted = &work->in.identity;
	struct work_identity account = {.kind = AUTH_KIND_ACCOUNT};
	if (wanted->kind != AUTH_KIND_ACCOUNT) {
		TRY(text_copy(account.account, sizeof account.account,
			      view_of_text(wanted->account)));
		TRY(text_copy(account.name, sizeof account.name, view_of_text(wanted->account)));
		TRY(identity_told_check(work, &account));
	}
	TRY(identity_document_check_principals(work, "Document", wanted->kind));
	if (input_member(work, "PermissionsBoundary") == NULL)
		return OK;
	return identity_document_check_arn(work, "PermissionsBoundary", wanted->account);
}

static struct err attempt(struct call_work *work)
{
	CLEANUP(identity_told_free) struct identity_told *told = NULL;
	identity_told_free(&work->out.identity);
	TRY(check_references(work));
	TRY(MEM_NEW(&told));
	TRY(fill_row(work, &told->identity));
	TRY(fill_details(work, &told->details));
	work->out.identity = TAKE(told);
	TRY(identity_change_write(work));
	return identity_change_commit(work, write);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_create_identity = {
	.name = "CreateIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:CreateIdentity"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = identity_reply_encode,
	.audit = identity_reply_audit,
};
