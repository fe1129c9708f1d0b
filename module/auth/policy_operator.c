/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition operators (IAM User Guide: "IAM JSON policy elements: Condition operators"): one
 * row each, a family of rows sharing how values are compiled and compared.
 */
#include "auth/policy_build.h"
#include "base/mem.h"
#include "codec/base64.h"

#define MS_PER_S 1000
#define FRACTION_PER_MS ((int64_t)1000000000000000) /* 10^18 are one */

enum relation { EQUAL = 1, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

struct subject {
	const struct policy_condition *condition;
	const struct policy_value *value;
	const struct auth_context *context;
};

struct policy_operator {
	const char *name;
	NODISCARD struct err (*compile)(struct policy_build *build,
					const struct policy_operator *row, struct view text,
					struct policy_operand *out);
	bool (*match)(const struct subject *subject, const struct policy_operand *operand);
	bool negated;
	enum relation relation; /* of numbers and times */
	struct policy_pattern_options pattern;
};

static NODISCARD struct err compile_text(struct policy_build *build,
					 const struct policy_operator *row, struct view text,
					 struct policy_operand *out)
{
	struct policy_pattern_options options = row->pattern;
	options.variables = build->variables;
	return policy_pattern_compile(build, text, &options, &out->pattern);
}

/* Something else than an ARN would never fit, so that a negated operator would always hold. */
static NODISCARD struct err compile_arn(struct policy_build *build,
					const struct policy_operator *row, struct view text,
					struct policy_operand *out)
{
	size_t colons = 0;
	for (size_t i = 0; i < text.len; i++)
		colons += text.ptr[i] == ':';
	TRY(compile_text(build, row, text, out));
	if (colons < 5 && out->pattern.variable_count == 0 && out->pattern.shape != PATTERN_ANY)
		return policy_refuse(build, text, "is not an ARN: it has fewer than six parts");
	return OK;
}

/* IAM User Guide, "Policy variables with no value": nothing is equal to or like it, so that it is
 * what inverted operators ask for. */
static bool match_text(const struct subject *subject, const struct policy_operand *operand)
{
	char room[POLICY_TEXT_ROOM];
	struct view text = policy_value_text(subject->value, room);
	return policy_pattern_match(&operand->pattern, text, subject->context, false);
}

static bool stands_in_relation(enum relation relation, int order)
{
	switch (relation) {
	case EQUAL:
		return order == 0;
	case LESS:
		return order < 0;
	case LESS_EQUAL:
		return order <= 0;
	case GREATER:
		return order > 0;
	case GREATER_EQUAL:
		return order >= 0;
	}
	return false;
}

static int order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static NODISCARD struct err compile_number(struct policy_build *build,
					   const struct policy_operator *row, struct view text,
					   struct policy_operand *out)
{
	(void)row;
	if (err_failed(policy_number_parse(text, &out->number)))
		return policy_refuse(build, text, "is not a number");
	return OK;
}

static bool number_of_value(const struct policy_value *value, struct policy_number *out)
{
	switch (value->type) {
	case AUTH_TYPE_NUMBER:
		*out = (struct policy_number){.whole = value->number};
		return true;
	case AUTH_TYPE_TIME:
		out->whole = value->number / MS_PER_S;
		out->fraction = value->number % MS_PER_S * FRACTION_PER_MS;
		return true;
	case AUTH_TYPE_TEXT:
		return !err_failed(policy_number_parse(value->text, out));
	case AUTH_TYPE_ARN:
	case AUTH_TYPE_IP:
	case AUTH_TYPE_BOOL:
		break;
	}
	return false;
}

static bool match_number(const struct subject *subject, const struct policy_operand *operand)
{
	struct policy_number number;
	if (!number_of_value(subject->value, &number))
		return false;
	int order = order_of(number.whole, operand->number.whole);
	if (order == 0)
		order = order_of(number.fraction, operand->number.fraction);
	return stands_in_relation(subject->condition->row->relation, order);
}

static NODISCARD struct err compile_time(struct policy_build *build,
					 const struct policy_operator *row, struct view text,
					 struct policy_operand *out)
{
	(void)row;
	if (err_failed(policy_time_parse(text, &out->time_ms)))
		return policy_refuse(build, text,
				     "is neither a date of ISO 8601 nor seconds since 1970");
	return OK;
}

static bool time_of_value(const struct policy_value *value, int64_t *unix_ms)
{
	switch (value->type) {
	case AUTH_TYPE_TIME:
		*unix_ms = value->number;
		return true;
	case AUTH_TYPE_NUMBER:
		return !__builtin_mul_overflow(value->number, MS_PER_S, unix_ms);
	case AUTH_TYPE_TEXT:
		return !err_failed(policy_time_parse(value->text, unix_ms));
	case AUTH_TYPE_ARN:
	case AUTH_TYPE_IP:
	case AUTH_TYPE_BOOL:
		break;
	}
	return false;
}

static bool match_time(const struct subject *subject, const struct policy_operand *operand)
{
	int64_t unix_ms;
	return time_of_value(subject->value, &unix_ms) &&
	       stands_in_relation(subject->condition->row->relation,
				  order_of(unix_ms, operand->time_ms));
}

static bool truth_of_text(struct view text, bool *out)
{
	*out = view_equal_ignore_case(text, VIEW_LITERAL("true"));
	return *out || view_equal_ignore_case(text, VIEW_LITERAL("false"));
}

static NODISCARD struct err compile_truth(struct policy_build *build,
					  const struct policy_operator *row, struct view text,
					  struct policy_operand *out)
{
	(void)row;
	if (!truth_of_text(text, &out->truth))
		return policy_refuse(build, text, "is neither true nor false");
	return OK;
}

static bool match_truth(const struct subject *subject, const struct policy_operand *operand)
{
	char room[POLICY_TEXT_ROOM];
	bool truth;
	return truth_of_text(policy_value_text(subject->value, room), &truth) &&
	       truth == operand->truth;
}

static NODISCARD struct err compile_network(struct policy_build *build,
					    const struct policy_operator *row, struct view text,
					    struct policy_operand *out)
{
	(void)row;
	if (err_failed(policy_network_parse(text, &out->network)))
		return policy_refuse(build, text, "is not an IP address or network");
	return OK;
}

static bool match_network(const struct subject *subject, const struct policy_operand *operand)
{
	return policy_network_has(&operand->network, subject->value->text);
}

static NODISCARD struct err compile_binary(struct policy_build *build,
					   const struct policy_operator *row, struct view text,
					   struct policy_operand *out)
{
	struct writer w;
	uint8_t *room;
	size_t size = BASE64_DECODED_MAX(text.len);
	(void)row;
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, size, &room));
	writer_init(&w, room, size);
	if (err_failed(base64_decode(&w, text)))
		return policy_refuse(build, text, "is not Base64");
	out->bytes = view_of(room, w.len);
	return OK;
}

