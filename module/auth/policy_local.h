/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiled policy is made of, and what its parts know of each other; private to auth/. */
#ifndef HOLDFAST_AUTH_POLICY_LOCAL_H
#define HOLDFAST_AUTH_POLICY_LOCAL_H

#include "auth/policy.h"
#include "codec/json.h"

#define POLICY_VARIABLES_MAX 16 /* of one resource or condition value */
#define POLICY_TEXT_ROOM 32     /* the text form of a number, a truth value, a time */

/* Memory that is given back whole. */
struct policy_arena {
	struct policy_block *newest;
};
NODISCARD struct err policy_arena_take(struct policy_arena *arena, size_t size, void **out);
NODISCARD struct err policy_arena_copy(struct policy_arena *arena, struct view bytes,
				       struct view *out);
void policy_arena_cleanup(struct policy_arena *arena);
#define POLICY_NEW_ARRAY(arena, count, out) \
	policy_arena_take((arena), (count) * sizeof(**(out)), (void **)(out))

/* A condition key, looked up once. */
struct policy_key {
	enum { POLICY_KEY_UNKNOWN = 0, POLICY_KEY_PLAIN, POLICY_KEY_MEMBER } kind;
	enum auth_condition_key plain;
	enum auth_condition_family family;
	struct view member;
};

/* One value that a key has in a request. */
struct policy_value {
	enum auth_condition_type type;
	bool epoch;       /* TIME: its text form is seconds, not a date */
	struct view text; /* TEXT, ARN, IP */
	int64_t number;   /* NUMBER, BOOL, TIME */
};
struct policy_values {
	const struct auth_context *context;
	const struct policy_key *key;
	size_t at;
};
bool policy_values_next(struct policy_values *walk, struct policy_value *out);
struct view policy_value_text(const struct policy_value *value, char room[POLICY_TEXT_ROOM]);

struct policy_variable {
	struct policy_key key;
	struct view fallback; /* ptr NULL: none */
};
/* false: the request has no value for it, or several. */
bool policy_variable_resolve(const struct policy_variable *variable,
			     const struct auth_context *context, char room[POLICY_TEXT_ROOM],
			     struct view *out);

struct policy_piece {
	enum { PIECE_LITERAL = 1, PIECE_VARIABLE, PIECE_ONE, PIECE_RUN } kind;
	uint32_t variable;
	struct view literal;
};
struct policy_pattern {
	enum { PATTERN_ANY = 1, PATTERN_EXACT, PATTERN_PREFIX, PATTERN_PIECES } shape;
	bool any_case;
	bool arn;            /* wildcards stay within one of an ARN's six parts */
	struct view literal; /* EXACT, PREFIX */
	size_t least;        /* bytes of all literals */
	struct policy_piece *pieces;
	size_t piece_count;
	struct policy_variable *variables;
	size_t variable_count;
};

struct policy_number {
	int64_t whole, fraction; /* fraction: of 10^18, of the same sign */
};
NODISCARD struct err policy_number_parse(struct view text, struct policy_number *out);
NODISCARD struct err policy_time_parse(struct view text, int64_t *unix_ms);

struct policy_network {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;      /* of the 128 */
};
NODISCARD struct err policy_network_parse(struct view text, struct policy_network *out);
bool policy_network_has(const struct policy_network *network, struct view address);

struct policy_operand {
	union {
		struct policy_pattern pattern;
		struct policy_number number;
		struct policy_network network;
		struct view bytes;
		int64_t time_ms;
		bool truth;
	};
};
struct policy_operator; /* a row of policy_operator.c */
struct policy_condition {
	const struct policy_operator *row;
	enum { SET_NONE = 0, SET_ANY, SET_ALL } set;
	bool if_exists;
	struct policy_key key;
	struct policy_operand *operands;
	size_t operand_count;
};

struct policy_principal {
	enum {
		PRINCIPAL_EVERYBODY = 1,
		PRINCIPAL_ACCOUNT,
		PRINCIPAL_ARN, /* a user, a session */
		PRINCIPAL_ROLE,
		PRINCIPAL_ID,
		PRINCIPAL_SERVICE
	} kind;
	struct view text;
	struct view account; /* ACCOUNT */
	struct view start;   /* ACCOUNT: "arn:aws:"; empty of a bare number */
};

struct policy_statement {
	struct view sid;
	bool deny, not_principal, not_action, not_resource;
	struct policy_principal *principals;
	struct policy_pattern *actions, *resources;
	struct policy_condition *conditions;
	size_t principal_count, action_count, resource_count, condition_count;
};

struct auth_policy {
	struct policy_arena arena;
	enum auth_policy_kind kind;
	uint32_t needs;
	struct policy_statement *statements;
	size_t statement_count;
};

#endif
