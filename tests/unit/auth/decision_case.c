/* SPDX-License-Identifier: Apache-2.0 */
/* One case of the table as a request: principals, compiled policies, context, grants. */
#include "decision_case.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/managed.h"
#include "base/text.h"
#include "base/writer.h"
#include "codec/timestamp.h"

#define DOCUMENT_MAX ((size_t)64 << 10)
#define ACTION_PREFIX "kms:"

/* Everything that a request borrows. */
struct stage {
	const struct decision *decision;
	bool unconditionally;
	char *why; /* DECISION_WHY_MAX */
	struct auth_principal principal;
	struct auth_policy *compiled[DECISION_POLICIES_MAX + 3];
	size_t compiled_count;
	char names[DECISION_POLICIES_MAX + 3][DECISION_NAME_MAX];
	struct auth_named_policy policies[DECISION_POLICIES_MAX];
	struct auth_context context;
	struct view texts[DECISION_VALUES_MAX];
	size_t text_count;
	struct auth_pair pairs[AUTH_CONDITION_FAMILY_COUNT][DECISION_PAIRS_MAX];
	struct auth_grant grants[DECISION_GRANTS_MAX];
	struct auth_pair grant_pairs[DECISION_GRANTS_MAX][DECISION_PAIRS_MAX];
	struct view attached; /* name of a managed policy; empty: none */
	struct auth_subject subject;
	struct auth_request request;
};

static void stage_cleanup(struct stage *stage)
{
	for (size_t i = 0; i < stage->compiled_count; i++)
		auth_policy_free(&stage->compiled[i]);
}

static bool complain(struct stage *stage, const char *what, struct view name)
{
	struct writer w;
	writer_init(&w, stage->why, DECISION_WHY_MAX);
	writer_text(&w, what);
	writer_text(&w, ": ");
	writer_bytes(&w, view_part(name, 0, DECISION_NAME_MAX));
	(void)err_failed(writer_end_text(&w));
	return false;
}

/* What a case names stands in its file or in the cast. */
static const struct json *named(const struct stage *stage, const char *shelf, struct view name)
{
	char text[DECISION_NAME_MAX];
	if (err_failed(text_copy(text, sizeof text, name)))
		return NULL;
	const struct json *own = json_member(json_member(stage->decision->file, shelf), text);
	return own != NULL ? own : json_member(json_member(stage->decision->cast, shelf), text);
}

/* ------------------------------------------------------------------ who */

static const struct {
	const char *name;
	enum auth_principal_type type;
} types[] = {{"root", AUTH_ROOT},
	     {"user", AUTH_USER},
	     {"role session", AUTH_ROLE_SESSION},
	     {"service", AUTH_SERVICE},
	     {"operator", AUTH_OPERATOR}};

static bool take_text(char *room, size_t cap, const struct json *from, const char *name)
{
	return !err_failed(text_copy(room, cap, json_string_of(json_member(from, name))));
}

static bool take_type(const struct json *from, enum auth_principal_type *out)
{
	struct view name = json_string_of(json_member(from, "type"));
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (view_equal_text(name, types[i].name)) {
			*out = types[i].type;
			return true;
		}
	}
	return false;
}

static bool take_principal(struct stage *stage)
{
	struct auth_principal *p = &stage->principal;
	struct view name = decision_text(stage->decision, "principal");
	const struct json *from = named(stage, "principals", name);
	bool good = from != NULL && take_type(from, &p->type) &&
		    take_text(p->account, sizeof p->account, from, "account") &&
		    take_text(p->arn, sizeof p->arn, from, "arn") &&
		    take_text(p->id, sizeof p->id, from, "id") &&
		    take_text(p->name, sizeof p->name, from, "name") &&
		    take_text(p->role_arn, sizeof p->role_arn, from, "role_arn") &&
		    take_text(p->role_name, sizeof p->role_name, from, "role_name");
	stage->subject.principal = p;
	stage->attached = json_string_of(json_member(from, "attached"));
	return good || complain(stage, "no such principal", name);
}

/* ------------------------------------------------------------------ policies */

static bool compile(struct stage *stage, enum auth_policy_kind kind, struct view document,
		    struct auth_named_policy *out)
{
	char message[AUTH_POLICY_MESSAGE_MAX];
	struct auth_policy **policy = &stage->compiled[stage->compiled_count];
	if (err_failed(auth_policy_compile(kind, document, policy, message)))
		return complain(stage, "a policy does not compile", view_of_text(message));
	out->policy = *policy;
	stage->compiled_count++;
	return true;
}

