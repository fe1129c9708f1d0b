/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principal and NotPrincipal (IAM User Guide: "AWS JSON policy elements: Principal"): what is
 * named, and whether that is the one who asks. Whether it exists, is asked elsewhere.
 */
#include "auth/policy_build.h"

#include "base/ascii.h"

#define ID_MIN 16 /* IAM API: idType */

static bool is_account(struct view text)
{
	return text.len == AUTH_ACCOUNT_LEN && ascii_consists_of(text, ASCII_DIGIT, VIEW_NONE);
}

static bool is_name(struct view text, const char *further)
{
	return ascii_consists_of(text, ASCII_ALPHANUMERIC, view_of_text(further));
}

/* Users: AIDA; roles: AROA. Groups are no principals. */
static bool is_unique_id(struct view text)
{
	return text.len >= ID_MIN && text.len <= AUTH_PRINCIPAL_ID_LEN &&
	       ascii_consists_of(text, ASCII_UPPER | ASCII_DIGIT, VIEW_NONE) &&
	       (view_starts_with(text, VIEW_LITERAL("AIDA")) ||
		view_starts_with(text, VIEW_LITERAL("AROA")));
}

static bool ends_with(struct view text, struct view end)
{
	return text.len > end.len && view_equal(view_part(text, text.len - end.len, end.len), end);
}

static bool is_service(struct view text)
{
	struct view rest = text;
	while (rest.ptr != NULL)
		if (!is_name(view_cut(&rest, '.'), "-"))
			return false;
	return text.len <= AUTH_NAME_MAX && (ends_with(text, VIEW_LITERAL(".amazonaws.com")) ||
					     ends_with(text, VIEW_LITERAL(".amazonaws.com.cn")));
}

/* user/<name>, role/<name>, assumed-role/<role>/<session>: paths may stand before names. */
static bool is_arn_of(struct view service, struct view resource, struct policy_principal *out)
{
	static const struct {
		const char *service, *type;
		size_t names_min, names_max; /* behind the type */
		int kind;
	} rows[] = {
		{"iam", "user", 1, SIZE_MAX, PRINCIPAL_ARN},
		{"iam", "role", 1, SIZE_MAX, PRINCIPAL_ROLE},
		{"sts", "assumed-role", 2, 2, PRINCIPAL_ARN},
	};
	struct view rest = resource;
	struct view type = view_cut(&rest, '/');
	size_t names = 0;
	while (rest.ptr != NULL) {
		if (!is_name(view_cut(&rest, '/'), "_+=,.@-"))
			return false;
		names++;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!view_equal_text(service, rows[i].service) ||
		    !view_equal_text(type, rows[i].type))
			continue;
		out->kind = (__typeof__(out->kind))rows[i].kind;
		return names >= rows[i].names_min && names <= rows[i].names_max;
	}
	return false;
}

static bool is_arn(struct view text, struct policy_principal *out)
{
	struct view rest = text;
	struct view arn = view_cut(&rest, ':'), partition = view_cut(&rest, ':');
	struct view service = view_cut(&rest, ':'), region = view_cut(&rest, ':');
	struct view account = view_cut(&rest, ':');
	if (rest.ptr == NULL || text.len > AUTH_ARN_MAX || !view_equal_text(arn, "arn") ||
	    !is_name(partition, "-") || region.len > 0 || !is_account(account))
		return false;
	if (!view_equal_text(rest, "root") || !view_equal_text(service, "iam"))
		return is_arn_of(service, rest, out);
	out->kind = PRINCIPAL_ACCOUNT;
	out->account = account;
	out->start = view_part(text, 0, arn.len + partition.len + 2);
	return true;
}

static NODISCARD struct err compile_aws(struct policy_build *build, struct view text,
					struct policy_principal *out)
{
	out->text = text;
	if (view_equal_text(text, "*")) {
		out->kind = PRINCIPAL_EVERYBODY;
		return OK;
	}
	if (is_account(text)) {
		out->kind = PRINCIPAL_ACCOUNT;
		out->account = text;
		return OK;
	}
	if (is_unique_id(text)) {
		out->kind = PRINCIPAL_ID;
		return OK;
	}
	if (is_arn(text, out))
		return OK;
	if (view_find(text, '*') < text.len || view_find(text, '?') < text.len)
		return policy_refuse(build, text,
				     "has a wildcard: a principal is named whole, or is \"*\"");
	return policy_refuse(build, text,
			     "is no principal: not an ARN of an account's root, a user, a role or "
			     "a session, and neither an account nor \"*\"");
}

static NODISCARD struct err compile_service(struct policy_build *build, struct view text,
					    struct policy_principal *out)
{
	out->text = text;
	out->kind = PRINCIPAL_SERVICE;
	if (!is_service(text))
		return policy_refuse(build, text,
				     "is no service's name, as logs.us-east-1.amazonaws.com is");
	return OK;
}

static NODISCARD struct err refuse_federated(struct policy_build *build, struct view text,
					     struct policy_principal *out)
{
	(void)out;
	return policy_refuse(build, text, "cannot be a principal: there are no identity providers");
}

static NODISCARD struct err refuse_canonical(struct policy_build *build, struct view text,
					     struct policy_principal *out)
{
	(void)out;
	return policy_refuse(build, text, "cannot be a principal: there are no canonical users");
}

