/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share: memory, bounds, and where in the document they are;
 * private to auth/. */
#ifndef HOLDFAST_AUTH_POLICY_BUILD_H
#define HOLDFAST_AUTH_POLICY_BUILD_H

#include "auth/policy_local.h"

#define POLICY_QUOTE_MAX 64 /* bytes of the document in one part of a message */

struct policy_build {
	struct auth_policy *policy; /* borrowed */
	bool variables;             /* Version 2012-10-17 */
	size_t values;              /* counted against AUTH_POLICY_VALUES_MAX */
	size_t singles;             /* against AUTH_POLICY_SINGLES_MAX */
	char *message;

	/* Where: told by policy_refuse(). */
	size_t statement; /* from 1; 0: outside of them */
	struct view sid;
	const char *element;   /* or NULL */
	struct view operation; /* of a condition; or empty */
	struct view key;
};

/* Writes where and what into the message and answers E_KMS_MALFORMED_POLICY. `quoted` is what the
 * sentence is about; it stands in front of `what`. */
NODISCARD struct err policy_refuse(struct policy_build *build, struct view quoted,
				   const char *what);

/* The same for a name that nobody knows, with the one of `known` that was probably meant. */
struct policy_names {
	struct view wanted;
	const char *nearest; /* or NULL */
	size_t distance;
};
void policy_names_offer(struct policy_names *names, const char *known);
NODISCARD struct err policy_refuse_name(struct policy_build *build, struct view quoted,
					const char *what, const struct policy_names *names);

/* A string, or a list of at least one: how many; counts them against the bound. */
NODISCARD struct err policy_list_count(struct policy_build *build, const struct json *list,
				       size_t *out);
const struct json *policy_list_at(const struct json *list, size_t at);

/* policy_pattern.c; six parts, and what stands between them. */
#define POLICY_ARN_COLONS 5
size_t policy_arn_colons(struct view text);

/* policy_pattern.c; `text` need not outlive the call. */
struct policy_pattern_options {
	bool wildcards, variables, any_case, arn;
};
NODISCARD struct err policy_pattern_compile(struct policy_build *build, struct view text,
					    const struct policy_pattern_options *options,
					    struct policy_pattern *out);
bool policy_pattern_match(const struct policy_pattern *pattern, struct view text,
			  const struct auth_context *context, bool unresolved);

/* policy_variable.c: `at` stands on "${" and moves behind "}"; a single sign (*, ?, $) is told as a
 * literal. */
struct policy_reference {
	struct view literal; /* ptr NULL: a variable */
	struct view name;
	struct view fallback; /* ptr NULL: none */
};
NODISCARD struct err policy_reference_parse(struct policy_build *build, struct view text,
					    size_t *at, struct policy_reference *out);
NODISCARD struct err policy_key_find(struct policy_build *build, struct view name,
				     struct policy_key *out);

/* policy_principal.c */
NODISCARD struct err policy_principals_compile(struct policy_build *build, const struct json *value,
					       struct policy_statement *out);
struct policy_asker {
	const struct auth_principal *principal;
	struct view account, arn, role_arn, id;
};
enum auth_naming policy_naming_of(const struct policy_statement *statement,
				  const struct policy_asker *asker);

/* policy_condition.c */
NODISCARD struct err policy_conditions_compile(struct policy_build *build, const struct json *value,
					       struct policy_statement *out);
bool policy_condition_holds(const struct policy_condition *condition,
			    const struct auth_context *context);

/* policy_operator.c */
NODISCARD struct err policy_operator_find(struct policy_build *build, struct view name,
					  struct policy_condition *out);
NODISCARD struct err policy_operand_compile(struct policy_build *build,
					    const struct policy_operator *row, struct view text,
					    struct policy_operand *out);
bool policy_operator_is_null(const struct policy_operator *row);
bool policy_operator_is_negated(const struct policy_operator *row);
bool policy_operand_match(const struct policy_condition *condition,
			  const struct policy_operand *operand, const struct policy_value *value,
			  const struct auth_context *context);

/* policy_statement.c */
NODISCARD struct err policy_statement_compile(struct policy_build *build, const struct json *value,
					      struct policy_statement *out);

#endif