static bool compile_json(struct stage *stage, enum auth_policy_kind kind,
			 const struct json *document, struct auth_named_policy *out)
{
	CLEANUP(buf_cleanup) struct buf text;
	struct json_out json;
	struct writer w;
	buf_init(&text, DOCUMENT_MAX);
	writer_init_buf(&w, &text);
	json_out_init(&json, &w);
	json_out_value(&json, NULL, document);
	if (err_failed(writer_end(&w)))
		return complain(stage, "a policy is too long", VIEW_NONE);
	return compile(stage, kind, buf_view(&text), out);
}

/* A policy is named, or stands in its place. */
static bool take_policy(struct stage *stage, enum auth_policy_kind kind, const struct json *from,
			struct auth_named_policy *out)
{
	char *name = stage->names[stage->compiled_count];
	out->name = name;
	if (json_type_of(from) == JSON_TYPE_OBJECT) {
		(void)snprintf(name, DECISION_NAME_MAX, "inline");
		return compile_json(stage, kind, from, out);
	}
	struct view text = json_string_of(from);
	const struct json *document = named(stage, "policies", text);
	if (document == NULL || err_failed(text_copy(name, DECISION_NAME_MAX, text)))
		return complain(stage, "no such policy", text);
	return compile_json(stage, kind, document, out);
}

/* A limit that is absent or null is none. */
static bool take_limit(struct stage *stage, const char *member, struct auth_named_policy *out)
{
	const struct json *from = decision_member(stage->decision, member);
	return json_type_of(from) == JSON_TYPE_NULL ||
	       take_policy(stage, AUTH_POLICY_IDENTITY, from, out);
}

static bool take_key_policy(struct stage *stage)
{
	struct auth_named_policy policy = {.policy = NULL};
	const struct json *from = decision_member(stage->decision, "key_policy");
	if (from == NULL)
		return complain(stage, "key_policy is missing; null for none", VIEW_NONE);
	if (json_type_of(from) != JSON_TYPE_NULL &&
	    !take_policy(stage, AUTH_POLICY_KEY, from, &policy))
		return false;
	stage->request.key_policy = policy.policy;
	return true;
}

static void put_statement(struct json_out *json, const char *effect, const struct json *condition)
{
	json_out_begin_object(json, NULL);
	json_out_text(json, "Effect", view_of_text(effect));
	json_out_text(json, "Action", VIEW_LITERAL("*"));
	json_out_text(json, "Resource", VIEW_LITERAL("*"));
	if (condition != NULL)
		json_out_value(json, "Condition", condition);
	json_out_end_object(json);
}

/* allow_if: Allow everything on that condition. deny_if: Allow everything, Deny it on that. */
static bool take_condition(struct stage *stage, struct auth_named_policy *out)
{
	static uint8_t text[DOCUMENT_MAX];
	const struct json *condition;
	const char *kind = decision_condition(stage->decision, &condition);
	bool denies = text_equal(kind, "deny_if");
	struct json_out json;
	struct writer w;
	writer_init(&w, text, sizeof text);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_text(&json, "Version", VIEW_LITERAL("2012-10-17"));
	json_out_begin_array(&json, "Statement");
	put_statement(&json, "Allow", denies || stage->unconditionally ? NULL : condition);
	if (denies && !stage->unconditionally)
		put_statement(&json, "Deny", condition);
	json_out_end_array(&json);
	json_out_end_object(&json);
	out->name = kind;
	return !err_failed(writer_end(&w)) &&
	       compile(stage, AUTH_POLICY_IDENTITY, view_of(text, w.len), out);
}

/* What is attached to the principal wherever it is cast. */
static bool take_attached(struct stage *stage, size_t *count)
{
	struct auth_named_policy *out = &stage->policies[*count];
	const char *document = auth_managed_document(stage->attached);
	char *name = stage->names[stage->compiled_count];
	if (stage->attached.len == 0)
		return true;
	if (document == NULL)
		return complain(stage, "no such managed policy", stage->attached);
	(void)snprintf(name, DECISION_NAME_MAX, "aws:policy/%.*s", (int)stage->attached.len,
		       (const char *)stage->attached.ptr);
	out->name = name;
	++*count;
	return compile(stage, AUTH_POLICY_IDENTITY, view_of_text(document), out);
}

