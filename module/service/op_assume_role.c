/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STS API: AssumeRole. The role's trust policy decides as a key's policy does: who is named in it
 * may, by itself, in the role's account; where it names an account, that account's identity
 * policies decide; another account needs both (IAM User Guide, "Policy evaluation logic" and "How
 * to use trust policies with IAM roles"). Where that does not fit, it stands here: an account's
 * root may never, nor a service that acts for somebody; and a role that is not there is refused as
 * one that does not trust the caller.
 */
#include "base/log.h"
#include "base/text.h"
#include "service/core.h"
#include "service/identity_text.h"
#include "service/identity_told.h"
#include "service/input.h"
#include "service/permission.h"
#include "service/session_input.h"
#include "service/session_reply.h"
#include "service/sessions.h"
#include "service/subjects.h"

#define PERCENT 100

static bool is_external_id(struct view value)
{
	return session_input_is_word(value, VIEW_LITERAL("_+=,.@:/-"));
}

static const struct schema_pattern external_id_pattern = {"[\\w+=,.@:\\/-]*", is_external_id};
static const struct schema_shape external_id = {.type = SCHEMA_STRING,
						.has_min = true,
						.min = 2,
						.has_max = true,
						.max = 1224,
						.pattern = &external_id_pattern};
static const struct schema_shape role_arn = {
	.type = SCHEMA_STRING, .has_min = true, .min = 20, .has_max = true, .max = 2048};
static const struct schema_shape text = {.type = SCHEMA_STRING};
static const struct schema_shape list = {.type = SCHEMA_LIST, .element = &text};

static const struct schema_member members[] = {
	{"RoleArn", &role_arn, true},
	{"RoleSessionName", &shape_role_session_name, true},
	{"PolicyArns", &list, false},
	{"Policy", &shape_session_policy, false},
	{"DurationSeconds", &shape_session_seconds, false},
	{"Tags", &list, false},
	{"TransitiveTagKeys", &list, false},
	{"ExternalId", &external_id, false},
	{"SerialNumber", &text, false},
	{"TokenCode", &text, false},
	{"SourceIdentity", &text, false},
	{"ProvidedContexts", &list, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

/* Of the model, not built: left out silently, each would give more, or prove less, than asked. */
static const char *const unsupported[] = {"PolicyArns",      "Tags",      "TransitiveTagKeys",
					  "SerialNumber",    "TokenCode", "SourceIdentity",
					  "ProvidedContexts"};

static const struct operation_condition conditions[] = {
	{AUTH_STS_ROLE_SESSION_NAME, "RoleSessionName", NULL},
	{AUTH_STS_EXTERNAL_ID, "ExternalId", NULL},
	{0, NULL, NULL},
};

static const char *const audited[] = {"RoleArn",    "RoleSessionName", "DurationSeconds",
				      "ExternalId", "Policy",          NULL};

static struct err refuse_unsupported(struct call_work *work)
{
	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
		if (json_count(input_member(work, unsupported[i])) > 0 ||
		    input_text(work, unsupported[i]).len > 0)
			return work_refuse(work, ERR(E_VALIDATION), "%s is not supported.",
					   unsupported[i]);
	return OK;
}

/* What the name means, in work->in.identity; whether there is such a role is told to nobody. */
static struct err decode_role(struct call_work *work)
{
	struct work_identity *role = &work->in.identity;
	struct view given = input_text(work, "RoleArn");
	char arn[AUTH_ARN_MAX + 1] = "";
	struct auth_name name;
	struct err e = auth_name_parse(given, &name);
	bool is_role = !err_failed(e) && name.kind == AUTH_KIND_ROLE && name.session[0] == '\0';
	if (is_role)
		TRY(auth_arn_format(AUTH_KIND_ROLE, work->home.partition, name.account, name.name,
				    arn));
	if (!view_equal_text(given, arn))
		return work_refuse(work, ERR(E_VALIDATION), "%.*s is invalid", (int)given.len,
				   (const char *)given.ptr);
	role->kind = AUTH_KIND_ROLE;
	TRY(text_copy(role->account, sizeof role->account, view_of_text(name.account)));
	return text_copy(role->name, sizeof role->name, view_of_text(name.name));
}

static struct err decode(struct call_work *work)
{
	TRY(refuse_unsupported(work));
	TRY(decode_role(work));
	return session_input_check_policy(work);
}

/* In the same words whatever the cause: the role may be another account's. The cause is for the
 * record. */
static struct err refuse(struct call_work *work, const char *cause)
{
	struct auth_verdict *verdict = &work->verdict;
	struct view arn = input_text(work, "RoleArn");
	verdict->allowed = false;
	verdict->outcome = AUTH_DENIED;
	if (cause != NULL)
		TRY(text_copy(verdict->decided_by, sizeof verdict->decided_by,
			      view_of_text(cause)));
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "User: %s is not authorized to perform: sts:AssumeRole on resource: "
			   "%.*s",
			   work->principal.arn, (int)arn.len, (const char *)arn.ptr);
}

static struct err refuse_root(struct call_work *work)
{
	struct auth_verdict *verdict = &work->verdict;
	TRY(text_copy(verdict->decided_by, sizeof verdict->decided_by,
		      VIEW_LITERAL("default-deny: root may not assume roles")));
	return work_refuse(work, ERR(E_ACCESS_DENIED),
			   "Roles may not be assumed by root accounts.");
}

/* What a service was lent to act for somebody ends with that: as a role's session it would last
 * longer, and be free of its session policy and of kms:ViaService. */
static struct err refuse_service_for_another(struct call_work *work)
{
	return refuse(work, "default-deny: a service that acts for another may not assume roles");
}

/* By whoever the trust policy and the caller's own policies let in. */
static struct err ask(struct call_work *work, const struct auth_policy *trust)
{
	const struct auth_identity *role = &work->out.identity->identity;
	const struct permission_resource resource = {.arn = view_of_text(role->arn),
						     .account = view_of_text(role->account),
						     .policy = trust,
						     .policy_name = "trust-policy"};
	TRY(permission_ask(work, &resource));
	if (work->verdict.allowed)
		return OK;
	bool silent = !work->verdict.explicit_deny && work->verdict.reason == AUTH_BY_NOTHING;
	return refuse(work,
		      silent ? "default-deny: not by trust policy and identity policies" : NULL);
}

static struct err authorise(struct call_work *work)
{
	if (work->principal.type == AUTH_ROOT)
		return refuse_root(work);
	if (work->principal.via_service[0] != '\0')
		return refuse_service_for_another(work);
	struct err e = identity_told_load(work);
	if (err_is(e, E_IAM_NO_SUCH_ENTITY))
		return refuse(work, "default-deny: no such role");
	TRY(e);
	CLEANUP(auth_policy_free) struct auth_policy *trust = NULL;
	const struct identity_told *role = work->out.identity;
	char message[AUTH_POLICY_MESSAGE_MAX] = "";
	e = auth_policy_compile(AUTH_POLICY_TRUST, view_of_text(role->details.document), &trust,
				message);
	if (err_is(e, E_KMS_MALFORMED_POLICY)) {
		log_event(LOG_ERROR, "trust_policy.malformed", LOG_TEXT("role", role->identity.arn),
			  LOG_TEXT("why", message));
		return refuse(work, "default-deny: the trust policy cannot be understood");
	}
	TRY(e);
	return ask(work, trust);
}

static struct err execute(struct call_work *work)
{
	const struct auth_identity *role = &work->out.identity->identity;
	char arn[AUTH_ARN_MAX + 1];
	struct auth_principal principal;
	int64_t seconds = 0;
	bool chained = work->principal.type == AUTH_ROLE_SESSION;
	TRY(session_input_seconds(work, chained, &seconds));
	TRY(session_input_arn(work, role, input_text(work, "RoleSessionName"), arn));
	struct err e = subjects_find(work->service->subjects, view_of_text(arn), &principal);
	if (err_is(e, E_NOT_FOUND)) /* deleted meanwhile */
		return refuse(work, "default-deny: no such role");
	TRY(e);
	if (!text_equal(principal.id,
			role->id)) /* and made anew: nobody was asked about that one */
		return refuse(work, "default-deny: no such role");
	return session_input_make(work, &principal, seconds);
}

static void encode(struct call_work *work, struct xml_out *out)
{
	const struct auth_session *session = &work->out.session->session;
	char id[IDENTITY_USER_ID_TEXT];
	identity_user_id(&session->principal, id);
	xml_out_begin(out, "AssumedRoleUser", NULL);
	xml_out_text(out, "AssumedRoleId", view_of_text(id));
	xml_out_text(out, "Arn", view_of_text(session->principal.arn));
	xml_out_end(out);
	session_reply_xml(work, out);
	size_t bytes = view_of_text(session->policy).len;
	if (bytes > 0)
		xml_out_integer(out, "PackedPolicySize",
				(int64_t)(bytes * PERCENT + AUTH_SESSION_POLICY_MAX - 1) /
					AUTH_SESSION_POLICY_MAX);
}

static void audit(struct call_work *work, struct json_out *out)
{
	const struct auth_principal *principal = &work->out.session->session.principal;
	char id[IDENTITY_USER_ID_TEXT];
	identity_user_id(principal, id);
	session_reply_audit(work, out);
	json_out_begin_object(out, "assumedRoleUser");
	json_out_text(out, "assumedRoleId", view_of_text(id));
	json_out_text(out, "arn", view_of_text(principal->arn));
	json_out_end_object(out);
}

const struct operation op_assume_role = {
	.name = "AssumeRole",
	.door = CALL_DOOR_PUBLIC,
	.protocol = CALL_PROTOCOL_QUERY,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_SECRET_REPLY,
	.input = &input,
	.keys = {{.action = "sts:AssumeRole"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.authorise = authorise,
	.execute = execute,
	.encode_xml = encode,
	.audit = audit,
};
