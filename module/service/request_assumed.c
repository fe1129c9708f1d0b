/* SPDX-License-Identifier: Apache-2.0 */
/* Condition keys as an operator assumes them: texts, as a policy writes them. */
#include "base/text.h"
#include "codec/timestamp.h"
#include "service/request_context.h"

static struct err parse_bool(struct view text, int64_t *out)
{
	*out = view_equal_ignore_case(text, VIEW_LITERAL("true"));
	REQUIRE(*out || view_equal_ignore_case(text, VIEW_LITERAL("false")), E_VALIDATION);
	return OK;
}

/* A date, or seconds since 1970. */
static struct err parse_time(struct view text, int64_t *out)
{
	if (!err_failed(timestamp_parse_iso(text, out)))
		return OK;
	REQUIRE(!err_failed(text_parse_integer(text, 0, INT64_MAX / 1000, out)), E_VALIDATION);
	*out *= 1000;
	return OK;
}

static struct err parse_number(enum auth_condition_type type, struct view text, int64_t *out)
{
	if (type == AUTH_TYPE_BOOL)
		return parse_bool(text, out);
	if (type == AUTH_TYPE_TIME)
		return parse_time(text, out);
	REQUIRE(!err_failed(text_parse_integer(text, 0, INT64_MAX, out)), E_VALIDATION);
	return OK;
}

static bool is_text(enum auth_condition_type type)
{
	return type == AUTH_TYPE_TEXT || type == AUTH_TYPE_ARN || type == AUTH_TYPE_IP;
}

static struct err assume_texts(struct request_context *request, enum auth_condition_key key,
			       const struct json *values)
{
	size_t count = json_count(values);
	struct view *texts = count > 0 ? request_context_views(request, count) : NULL;
	if (count > 0 && texts == NULL)
		return request->failure;
	for (size_t i = 0; i < count; i++)
		texts[i] = json_string_of(json_element(values, i));
	request->context.values[key] = (struct auth_value){.texts = texts, .count = count};
	return OK;
}

/* No values at all: the key is absent. */
static struct err assume_key(struct request_context *request, enum auth_condition_key key,
			     const struct json *values)
{
	enum auth_condition_type type = auth_condition_type_of(key);
	if (is_text(type) || json_count(values) == 0)
		return assume_texts(request, key, values);
	REQUIRE(json_count(values) == 1, E_VALIDATION);
	int64_t number = 0;
	TRY(parse_number(type, json_string_of(json_element(values, 0)), &number));
	auth_context_put_number(&request->context, key, number);
	return OK;
}

/* Adds the member, or replaces the one that is there. */
static struct err assume_member(struct request_context *request, enum auth_condition_family family,
				struct view name, const struct json *values)
{
	REQUIRE(json_count(values) == 1, E_VALIDATION);
	struct auth_pairs *had = &request->context.families[family];
	struct auth_pair *pairs = request_context_pairs(request, had->count + 1);
	if (pairs == NULL)
		return request->failure;
	size_t count = 0;
	for (size_t i = 0; i < had->count; i++)
		if (!view_equal(had->pairs[i].name, name))
			pairs[count++] = had->pairs[i];
	pairs[count++] = (struct auth_pair){name, json_string_of(json_element(values, 0))};
	*had = (struct auth_pairs){pairs, count};
	return OK;
}

static struct err assume_one(struct request_context *request, struct view name,
			     const struct json *values)
{
	enum auth_condition_key key;
	enum auth_condition_family family;
	struct view member;
	if (auth_condition_find(name, &key))
		return assume_key(request, key, values);
	REQUIRE(auth_condition_find_family(name, &family, &member), E_VALIDATION);
	return assume_member(request, family, member, values);
}

NODISCARD struct err request_context_assume(struct request_context *request,
					    const struct json *assumed)
{
	const struct json *values;
	struct view name;
	for (size_t at = 0; json_next_member(assumed, &at, &name, &values);)
		TRY(assume_one(request, name, values));
	return OK;
}