static const struct principal_type {
	const char *name;
	NODISCARD struct err (*compile)(struct policy_build *build, struct view text,
					struct policy_principal *out);
} types[] = {
	{"AWS", compile_aws},
	{"Service", compile_service},
	{"Federated", refuse_federated},
	{"CanonicalUser", refuse_canonical},
};

static const struct principal_type *type_of(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (view_equal_text(name, types[i].name))
			return &types[i];
	return NULL;
}

static NODISCARD struct err compile_list(struct policy_build *build, struct view name,
					 const struct json *list, struct policy_statement *out)
{
	const struct principal_type *type = type_of(name);
	size_t count = json_type_of(list) == JSON_TYPE_ARRAY ? json_count(list) : 1;
	if (type == NULL)
		return policy_refuse(build, name, "is no type of principal");
	for (size_t i = 0; i < count; i++) {
		const struct json *value = policy_list_at(list, i);
		struct view text;
		if (json_type_of(value) != JSON_TYPE_STRING)
			return policy_refuse(build, VIEW_NONE, "must name strings");
		TRY(policy_arena_copy(&build->policy->arena, json_string_of(value), &text));
		TRY(type->compile(build, text, &out->principals[out->principal_count]));
		out->principal_count++;
	}
	return OK;
}

/* "Principal": "*" */
static NODISCARD struct err compile_everybody(struct policy_build *build, const struct json *value,
					      struct policy_statement *out)
{
	if (!view_equal_text(json_string_of(value), "*"))
		return policy_refuse(build, VIEW_NONE,
				     "must be \"*\" or an object such as {\"AWS\": ...}");
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, 1, &out->principals));
	out->principals[0].kind = PRINCIPAL_EVERYBODY;
	out->principals[0].text = VIEW_LITERAL("*");
	out->principal_count = 1;
	return OK;
}

NODISCARD struct err policy_principals_compile(struct policy_build *build, const struct json *value,
					       struct policy_statement *out)
{
	struct view name;
	const struct json *list;
	size_t count = 0, part = 0;
	if (json_type_of(value) != JSON_TYPE_OBJECT)
		return compile_everybody(build, value, out);
	for (size_t at = 0; json_next_member(value, &at, &name, &list); count += part)
		TRY(policy_list_count(build, list, &part));
	if (count == 0)
		return policy_refuse(build, VIEW_NONE, "names nobody");
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, count, &out->principals));
	for (size_t at = 0; json_next_member(value, &at, &name, &list);)
		TRY(compile_list(build, name, list, out));
	return OK;
}

/* A service belongs to the account that runs it as little as an operator does. */
static bool is_of_account(const struct policy_asker *asker)
{
	enum auth_principal_type type = asker->principal->type;
	return type == AUTH_ROOT || type == AUTH_USER || type == AUTH_ROLE_SESSION;
}

/* The root is the account: naming it names the account, for root as for everybody else. */
static enum auth_naming naming_by(const struct policy_principal *principal,
				  const struct policy_asker *asker)
{
	enum auth_principal_type type = asker->principal->type;
	bool session = type == AUTH_ROLE_SESSION;
	switch (principal->kind) {
	case PRINCIPAL_EVERYBODY:
		return AUTH_NAMED_EVERYBODY;
	case PRINCIPAL_ACCOUNT:
		return is_of_account(asker) && view_equal(principal->account, asker->account) &&
				       view_starts_with(asker->arn, principal->start)
			       ? AUTH_NAMED_ACCOUNT
			       : AUTH_NAMED_NOT;
	case PRINCIPAL_ARN:
		return view_equal(principal->text, asker->arn) ? AUTH_NAMED_ITSELF : AUTH_NAMED_NOT;
	case PRINCIPAL_ROLE:
		return session && view_equal(principal->text, asker->role_arn) ? AUTH_NAMED_ROLE
									       : AUTH_NAMED_NOT;
	case PRINCIPAL_ID:
		if (!view_equal(principal->text, asker->id))
			return AUTH_NAMED_NOT;
		return session ? AUTH_NAMED_ROLE : AUTH_NAMED_ITSELF;
	case PRINCIPAL_SERVICE:
		return type == AUTH_SERVICE && view_equal(principal->text, asker->arn)
			       ? AUTH_NAMED_ITSELF
			       : AUTH_NAMED_NOT;
	}
	return AUTH_NAMED_NOT;
}

/*
 * IAM User Guide, "NotPrincipal": with Deny, the account stands beside the user whom it spares, and
 * spares none of the others in it. An Allow spares whomever it can.
 */
static bool is_spared(const struct policy_statement *statement, enum auth_naming closest,
		      const struct auth_principal *principal)
{
	if (statement->deny && closest == AUTH_NAMED_ACCOUNT)
		return principal->type == AUTH_ROOT;
	return closest != AUTH_NAMED_NOT;
}

enum auth_naming policy_naming_of(const struct policy_statement *statement,
				  const struct policy_asker *asker)
{
	enum auth_naming closest = AUTH_NAMED_NOT;
	for (size_t i = 0; i < statement->principal_count; i++) {
		enum auth_naming naming = naming_by(&statement->principals[i], asker);
		closest = MAX_OF(closest, naming);
	}
	if (!statement->not_principal)
		return closest;
	return is_spared(statement, closest, asker->principal) ? AUTH_NAMED_NOT
							       : AUTH_NAMED_EVERYBODY;
}
