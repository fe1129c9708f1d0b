/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation Explain: would this be allowed, and by what? A request is made up as the
 * principal would send it and taken through the same steps as a real one - decode, resolve,
 * authorise - and no further: nothing is done. It is taken to come over TLS, and everything that is
 * not said to be absent.
 */
#include <arpa/inet.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/permission.h"
#include "service/resolve.h"
#include "service/shapes.h"
#include "service/subjects.h"

#define CONDITIONS_MAX 64 /* further keys, and values of each */
#define REQUEST_MAX (64 << 10)
#define ACTION_MAX 128
#define POLICY_SHOWN_MAX 512

static const struct schema_shape text = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 2048};
static const struct schema_shape action = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = ACTION_MAX};
static const struct schema_shape value = {.type = SCHEMA_STRING, .has_max = true, .max = 2048};
static const struct schema_shape values = {
	.type = SCHEMA_LIST, .has_max = true, .max = CONDITIONS_MAX, .element = &value};
static const struct schema_shape conditions = {
	.type = SCHEMA_MAP, .has_max = true, .max = CONDITIONS_MAX, .element = &values};

static const struct schema_member members[] = {
	{"Principal", &text, true},
	{"Action", &action, true},
	{"KeyId", &shape_key_id, false},
	{"Resource", &text, false},
	{"EncryptionContext", &shape_context, false},
	{"ViaService", &text, false},
	{"SourceIp", &text, false},
	{"Conditions", &conditions, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {
	"Principal",  "Action",   "KeyId",      "Resource", "EncryptionContext",
	"ViaService", "SourceIp", "Conditions", NULL};

/* What the made-up request consists of. */
static const struct schema_member asked_members[] = {
	{"KeyId", &shape_key_id, false},
	{"AliasName", &text, false},
	{"EncryptionContext", &shape_context, false},
	{NULL, NULL, false},
};
static const struct schema_shape asked_input = {.type = SCHEMA_STRUCTURE, .members = asked_members};

/* --- the operation that is asked about --- */

/* The row, and which of its keys, that needs the action; NULL: none, or none that is built. */
static const struct operation *find_row(struct view wanted, size_t *which)
{
	for (size_t i = 0; operation_at(i) != NULL; i++)
		for (*which = 0; *which < WORK_KEYS_MAX; ++*which) {
			const struct operation_key *key = &operation_at(i)->keys[*which];
			if (key->action != NULL && key->given == NULL &&
			    view_equal_ignore_case(wanted, view_of_text(key->action)))
				return operation_at(i);
		}
	return NULL;
}

/* alias/x of a name or an ARN of an alias; empty for anything else. */
static struct view alias_of(const struct call_work *work)
{
	struct kms_name name;
	struct view resource = input_text(work, "Resource");
	if (err_failed(kms_name_parse(resource, &work->home, &name)))
		return VIEW_NONE;
	return name.alias;
}

static bool names_key(const struct call_work *work)
{
	return input_member(work, "KeyId") != NULL ||
	       (input_member(work, "Resource") != NULL && alias_of(work).len == 0 &&
		!view_equal_text(input_text(work, "Resource"), "*"));
}

/* A row of one key, whose members are those of the made-up request. */
static struct err make_row(struct call_work *work, const char *name, struct operation *out)
{
	size_t which = 0;
	const struct operation *found = find_row(view_of_text(name), &which);
	if (found == NULL)
		return work_refuse(work, ERR(E_VALIDATION),
				   "No operation of this service needs %s.", name);
	if (found->authorise != NULL)
		return work_refuse(work, ERR(E_VALIDATION),
				   "%s is decided by the grants that it is about, not by policies "
				   "alone: this cannot be told beforehand.",
				   name);
	*out = *found;
	struct operation_key key = found->keys[which];
	if (key.member != NULL && !key.optional && !names_key(work))
		return work_refuse(work, ERR(E_VALIDATION), "KeyId is required for %s.", name);
	key.member = names_key(work) ? "KeyId" : NULL;
	key.alias = key.alias != NULL && alias_of(work).len > 0 ? "AliasName" : NULL;
	key.context = key.context != NULL ? "EncryptionContext" : NULL;
	key.algorithm = key.constraints = NULL;
	*out->keys = key;
	for (size_t i = 1; i < WORK_KEYS_MAX; i++)
		out->keys[i] = (struct operation_key){.action = NULL};
	out->input = &asked_input;
	out->decode = NULL;
	return OK;
}

/* --- the request --- */

static struct err write_request(const struct call_work *work, struct buf *body)
{
	struct writer w;
	struct json_out out;
	bool named = input_member(work, "KeyId") != NULL;
	writer_init_buf(&w, body);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	if (names_key(work))
		json_out_text(&out, "KeyId", input_text(work, named ? "KeyId" : "Resource"));
	if (alias_of(work).len > 0)
		json_out_text(&out, "AliasName", alias_of(work));
	if (input_member(work, "EncryptionContext") != NULL)
		json_out_value(&out, "EncryptionContext", input_member(work, "EncryptionContext"));
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

static struct err find_principal(struct call_work *work, struct auth_principal *out)
{
	struct err e = subjects_find(work->service->subjects, input_text(work, "Principal"), out);
	if (err_is(e, E_FORMAT) || err_is(e, E_BOUNDS))
		return work_refuse(work, ERR(E_VALIDATION),
				   "Principal must be the ARN of a user, a role, a role's session "
				   "or an account's root, or the name of a service.");
	if (err_is(e, E_NOT_FOUND))
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY), "There is no such principal.");
	TRY(e);
	return text_copy(out->via_service, sizeof out->via_service, input_text(work, "ViaService"));
}

/* A value that the key cannot have is found when the request is made up. */
static struct err check_conditions(struct call_work *work)
{
	const struct json *unused;
	struct view name, member;
	enum auth_condition_key key;
	enum auth_condition_family family;
	const struct json *assumed = input_member(work, "Conditions");
	for (size_t at = 0; json_next_member(assumed, &at, &name, &unused);)
		if (!auth_condition_find(name, &key) &&
		    !auth_condition_find_family(name, &family, &member))
			return work_refuse(work, ERR(E_VALIDATION), "%.*s is no condition key.",
					   (int)name.len, (const char *)name.ptr);
	return OK;
}

static struct err check_source(struct call_work *work)
{
	char copy[INET6_ADDRSTRLEN] = "";
	struct in6_addr address;
	if (input_member(work, "SourceIp") == NULL)
		return OK;
	struct err e = text_copy(copy, sizeof copy, input_text(work, "SourceIp"));
	if (!err_failed(e) &&
	    (inet_pton(AF_INET, copy, &address) == 1 || inet_pton(AF_INET6, copy, &address) == 1))
		return OK;
	return work_refuse(work, ERR(E_VALIDATION), "SourceIp must be an IPv4 or IPv6 address.");
}

static struct err make_call(struct call_work *work, struct call **out)
{
	CLEANUP(call_free) struct call *call = NULL;
	TRY(call_new(&call));
	struct call_work *asked = call->work;
	call->door = CALL_DOOR_PUBLIC;
	call->secure = true;
	call->source_address = input_text(work, "SourceIp");
	asked->service = work->service;
	asked->may_block = true;
	asked->time_ms = work->time_ms;
	asked->in.assumed = input_member(work, "Conditions");
	asked->in.ignore_ciphertext = true; /* there is none to name the key */
	TRY(check_conditions(work));
	TRY(check_source(work));
	TRY(find_principal(work, &asked->principal));
	asked->home = work->service->options.installation.scope;
	TRY(text_copy(asked->home.account, sizeof asked->home.account,
		      view_of_text(asked->principal.account)));
	*out = TAKE(call);
	return OK;
}

/* An alias may name the key whether the operation takes one or not; kms:RequestAlias is there only
 * where it does. */
static struct err take_steps(struct call_work *asked, struct operation *row)
{
	uint32_t flags = row->flags;
	TRY(input_decode(asked));
	asked->in.dry_run = true; /* a service's key is not made by asking about it */
	row->flags |= OPERATION_ALIASES;
	TRY(resolve_key(asked, 0));
	row->flags = flags;
	return permission_check_key(asked, 0);
}

static struct err ask(struct call_work *work, struct call_work *asked)
{
	CLEANUP(buf_cleanup) struct buf body;
	buf_init(&body, REQUEST_MAX);
	TRY(write_request(work, &body));
	char name[ACTION_MAX + 1];
	struct operation row = {.name = ""};
	TRY(text_copy(name, sizeof name, input_text(work, "Action")));
	if (!view_equal_ignore_case(view_part(view_of_text(name), 0, 4), VIEW_LITERAL("kms:")))
		return work_refuse(work, ERR(E_VALIDATION), "Action must begin with kms:.");
	TRY(make_row(work, name, &row));
	asked->call->http.body = buf_view(&body);
	asked->operation = &row;
	struct err e = take_steps(asked, &row);
	asked->operation = NULL;
	asked->call->http.body = VIEW_NONE; /* it was borrowed */
	if (!err_failed(e) || err_is(e, E_ACCESS_DENIED))
		return OK;
	if (asked->message.len == 0 && err_is(e, E_VALIDATION))
		return work_refuse(work, e, "A value in Conditions is none that its key can have.");
	return work_refuse(work, e, "%.*s", (int)asked->message.len,
			   (const char *)asked->message.ptr);
}

static struct err execute(struct call_work *work)
{
	CLEANUP(call_free) struct call *call = NULL;
	TRY(make_call(work, &call));
	TRY(ask(work, call->work));
	call_free(&work->out.explained);
	work->out.explained = TAKE(call);
	return OK;
}

/* --- the answer --- */

static void encode_policy(const char *role, const struct auth_named_policy *named,
			  struct json_out *out)
{
	char name[POLICY_SHOWN_MAX] = "";
	if (named->policy == NULL)
		return;
	if (!err_failed(text_format(name, sizeof name, "%s%s", role, named->name)))
		json_out_text(out, NULL, view_of_text(name));
}

static void encode_policies(const struct call_work *asked, struct json_out *out)
{
	json_out_begin_array(out, "Policies");
	if (asked->keys[0] != NULL)
		json_out_text(out, NULL, VIEW_LITERAL("key-policy"));
	if (asked->subject != NULL) {
		const struct auth_subject *subject = subject_of(asked->subject);
		for (size_t i = 0; i < subject->policy_count; i++)
			encode_policy("", &subject->policies[i], out);
		encode_policy("boundary ", &subject->boundary, out);
		encode_policy("session ", &subject->session, out);
	}
	json_out_end_array(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct call_work *asked = work->out.explained->work;
	const struct auth_verdict *verdict = &asked->verdict;
	json_out_bool(out, "Allowed", verdict->allowed);
	json_out_text(out, "Outcome",
		      verdict->allowed ? VIEW_LITERAL("Allowed") : VIEW_LITERAL("Denied"));
	json_out_bool(out, "ExplicitDeny", verdict->explicit_deny);
	json_out_text(out, "Reason", view_of_text(auth_reason_name(verdict->reason)));
	json_out_text(out, "DecidedBy", view_of_text(verdict->decided_by));
	if (!verdict->allowed)
		json_out_text(out, "Message", buf_view(&asked->message));
	json_out_text(out, "Principal", view_of_text(asked->principal.arn));
	if (asked->keys[0] != NULL) {
		char arn[KMS_KEY_ARN_TEXT];
		work_key_arn(asked, 0, arn);
		json_out_text(out, "KeyArn", view_of_text(arn));
	}
	encode_policies(asked, out);
}

const struct operation admin_explain = {
	.name = "Explain",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:Explain"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
