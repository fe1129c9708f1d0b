/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation CreateSession: temporary credentials for a session of a role; for a service that
 * acts for somebody (kms:ViaService, aws:CalledVia); or for a service itself, with what it acts on
 * (aws:SourceArn, aws:SourceAccount). The operator's word stands in for trust policies.
 */
#include "base/text.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/identity_told.h"
#include "service/input.h"
#include "service/session_input.h"
#include "service/session_reply.h"
#include "service/sessions.h"
#include "service/subjects.h"

static const struct schema_shape principal_name = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = AUTH_ARN_MAX};
static const struct schema_shape service_name = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = AUTH_NAME_MAX};
static const struct schema_shape source_arn = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = AUTH_ARN_MAX};

static const struct schema_member members[] = {
	{"Principal", &principal_name, true},
	{"SessionName", &shape_role_session_name, false},
	{"Service", &service_name, false},
	{"SourceArn", &source_arn, false},
	{"SourceAccount", &shape_account, false},
	{"DurationSeconds", &shape_session_seconds, false},
	{"Policy", &shape_session_policy, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Principal",     "SessionName",     "Service", "SourceArn",
				      "SourceAccount", "DurationSeconds", "Policy",  NULL};

/* Which members go with which principal. */
static const struct {
	const char *member;
	uint8_t required, allowed; /* bits of principal types */
	const char *rule;
} rules[] = {
	{"Service", 1 << AUTH_ROOT | 1 << AUTH_USER,
	 1 << AUTH_ROOT | 1 << AUTH_USER | 1 << AUTH_ROLE_SESSION,
	 "Service is needed for users and accounts, and is not for services: temporary "
	 "credentials of theirs are for a service that acts for them."},
	{"SourceArn", 0, 1 << AUTH_SERVICE, "SourceArn is for services alone."},
	{"SourceAccount", 0, 1 << AUTH_SERVICE, "SourceAccount is for services alone."},
	{"Policy", 0, 1 << AUTH_ROOT | 1 << AUTH_USER | 1 << AUTH_ROLE_SESSION,
	 "Policy is not for services: they have no policies that it could limit."},
};

static struct err check_members(struct call_work *work, const struct auth_principal *principal)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		unsigned bit = 1U << principal->type;
		bool there = input_member(work, rules[i].member) != NULL;
		if (there ? !(rules[i].allowed & bit) : (rules[i].required & bit) != 0)
			return work_refuse(work, ERR(E_VALIDATION), "%s", rules[i].rule);
	}
	/* Of a session that Principal names whole, the name is there already. */
	bool bare_role = principal->type == AUTH_ROLE_SESSION &&
			 text_equal(principal->arn, principal->role_arn);
	if (bare_role != (input_member(work, "SessionName") != NULL))
		return work_refuse(work, ERR(E_VALIDATION),
				   "SessionName is needed for a role, and for nothing else.");
	return OK;
}

static struct err find(struct call_work *work, struct view name, struct auth_principal *out)
{
	struct err e = subjects_find(work->service->subjects, name, out);
	if (err_is(e, E_FORMAT))
		return work_refuse(work, ERR(E_VALIDATION),
				   "%.*s is not the name of a principal: give an ARN or a "
				   "service's name.",
				   (int)name.len, (const char *)name.ptr);
	if (err_is(e, E_NOT_FOUND))
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
				   "The principal %.*s cannot be found.", (int)name.len,
				   (const char *)name.ptr);
	return e;
}

/* Every member of the name is checked (auth_name_check()), and the service must exist. */
static struct err put_service(struct call_work *work, struct auth_principal *principal)
{
	struct view name = input_text(work, "Service");
	struct auth_principal service;
	if (input_member(work, "Service") == NULL)
		return OK;
	if (err_failed(auth_name_check(AUTH_KIND_SERVICE, name)))
		return work_refuse(work, ERR(E_VALIDATION), "%.*s is not the name of a service.",
				   (int)name.len, (const char *)name.ptr);
	TRY(find(work, name, &service));
	return text_copy(principal->via_service, sizeof principal->via_service, name);
}

static struct err put_source(struct call_work *work, struct auth_principal *principal)
{
	TRY(text_copy(principal->source_arn, sizeof principal->source_arn,
		      input_text(work, "SourceArn")));
	return text_copy(principal->source_account, sizeof principal->source_account,
			 input_text(work, "SourceAccount"));
}

/* A role, with how long its sessions may be, into work->out.identity. */
static struct err load_role(struct call_work *work, const struct auth_principal *principal)
{
	struct work_identity *role = &work->in.identity;
	if (principal->type != AUTH_ROLE_SESSION)
		return OK;
	role->kind = AUTH_KIND_ROLE;
	TRY(text_copy(role->account, sizeof role->account, view_of_text(principal->account)));
	TRY(text_copy(role->name, sizeof role->name, view_of_text(principal->role_name)));
	return identity_told_load(work);
}

static struct err name_session(struct call_work *work, struct auth_principal *principal)
{
	char arn[AUTH_ARN_MAX + 1];
	if (input_member(work, "SessionName") == NULL)
		return OK;
	TRY(session_input_arn(work, &work->out.identity->identity, input_text(work, "SessionName"),
			      arn));
	return find(work, view_of_text(arn), principal);
}

static struct err execute(struct call_work *work)
{
	struct auth_principal principal;
	int64_t seconds = 0;
	TRY(find(work, input_text(work, "Principal"), &principal));
	TRY(check_members(work, &principal));
	TRY(load_role(work, &principal));
	TRY(name_session(work, &principal));
	TRY(put_service(work, &principal));
	TRY(put_source(work, &principal));
	TRY(session_input_seconds(work, false, &seconds));
	return session_input_make(work, &principal, seconds);
}

static void encode(struct call_work *work, struct json_out *out)
{
	session_reply_json(work, out);
	json_out_text(out, "Principal", view_of_text(work->out.session->session.principal.arn));
}

static void audit(struct call_work *work, struct json_out *out)
{
	session_reply_audit(work, out);
	json_out_text(out, "principal", view_of_text(work->out.session->session.principal.arn));
}

const struct operation admin_create_session = {
	.name = "CreateSession",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_SECRET_REPLY,
	.input = &input,
	.keys = {{.action = "holdfast:CreateSession"}},
	.audited = audited,
	.decode = session_input_check_policy,
	.execute = execute,
	.encode = encode,
	.audit = audit,
};