static bool take_policies(struct stage *stage)
{
	struct auth_subject *subject = &stage->subject;
	const struct json *list = decision_member(stage->decision, "policies");
	const struct json *condition;
	size_t count = json_count(list);
	if (count + 2 > DECISION_POLICIES_MAX)
		return complain(stage, "too many policies", VIEW_NONE);
	for (size_t i = 0; i < count; i++) {
		if (!take_policy(stage, AUTH_POLICY_IDENTITY, json_element(list, i),
				 &stage->policies[i]))
			return false;
	}
	if (decision_condition(stage->decision, &condition) != NULL &&
	    !take_condition(stage, &stage->policies[count++]))
		return false;
	if (!take_attached(stage, &count))
		return false;
	subject->policies = stage->policies;
	subject->policy_count = count;
	return take_limit(stage, "boundary", &subject->boundary) &&
	       take_limit(stage, "session", &subject->session) && take_key_policy(stage);
}

/* ------------------------------------------------------------------ context */

static const struct view *keep_text(struct stage *stage, struct view text)
{
	if (stage->text_count == DECISION_VALUES_MAX)
		return NULL;
	stage->texts[stage->text_count] = text;
	return &stage->texts[stage->text_count++];
}

static bool take_texts(struct stage *stage, const struct json *from, struct auth_value *out)
{
	if (json_type_of(from) == JSON_TYPE_STRING) {
		out->texts = keep_text(stage, json_string_of(from));
		out->count = 1;
		return out->texts != NULL;
	}
	if (json_type_of(from) != JSON_TYPE_ARRAY)
		return false;
	for (size_t i = 0; i < json_count(from); i++) {
		const struct view *kept = keep_text(stage, json_string_of(json_element(from, i)));
		if (kept == NULL)
			return false;
		out->texts = i == 0 ? kept : out->texts;
		out->count++;
	}
	return true;
}

static bool take_value(struct stage *stage, enum auth_condition_key key, const struct json *from)
{
	struct auth_value *out = &stage->context.values[key];
	enum auth_condition_type type = auth_condition_type_of(key);
	out->count = 1;
	if (type == AUTH_TYPE_TIME)
		return !err_failed(timestamp_parse_iso(json_string_of(from), &out->number));
	if (type == AUTH_TYPE_BOOL) {
		out->number = json_bool_of(from);
		return json_type_of(from) == JSON_TYPE_BOOL;
	}
	if (type == AUTH_TYPE_NUMBER) {
		out->number = json_integer_of(from);
		return json_type_of(from) == JSON_TYPE_INTEGER;
	}
	out->count = 0;
	return take_texts(stage, from, out);
}

/* In ascending order of names, wherever they stand in the file. */
static bool insert_pair(struct auth_pair *pairs, size_t *count, struct auth_pair pair)
{
	size_t at = *count;
	if (at == DECISION_PAIRS_MAX)
		return false;
	while (at > 0 && view_compare(pairs[at - 1].name, pair.name) > 0) {
		pairs[at] = pairs[at - 1];
		at--;
	}
	pairs[at] = pair;
	(*count)++;
	return true;
}

static bool take_context(struct stage *stage)
{
	const struct json *from = decision_member(stage->decision, "context");
	const struct json *value;
	struct view name;
	for (size_t at = 0; json_next_member(from, &at, &name, &value);) {
		enum auth_condition_key key;
		enum auth_condition_family family;
		struct view member;
		bool good = false;
		if (auth_condition_find(name, &key)) {
			good = take_value(stage, key, value);
		} else if (auth_condition_find_family(name, &family, &member)) {
			struct auth_pairs *pairs = &stage->context.families[family];
			pairs->pairs = stage->pairs[family];
			good = insert_pair(stage->pairs[family], &pairs->count,
					   (struct auth_pair){member, json_string_of(value)});
		}
		if (!good)
			return complain(stage, "context", name);
	}
	stage->request.context = &stage->context;
	return true;
}

/* ------------------------------------------------------------------ grants */

/* KMS Developer Guide, "Grant operations": the bits are the places in this table. */
static const struct {
	const char *name;
	bool takes_context;
} operations[] = {
	{"Decrypt", true},         {"Encrypt", true},
	{"GenerateDataKey", true}, {"GenerateDataKeyWithoutPlaintext", true},
	{"ReEncryptFrom", true},   {"ReEncryptTo", true},
	{"CreateGrant", false},    {"RetireGrant", false},
	{"DescribeKey", false},    {"GetPublicKey", false},
	{"Sign", false},           {"Verify", false},
};

