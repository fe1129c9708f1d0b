/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition blocks (IAM User Guide: "IAM JSON policy elements: Condition"): operators and keys all
 * hold, of a key's values one is enough; what that means for keys with several values, or none.
 */
#include "auth/policy_build.h"
#include "base/text.h"

#define REAL_TEXT 32

/* Numbers and truth values may stand without quotes. */
static NODISCARD struct err text_of_value(struct policy_build *build, const struct json *value,
					  char room[REAL_TEXT], struct view *out)
{
	switch (json_type_of(value)) {
	case JSON_TYPE_STRING:
		*out = json_string_of(value);
		return OK;
	case JSON_TYPE_BOOL:
		*out = json_bool_of(value) ? VIEW_LITERAL("true") : VIEW_LITERAL("false");
		return OK;
	case JSON_TYPE_INTEGER:
		TRY(text_format(room, REAL_TEXT, "%lld", (long long)json_integer_of(value)));
		*out = view_of_text(room);
		return OK;
	case JSON_TYPE_REAL:
		TRY(text_format(room, REAL_TEXT, "%.15g", json_number_of(value)));
		*out = view_of_text(room);
		return OK;
	case JSON_TYPE_NULL:
	case JSON_TYPE_ARRAY:
	case JSON_TYPE_OBJECT:
		break;
	}
	return policy_refuse(build, VIEW_NONE, "has a value that is no string, number or boolean");
}

static NODISCARD struct err compile_values(struct policy_build *build, const struct json *list,
					   struct policy_condition *out)
{
	TRY(policy_list_count(build, list, &out->operand_count));
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, out->operand_count, &out->operands));
	for (size_t i = 0; i < out->operand_count; i++) {
		char room[REAL_TEXT];
		struct view text = VIEW_NONE;
		TRY(text_of_value(build, policy_list_at(list, i), room, &text));
		TRY(policy_operand_compile(build, out->row, text, &out->operands[i]));
	}
	return OK;
}

/* The keys of one operator. */
static NODISCARD struct err compile_keys(struct policy_build *build, struct view operation,
					 const struct json *keys, struct policy_statement *out)
{
	struct policy_condition common = {0};
	struct view name;
	const struct json *values;
	TRY(policy_operator_find(build, operation, &common));
	for (size_t at = 0; json_next_member(keys, &at, &name, &values);) {
		struct policy_condition *condition = &out->conditions[out->condition_count];
		build->key = name;
		*condition = common;
		if (view_find(name, ':') == name.len)
			return policy_refuse(build, VIEW_NONE, "this is no condition key");
		TRY(policy_key_find(build, name, &condition->key));
		TRY(compile_values(build, values, condition));
		out->condition_count++;
	}
	build->key = VIEW_NONE;
	return OK;
}

static NODISCARD struct err count_keys(struct policy_build *build, const struct json *block,
				       size_t *out)
{
	const struct json *keys;
	*out = 0;
	for (size_t at = 0; json_next_member(block, &at, &build->operation, &keys);) {
		if (json_type_of(keys) != JSON_TYPE_OBJECT || json_count(keys) == 0)
			return policy_refuse(build, VIEW_NONE,
					     "must be an object of condition keys and values");
		*out += json_count(keys);
	}
	build->operation = VIEW_NONE;
	return OK;
}

NODISCARD struct err policy_conditions_compile(struct policy_build *build, const struct json *value,
					       struct policy_statement *out)
{
	size_t count;
	const struct json *keys;
	if (json_type_of(value) != JSON_TYPE_OBJECT)
		return policy_refuse(build, VIEW_NONE, "must be an object of operators");
	TRY(count_keys(build, value, &count));
	TRY(POLICY_NEW_ARRAY(&build->policy->arena, count, &out->conditions));
	for (size_t at = 0; json_next_member(value, &at, &build->operation, &keys);)
		TRY(compile_keys(build, build->operation, keys, out));
	build->operation = VIEW_NONE;
	return OK;
}

/* Whether the operator, without its negation, holds for one value of the key. */
static bool fits(const struct policy_condition *condition, const struct policy_value *value,
		 const struct auth_context *context)
{
	for (size_t i = 0; i < condition->operand_count && auth_context_spend(context, 1); i++)
		if (policy_operand_match(condition, &condition->operands[i], value, context))
			return true;
	return false;
}

/* IAM, "Null": "true" says that the key is absent. */
static bool holds_null(const struct policy_condition *condition, bool absent)
{
	for (size_t i = 0; i < condition->operand_count; i++)
		if (condition->operands[i].truth == absent)
			return true;
	return false;
}

/* IAM, "Condition operators": a key that is absent fits nothing, which is what negated operators
 * ask for; ForAllValues holds for no values, ForAnyValue does not. */
static bool holds_absent(const struct policy_condition *condition)
{
	if (condition->if_exists)
		return true;
	if (condition->set != SET_NONE)
		return condition->set == SET_ALL;
	return policy_operator_is_negated(condition->row);
}

/*
 * For a plain operator and a key with several values: one that fits is enough, and a negated one
 * asks that none fits. With ForAllValues and ForAnyValue, each value is asked by itself.
 */
bool policy_condition_holds(const struct policy_condition *condition,
			    const struct auth_context *context)
{
	struct policy_values walk = {.context = context, .key = &condition->key};
	bool negated = policy_operator_is_negated(condition->row);
	bool all = condition->set == SET_ALL || (condition->set == SET_NONE && negated);
	struct policy_value value;
	bool some = policy_values_next(&walk, &value);
	if (policy_operator_is_null(condition->row))
		return holds_null(condition, !some);
	if (!some)
		return holds_absent(condition);
	do {
		bool holds = fits(condition, &value, context) != negated;
		if (holds != all)
			return holds;
	} while (auth_context_spend(context, 1) && policy_values_next(&walk, &value));
	return all;
}