static bool match_binary(const struct subject *subject, const struct policy_operand *operand)
{
	char room[POLICY_TEXT_ROOM];
	return view_equal(operand->bytes, policy_value_text(subject->value, room));
}

#define TEXT(name, negated, ...)                            \
	{                                                   \
		name, compile_text, match_text, negated, 0, \
		{                                           \
			__VA_ARGS__                         \
		}                                           \
	}
#define ARN(name, negated)                                 \
	{                                                  \
		name, compile_arn, match_text, negated, 0, \
		{                                          \
			.wildcards = true, .arn = true     \
		}                                          \
	}
#define NUMBER(name, negated, relation)                                \
	{                                                              \
		name, compile_number, match_number, negated, relation, \
		{                                                      \
			0                                              \
		}                                                      \
	}
#define TIME(name, negated, relation)                              \
	{                                                          \
		name, compile_time, match_time, negated, relation, \
		{                                                  \
			0                                          \
		}                                                  \
	}
#define NETWORK(name, negated)                                    \
	{                                                         \
		name, compile_network, match_network, negated, 0, \
		{                                                 \
			0                                         \
		}                                                 \
	}

static const struct policy_operator operators[] = {
	TEXT("StringEquals", false, 0),
	TEXT("StringNotEquals", true, 0),
	TEXT("StringEqualsIgnoreCase", false, .any_case = true),
	TEXT("StringNotEqualsIgnoreCase", true, .any_case = true),
	TEXT("StringLike", false, .wildcards = true),
	TEXT("StringNotLike", true, .wildcards = true),
	ARN("ArnEquals", false),
	ARN("ArnNotEquals", true),
	ARN("ArnLike", false),
	ARN("ArnNotLike", true),
	NUMBER("NumericEquals", false, EQUAL),
	NUMBER("NumericNotEquals", true, EQUAL),
	NUMBER("NumericLessThan", false, LESS),
	NUMBER("NumericLessThanEquals", false, LESS_EQUAL),
	NUMBER("NumericGreaterThan", false, GREATER),
	NUMBER("NumericGreaterThanEquals", false, GREATER_EQUAL),
	TIME("DateEquals", false, EQUAL),
	TIME("DateNotEquals", true, EQUAL),
	TIME("DateLessThan", false, LESS),
	TIME("DateLessThanEquals", false, LESS_EQUAL),
	TIME("DateGreaterThan", false, GREATER),
	TIME("DateGreaterThanEquals", false, GREATER_EQUAL),
	NETWORK("IpAddress", false),
	NETWORK("NotIpAddress", true),
	{"Bool", compile_truth, match_truth, false, 0, {0}},
	{"BinaryEquals", compile_binary, match_binary, false, 0, {0}},
	{"Null", compile_truth, NULL, false, 0, {0}},
};

