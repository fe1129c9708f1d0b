/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says of a request: statement by statement, cheapest question first. */
#include "auth/policy_build.h"

static const struct auth_context no_context;

static bool speaks_of_action(const struct policy_statement *statement, struct view action,
			     const struct auth_context *context)
{
	for (size_t i = 0; i < statement->action_count; i++)
		if (policy_pattern_match(&statement->actions[i], action, context, false))
			return !statement->not_action;
	return statement->not_action;
}

/*
 * A variable without a value fits nothing, so that a Resource does not apply. An Allow with a
 * NotResource must not apply either: it would allow what the missing value was to spare.
 */
static bool speaks_of_resource(const struct policy_statement *statement, struct view resource,
			       const struct auth_context *context)
{
	bool unresolved = statement->not_resource && !statement->deny;
	if (statement->resource_count == 0)
		return true;
	for (size_t i = 0; i < statement->resource_count; i++)
		if (policy_pattern_match(&statement->resources[i], resource, context, unresolved))
			return !statement->not_resource;
	return statement->not_resource;
}

static bool conditions_hold(const struct policy_statement *statement,
			    const struct auth_context *context)
{
	for (size_t i = 0; i < statement->condition_count; i++)
		if (!policy_condition_holds(&statement->conditions[i], context))
			return false;
	return true;
}

static bool is_answered(const struct policy_statement *statement, enum auth_naming naming,
			const struct auth_answer *answer)
{
	return naming == AUTH_NAMED_NOT ||
	       (statement->deny ? answer->denied : answer->allowed[naming]);
}

static void ask_statement(const struct auth_policy *policy, size_t at,
			  const struct auth_question *question, const struct policy_asker *asker,
			  struct auth_answer *out)
{
	const struct policy_statement *statement = &policy->statements[at];
	const struct auth_context *context =
		question->context != NULL ? question->context : &no_context;
	enum auth_naming naming = policy->kind == AUTH_POLICY_IDENTITY
					  ? AUTH_NAMED_ITSELF
					  : policy_naming_of(statement, asker);
	struct auth_statement found = {.number = at + 1,
				       .sid = view_part(statement->sid, 0, AUTH_SID_MAX)};
	if (is_answered(statement, naming, out) ||
	    !speaks_of_action(statement, question->action, context) ||
	    !speaks_of_resource(statement, question->resource, context) ||
	    !conditions_hold(statement, context))
		return;
	if (statement->deny) {
		out->denied = true;
		out->deny = found;
	} else {
		out->allowed[naming] = true;
		out->allow[naming] = found;
	}
}

void auth_policy_ask(const struct auth_policy *policy, const struct auth_question *question,
		     struct auth_answer *out)
{
	const struct auth_principal *principal = question->principal;
	const struct policy_asker asker = {
		.principal = principal,
		.account = view_of_text(principal->account),
		.arn = view_of_text(principal->arn),
		.role_arn = view_of_text(principal->role_arn),
		.id = view_of_text(principal->id),
	};
	*out = (struct auth_answer){.denied = false};
	for (size_t i = 0; i < policy->statement_count; i++)
		ask_statement(policy, i, question, &asker, out);
}
