/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One statement: which elements it must and may have, its Sid and Effect, its actions and
 * resources. Principals and conditions have files of their own.
 */
#include "auth/policy_build.h"

#include "base/ascii.h"

enum element {
	SID,
	EFFECT,
	PRINCIPAL,
	NOT_PRINCIPAL,
	ACTION,
	NOT_ACTION,
	RESOURCE,
	NOT_RESOURCE,
	CONDITION,
	ELEMENT_COUNT
};

static const char *const element_names[ELEMENT_COUNT] = {
	[SID] = "Sid",
	[EFFECT] = "Effect",
	[PRINCIPAL] = "Principal",
	[NOT_PRINCIPAL] = "NotPrincipal",
	[ACTION] = "Action",
	[NOT_ACTION] = "NotAction",
	[RESOURCE] = "Resource",
	[NOT_RESOURCE] = "NotResource",
	[CONDITION] = "Condition",
};

/* An element and its negation: what each kind of policy asks for. */
static const struct pair_rule {
	enum element plain, negated;
	const char *missing, *both;
	const char *forbidden[AUTH_POLICY_TRUST + 1]; /* NULL: one of them must be there */
} pair_rules[] = {
	{PRINCIPAL,
	 NOT_PRINCIPAL,
	 "has no Principal",
	 "has both Principal and NotPrincipal",
	 {[AUTH_POLICY_IDENTITY] = "a policy of an identity must not have a Principal"}},
	{ACTION, NOT_ACTION, "has no Action", "has both Action and NotAction", {0}},
	{RESOURCE,
	 NOT_RESOURCE,
	 "has no Resource",
	 "has both Resource and NotResource",
	 {[AUTH_POLICY_TRUST] = "a trust policy must not have a Resource"}},
};

static NODISCARD struct err refuse_unknown(struct policy_build *build, struct view name)
{
	struct policy_names names = {.wanted = name};
	for (size_t i = 0; i < ELEMENT_COUNT; i++)
		policy_names_offer(&names, element_names[i]);
	return policy_refuse_name(build, name, "is no element of a statement", &names);
}

static NODISCARD struct err take_members(struct policy_build *build, const struct json *statement,
					 const struct json *values[ELEMENT_COUNT])
{
	struct view name;
	const struct json *value;
	for (size_t at = 0; json_next_member(statement, &at, &name, &value);) {
		size_t i = 0;
		while (i < ELEMENT_COUNT && !view_equal_text(name, element_names[i]))
			i++;
		if (i == ELEMENT_COUNT)
			return refuse_unknown(build, name);
		values[i] = value;
	}
	return OK;
}

static NODISCARD struct err check_pair(struct policy_build *build, const struct pair_rule *rule,
				       const struct json *const values[ELEMENT_COUNT])
{
	const char *forbidden = rule->forbidden[build->policy->kind];
	bool plain = values[rule->plain] != NULL, negated = values[rule->negated] != NULL;
	if (plain && negated)
		return policy_refuse(build, VIEW_NONE, rule->both);
	if (forbidden != NULL && (plain || negated))
		return policy_refuse(build, VIEW_NONE, forbidden);
	if (forbidden == NULL && !plain && !negated)
		return policy_refuse(build, VIEW_NONE, rule->missing);
	return OK;
}

/* IAM: letters and digits. KMS: names with blanks, as the default key policy has one. */
static bool is_sid(enum auth_policy_kind kind, struct view sid)
{
	for (size_t i = 0; i < sid.len; i++) {
		uint8_t c = sid.ptr[i];
		bool printable = c >= 0x20 && c < 0x7f;
		if (!ascii_is(c, ASCII_ALPHANUMERIC) && !(kind == AUTH_POLICY_KEY && printable))
			return false;
	}
	return true;
}

static NODISCARD struct err take_sid(struct policy_build *build, const struct json *value,
				     struct policy_statement *out)
{
	if (value == NULL)
		return OK;
	build->element = "Sid";
	if (json_type_of(value) != JSON_TYPE_STRING)
		return policy_refuse(build, VIEW_NONE, "must be a string");
	struct view sid = json_string_of(value);
	if (!is_sid(build->policy->kind, sid))
		return policy_refuse(build, sid,
				     build->policy->kind == AUTH_POLICY_KEY
					     ? "has characters other than ASCII's"
					     : "has other than letters and digits");
	TRY(policy_arena_copy(&build->policy->arena, sid, &out->sid));
	build->sid = out->sid;
	build->element = NULL;
	return OK;
}

static NODISCARD struct err take_effect(struct policy_build *build, const struct json *value,
					struct policy_statement *out)
{
	struct view effect = json_string_of(value);
	if (value == NULL)
		return policy_refuse(build, VIEW_NONE, "has no Effect");
	build->element = "Effect";
	out->deny = view_equal_text(effect, "Deny");
	if (!out->deny && !view_equal_text(effect, "Allow"))
		return policy_refuse(build, VIEW_NONE, "must be \"Allow\" or \"Deny\"");
	build->element = NULL;
	return OK;
}

/* "kms:Encrypt", "kms:*", "*:*", "*" */
static bool is_action(struct view text)
{
	size_t colon = view_find(text, ':');
	if (view_equal_text(text, "*"))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool other = c == '*' || c == '?' || c == '-' || c == '_';
		if (i != colon && !ascii_is(c, ASCII_ALPHANUMERIC) && !other)
			return false;
	}
	return colon > 0 && colon + 1 < text.len;
}