static uint32_t operation_bit(struct view name, bool *takes_context)
{
	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		if (!view_equal_text(name, operations[i].name))
			continue;
		*takes_context = operations[i].takes_context;
		return (uint32_t)1 << i;
	}
	return 0;
}

static bool take_constraint(const struct json *from, struct auth_pair *room, struct auth_grant *out)
{
	const struct json *subset = json_member(from, "subset");
	const struct json *pairs = subset != NULL ? subset : json_member(from, "equals");
	const struct json *value;
	struct view name;
	if (pairs == NULL)
		return true;
	out->constraint = subset != NULL ? AUTH_GRANT_SUBSET : AUTH_GRANT_EQUALS;
	out->pairs.pairs = room;
	for (size_t at = 0; json_next_member(pairs, &at, &name, &value);) {
		if (!insert_pair(room, &out->pairs.count,
				 (struct auth_pair){name, json_string_of(value)}))
			return false;
	}
	return true;
}

static bool take_grant(const struct json *from, struct auth_pair *room, struct auth_grant *out)
{
	const struct json *list = json_member(from, "operations");
	struct view to = json_string_of(json_member(from, "to"));
	bool takes_context;
	out->id = json_string_of(json_member(from, "id"));
	out->to_role = view_equal_text(to, "role");
	out->to_account = view_equal_text(to, "account");
	for (size_t i = 0; i < json_count(list); i++) {
		uint32_t bit = operation_bit(json_string_of(json_element(list, i)), &takes_context);
		if (bit == 0)
			return false;
		out->operations |= bit;
	}
	return out->id.len > 0 && take_constraint(from, room, out);
}

static bool take_grants(struct stage *stage)
{
	struct auth_request *request = &stage->request;
	const struct json *list = decision_member(stage->decision, "grants");
	size_t prefix = sizeof ACTION_PREFIX - 1;
	struct view operation = view_part(request->action, prefix, request->action.len);
	request->grant_operation = operation_bit(operation, &request->takes_context);
	request->grants = stage->grants;
	request->grant_count = json_count(list);
	if (request->grant_count > DECISION_GRANTS_MAX)
		return complain(stage, "too many grants", VIEW_NONE);
	for (size_t i = 0; i < request->grant_count; i++) {
		if (!take_grant(json_element(list, i), stage->grant_pairs[i], &stage->grants[i]))
			return complain(stage, "a grant is wrong", VIEW_NONE);
	}
	return true;
}

/* ------------------------------------------------------------------ the request */

/* The fifth part of an ARN; of "*" the caller's own. */
static struct view account_of(const struct stage *stage, struct view resource)
{
	struct view account = VIEW_NONE;
	if (view_equal_text(resource, "*"))
		return view_of_text(stage->principal.account);
	for (int part = 0; part < 5; part++)
		account = view_cut(&resource, ':');
	return account;
}

static bool take_request(struct stage *stage)
{
	struct auth_request *request = &stage->request;
	struct view resource = decision_text(stage->decision, "resource");
	const struct json *known = named(stage, "resources", resource);
	request->subject = &stage->subject;
	request->action = decision_text(stage->decision, "action");
	request->resource = known != NULL ? json_string_of(known) : resource;
	request->resource_account = account_of(stage, request->resource);
	if (request->action.len == 0 || request->resource.len == 0)
		return complain(stage, "no action or resource", VIEW_NONE);
	return take_grants(stage);
}

bool decision_make(const struct decision *decision, bool unconditionally,
		   struct decision_answer *out, char why[DECISION_WHY_MAX])
{
	CLEANUP(stage_cleanup)
	struct stage stage = {.decision = decision, .unconditionally = unconditionally, .why = why};
	*out = (struct decision_answer){.asked = false};
	if (!take_principal(&stage) || !take_policies(&stage) || !take_context(&stage) ||
	    !take_request(&stage))
		return false;
	auth_decide(&stage.request, &out->verdict);
	if (out->verdict.outcome != AUTH_ASK_GRANTS)
		return true;
	out->asked = true;
	stage.request.grants_known = true;
	auth_decide(&stage.request, &out->verdict);
	return true;
}