static bool cut_start(struct view *name, struct view start)
{
	if (!view_starts_with(*name, start))
		return false;
	*name = view_part(*name, start.len, name->len);
	return true;
}

static bool cut_end(struct view *name, struct view end)
{
	if (name->len < end.len || !view_equal(view_part(*name, name->len - end.len, end.len), end))
		return false;
	name->len -= end.len;
	return true;
}

static NODISCARD struct err refuse_unknown(struct policy_build *build, struct view name)
{
	struct policy_names names = {.wanted = name};
	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		policy_names_offer(&names, operators[i].name);
	return policy_refuse_name(build, VIEW_NONE, "unknown operator", &names);
}

NODISCARD struct err policy_operator_find(struct policy_build *build, struct view name,
					  struct policy_condition *out)
{
	struct view bare = name;
	if (cut_start(&bare, VIEW_LITERAL("ForAnyValue:")))
		out->set = SET_ANY;
	else if (cut_start(&bare, VIEW_LITERAL("ForAllValues:")))
		out->set = SET_ALL;
	out->if_exists = cut_end(&bare, VIEW_LITERAL("IfExists"));
	for (size_t i = 0; i < ARRAY_LEN(operators); i++)
		if (view_equal_text(bare, operators[i].name))
			out->row = &operators[i];
	if (out->row == NULL)
		return refuse_unknown(build, bare);
	if (policy_operator_is_null(out->row) && (out->if_exists || out->set != SET_NONE))
		return policy_refuse(build, VIEW_NONE,
				     "Null stands without IfExists, ForAnyValue and ForAllValues");
	return OK;
}

NODISCARD struct err policy_operand_compile(struct policy_build *build,
					    const struct policy_operator *row, struct view text,
					    struct policy_operand *out)
{
	return row->compile(build, row, text, out);
}

bool policy_operator_is_null(const struct policy_operator *row)
{
	return row->match == NULL;
}

bool policy_operator_is_negated(const struct policy_operator *row)
{
	return row->negated;
}

bool policy_operand_match(const struct policy_condition *condition,
			  const struct policy_operand *operand, const struct policy_value *value,
			  const struct auth_context *context)
{
	const struct subject subject = {condition, value, context};
	return condition->row->match(&subject, operand);
}