static NODISCARD struct err compile_action(struct policy_build *build, struct view text,
					   struct policy_pattern *out)
{
	static const struct policy_pattern_options options = {.wildcards = true, .any_case = true};
	if (!is_action(text))
		return policy_refuse(build, text, "is neither service:Action nor \"*\"");
	return policy_pattern_compile(build, text, &options, out);
}

/* IAM, "Resource": an ARN with fewer than six parts has wildcards in the missing ones. */
static NODISCARD struct err complete_arn(struct policy_build *build, struct view *arn)
{
	struct writer w;
	size_t colons = policy_arn_colons(*arn);
	uint8_t *room;
	if (colons >= POLICY_ARN_COLONS)
		return OK;
	size_t size = arn->len + 2 * (POLICY_ARN_COLONS - colons);
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, size, &room));
	writer_init(&w, room, size);
	writer_bytes(&w, *arn);
	for (; colons < POLICY_ARN_COLONS; colons++)
		writer_text(&w, ":*");
	TRY(writer_end(&w));
	*arn = view_of(room, size);
	return OK;
}

static NODISCARD struct err compile_resource(struct policy_build *build, struct view text,
					     struct policy_pattern *out)
{
	const struct policy_pattern_options options = {.wildcards = true,
						       .variables = build->variables};
	bool variable = build->variables && view_starts_with(text, VIEW_LITERAL("${"));
	bool arn = view_starts_with(text, VIEW_LITERAL("arn:"));
	if (!arn && !variable && !view_equal_text(text, "*"))
		return policy_refuse(build, text, "is neither an ARN nor \"*\"");
	if (arn)
		TRY(complete_arn(build, &text));
	return policy_pattern_compile(build, text, &options, out);
}

struct pattern_list {
	struct policy_pattern *patterns;
	size_t count;
};

static NODISCARD struct err take_patterns(struct policy_build *build, const struct json *list,
					  NODISCARD struct err (*compile)(struct policy_build *,
									  struct view,
									  struct policy_pattern *),
					  struct pattern_list *out)
{
	TRY(policy_list_count(build, list, &out->count));
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, out->count, &out->patterns));
	for (size_t i = 0; i < out->count; i++) {
		const struct json *value = policy_list_at(list, i);
		if (json_type_of(value) != JSON_TYPE_STRING)
			return policy_refuse(build, VIEW_NONE, "must be strings");
		TRY(compile(build, json_string_of(value), &out->patterns[i]));
	}
	return OK;
}

static NODISCARD struct err take_actions(struct policy_build *build,
					 const struct json *const values[ELEMENT_COUNT],
					 struct policy_statement *out)
{
	struct pattern_list list = {0};
	out->not_action = values[NOT_ACTION] != NULL;
	enum element element = out->not_action ? NOT_ACTION : ACTION;
	build->element = element_names[element];
	TRY(take_patterns(build, values[element], compile_action, &list));
	out->actions = list.patterns;
	out->action_count = list.count;
	return OK;
}

static NODISCARD struct err take_resources(struct policy_build *build,
					   const struct json *const values[ELEMENT_COUNT],
					   struct policy_statement *out)
{
	struct pattern_list list = {0};
	out->not_resource = values[NOT_RESOURCE] != NULL;
	enum element element = out->not_resource ? NOT_RESOURCE : RESOURCE;
	if (values[element] == NULL)
		return OK; /* a trust policy */
	build->element = element_names[element];
	TRY(take_patterns(build, values[element], compile_resource, &list));
	out->resources = list.patterns;
	out->resource_count = list.count;
	return OK;
}

static NODISCARD struct err take_principals(struct policy_build *build,
					    const struct json *const values[ELEMENT_COUNT],
					    struct policy_statement *out)
{
	out->not_principal = values[NOT_PRINCIPAL] != NULL;
	enum element element = out->not_principal ? NOT_PRINCIPAL : PRINCIPAL;
	if (values[element] == NULL)
		return OK; /* a policy of an identity */
	build->element = element_names[element];
	return policy_principals_compile(build, values[element], out);
}

static NODISCARD struct err take_conditions(struct policy_build *build, const struct json *value,
					    struct policy_statement *out)
{
	if (value == NULL)
		return OK;
	build->element = "Condition";
	return policy_conditions_compile(build, value, out);
}

NODISCARD struct err policy_statement_compile(struct policy_build *build, const struct json *value,
					      struct policy_statement *out)
{
	const struct json *values[ELEMENT_COUNT] = {0};
	if (json_type_of(value) != JSON_TYPE_OBJECT)
		return policy_refuse(build, VIEW_NONE, "is not a JSON object");
	TRY(take_sid(build, json_member(value, "Sid"), out)); /* first: messages tell it */
	TRY(take_members(build, value, values));
	TRY(take_effect(build, values[EFFECT], out));
	for (size_t i = 0; i < ARRAY_LEN(pair_rules); i++)
		TRY(check_pair(build, &pair_rules[i], values));
	TRY(take_principals(build, values, out));
	TRY(take_actions(build, values, out));
	TRY(take_resources(build, values, out));
	TRY(take_conditions(build, values[CONDITION], out));
	build->element = NULL;
	return OK;
}
