/* SPDX-License-Identifier: Apache-2.0 */
/* The document as a whole: Version, Id and the list of statements. */
#include "auth/policy.h"

#include "auth/policy_build.h"
#include "base/mem.h"
#include "base/text.h"

#define WHAT_MAX 128

static NODISCARD struct err refuse_json(struct policy_build *build, struct err e)
{
	static const struct {
		uint16_t code; /* enum err_code */
		const char *what;
	} rows[] = {
		{E_FORMAT, "the document is not valid JSON"},
		{E_UTF8, "the document is not valid UTF-8"},
		{E_DUPLICATE, "the document has an element twice"},
		{E_BOUNDS, "the document is too deep, or has too many or too long values"},
	};
	char what[WHAT_MAX];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!err_is(e, rows[i].code))
			continue;
		TRY(text_format(what, sizeof what, "%s (at byte %u)", rows[i].what,
				(unsigned)e.detail));
		return policy_refuse(build, VIEW_NONE, what);
	}
	return e;
}

/* IAM: "Version": the older one is what a document without has. */
static NODISCARD struct err take_version(struct policy_build *build, const struct json *value)
{
	struct view version = json_string_of(value);
	build->element = "Version";
	build->variables = view_equal_text(version, "2012-10-17");
	if (!build->variables && !view_equal_text(version, "2008-10-17"))
		return policy_refuse(build, VIEW_NONE, "must be \"2012-10-17\" or \"2008-10-17\"");
	build->element = NULL;
	return OK;
}

static NODISCARD struct err take_id(struct policy_build *build, const struct json *value)
{
	build->element = "Id";
	if (json_type_of(value) != JSON_TYPE_STRING)
		return policy_refuse(build, VIEW_NONE, "must be a string");
	build->element = NULL;
	return OK;
}

/* Statements come last: what they mean depends on the version. */
static NODISCARD struct err take_members(struct policy_build *build, const struct json *document,
					 const struct json **statements)
{
	struct view name;
	const struct json *value;
	*statements = NULL;
	for (size_t at = 0; json_next_member(document, &at, &name, &value);) {
		if (view_equal_text(name, "Version"))
			TRY(take_version(build, value));
		else if (view_equal_text(name, "Id"))
			TRY(take_id(build, value));
		else if (view_equal_text(name, "Statement"))
			*statements = value;
		else
			return policy_refuse(build, name, "is no element of a policy");
	}
	if (*statements == NULL)
		return policy_refuse(build, VIEW_NONE, "the document has no Statement");
	return OK;
}

static NODISCARD struct err check_sid_once(struct policy_build *build, size_t at)
{
	const struct policy_statement *statements = build->policy->statements;
	for (size_t i = 0; i < at; i++)
		if (statements[at].sid.len > 0 && view_equal(statements[i].sid, statements[at].sid))
			return policy_refuse(build, VIEW_NONE,
					     "another statement has the same Sid");
	return OK;
}

static NODISCARD struct err take_statements(struct policy_build *build, const struct json *list)
{
	struct auth_policy *policy = build->policy;
	bool single = json_type_of(list) == JSON_TYPE_OBJECT;
	size_t count = single ? 1 : json_count(list);
	build->element = "Statement";
	if (!single && json_type_of(list) != JSON_TYPE_ARRAY)
		return policy_refuse(build, VIEW_NONE, "must be a statement or a list of them");
	if (count == 0)
		return policy_refuse(build, VIEW_NONE, "the list is empty");
	if (count > AUTH_POLICY_STATEMENTS_MAX)
		return policy_refuse(build, VIEW_NONE, "there are more than 1024");
	TRY(POLICY_NEW_ARRAY(&policy->arena, count, &policy->statements));
	policy->statement_count = count;
	for (size_t i = 0; i < count; i++) {
		build->statement = i + 1;
		build->sid = VIEW_NONE;
		build->element = NULL;
		TRY(policy_statement_compile(build, policy_list_at(list, i),
					     &policy->statements[i]));
		TRY(check_sid_once(build, i));
	}
	return OK;
}

static NODISCARD struct err compile(struct policy_build *build, struct view document)
{
	CLEANUP(json_free) struct json *parsed = NULL;
	const struct json *statements;
	if (document.len > AUTH_POLICY_BYTES_MAX)
		return policy_refuse(build, VIEW_NONE, "the document is longer than 32768 bytes");
	struct err e = json_parse(document, &parsed);
	if (err_failed(e))
		return refuse_json(build, e);
	if (json_type_of(parsed) != JSON_TYPE_OBJECT)
		return policy_refuse(build, VIEW_NONE, "the document is not a JSON object");
	TRY(take_members(build, parsed, &statements));
	return take_statements(build, statements);
}

NODISCARD struct err auth_policy_compile(enum auth_policy_kind kind, struct view document,
					 struct auth_policy **out,
					 char message[AUTH_POLICY_MESSAGE_MAX])
{
	CLEANUP(auth_policy_free) struct auth_policy *policy = NULL;
	*out = NULL;
	message[0] = '\0';
	ENSURE(kind >= AUTH_POLICY_KEY && kind <= AUTH_POLICY_TRUST);
	TRY(MEM_NEW(&policy));
	policy->kind = kind;
	struct policy_build build = {.policy = policy, .message = message};
	TRY(compile(&build, document));
	*out = TAKE(policy);
	return OK;
}

void auth_policy_free(struct auth_policy **policy)
{
	if (*policy == NULL)
		return;
	policy_arena_cleanup(&(*policy)->arena);
	mem_free(TAKE(*policy));
}

uint32_t auth_policy_needs(const struct auth_policy *policy)
{
	return policy->needs;
}

static void describe(const struct policy_principal *principal, size_t statement,
		     struct auth_policy_principal *out)
{
	out->kind = AUTH_NAMES_AWS;
	if (principal->kind == PRINCIPAL_EVERYBODY)
		out->kind = AUTH_NAMES_EVERYBODY;
	else if (principal->kind == PRINCIPAL_SERVICE)
		out->kind = AUTH_NAMES_SERVICE;
	out->text = principal->text;
	out->statement = statement;
}

bool auth_policy_principal_at(const struct auth_policy *policy, size_t at,
			      struct auth_policy_principal *out)
{
	for (size_t i = 0; i < policy->statement_count; i++) {
		const struct policy_statement *statement = &policy->statements[i];
		if (at < statement->principal_count) {
			describe(&statement->principals[at], i, out);
			return true;
		}
		at -= statement->principal_count;
	}
	return false;
}
