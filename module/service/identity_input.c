/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_input.h"

#include "base/ascii.h"
#include "base/text.h"
#include "service/input.h"

#define TAG_KEY_MAX 128 /* IAM API: tagKeyType, tagValueType */
#define TAG_VALUE_MAX 256

/* --- shapes --- */

static const char *const kinds[] = {"account", "user", "group", "role", "service", "policy", NULL};
static const char *const kinds_policies[] = {"user", "group", "role", NULL};
static const char *const kinds_boundary[] = {"user", "role", NULL};
static const char *const kinds_tags[] = {"user", "role", "service", "policy", NULL};
static const char *const kinds_access_key[] = {"user", "account", "service", NULL};
const struct schema_shape shape_kind = {.type = SCHEMA_STRING, .values = kinds};
const struct schema_shape shape_kind_policies = {.type = SCHEMA_STRING, .values = kinds_policies};
const struct schema_shape shape_kind_boundary = {.type = SCHEMA_STRING, .values = kinds_boundary};
const struct schema_shape shape_kind_tags = {.type = SCHEMA_STRING, .values = kinds_tags};
const struct schema_shape shape_kind_access_key = {.type = SCHEMA_STRING,
						   .values = kinds_access_key};

static bool is_one_of(uint8_t c, struct view set)
{
	return view_find(set, c) < set.len;
}

static bool is_account(struct view value)
{
	return value.len == AUTH_ACCOUNT_LEN && ascii_consists_of(value, ASCII_DIGIT, VIEW_NONE);
}

static bool is_iam_name(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL("_+=,.@-"));
}

static bool is_access_key_id(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL("_"));
}

/* What lies beyond ASCII is taken for a letter, a digit or a separator. */
static bool is_tag_text(struct view value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];
		if (c < 0x80 && !ascii_is(c, ASCII_ALPHANUMERIC) &&
		    !is_one_of(c, VIEW_LITERAL(" _.:/=+-@")))
			return false;
	}
	return true;
}

/* What may stand in a description, or a policy. */
static bool is_printable(struct view value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];
		if (c < 0x20 && !is_one_of(c, VIEW_LITERAL("\t\n\r")))
			return false;
	}
	return true;
}

static const struct schema_pattern account_pattern = {"\\d{12}", is_account};
static const struct schema_pattern name_pattern = {"[\\w+=,.@-]+", is_iam_name};
static const struct schema_pattern key_id_pattern = {"[\\w]+", is_access_key_id};
static const struct schema_pattern tag_pattern = {"[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*", is_tag_text};
static const struct schema_pattern printable_pattern = {"[\\u0009\\u000A\\u000D\\u0020-\\uFFFF]*",
							is_printable};

const struct schema_shape shape_account = {.type = SCHEMA_STRING, .pattern = &account_pattern};
const struct schema_shape shape_identity_name = {.type = SCHEMA_STRING,
						 .has_min = true,
						 .min = 1,
						 .has_max = true,
						 .max = AUTH_NAME_MAX,
						 .pattern = &name_pattern};
const struct schema_shape shape_iam_policy_name = {.type = SCHEMA_STRING,
						   .has_min = true,
						   .min = 1,
						   .has_max = true,
						   .max = AUTH_NAME_MAX,
						   .pattern = &name_pattern};
const struct schema_shape shape_iam_policy_arn = {
	.type = SCHEMA_STRING, .has_min = true, .min = 20, .has_max = true, .max = 2048};
const struct schema_shape shape_iam_document = {.type = SCHEMA_STRING,
						.has_min = true,
						.min = 1,
						.has_max = true,
						.max = 131072,
						.pattern = &printable_pattern};
const struct schema_shape shape_iam_description = {
	.type = SCHEMA_STRING, .has_max = true, .max = 1000, .pattern = &printable_pattern};
const struct schema_shape shape_session_seconds_max = {.type = SCHEMA_INTEGER,
						       .has_min = true,
						       .min = IDENTITY_SESSION_SECONDS_MIN,
						       .has_max = true,
						       .max = AUTH_SESSION_SECONDS_MAX};
const struct schema_shape shape_access_key_id = {.type = SCHEMA_STRING,
						 .has_min = true,
						 .min = 16,
						 .has_max = true,
						 .max = AUTH_ACCESS_KEY_ID_MAX,
						 .pattern = &key_id_pattern};
static const char *const statuses[] = {"Active", "Inactive", NULL};
const struct schema_shape shape_access_key_status = {.type = SCHEMA_STRING, .values = statuses};

static const struct schema_shape tag_key = {.type = SCHEMA_STRING,
					    .has_min = true,
					    .min = 1,
					    .has_max = true,
					    .max = TAG_KEY_MAX,
					    .pattern = &tag_pattern};
static const struct schema_shape tag_value = {
	.type = SCHEMA_STRING, .has_max = true, .max = TAG_VALUE_MAX, .pattern = &tag_pattern};
static const struct schema_member tag_members[] = {
	{"Key", &tag_key, true},
	{"Value", &tag_value, true},
	{NULL, NULL, false},
};
static const struct schema_shape tag = {.type = SCHEMA_STRUCTURE, .members = tag_members};
const struct schema_shape shape_iam_tags = {.type = SCHEMA_LIST, .element = &tag};
const struct schema_shape shape_iam_tag_keys = {.type = SCHEMA_LIST, .element = &tag_key};

/* --- which identity --- */

static const char *const name_rules[AUTH_KIND_COUNT] = {
	[AUTH_KIND_ACCOUNT] = "an account's number, 12 digits",
	[AUTH_KIND_USER] = "1 to 64 alphanumeric characters and/or the following: +=,.@_-",
	[AUTH_KIND_GROUP] = "1 to 128 alphanumeric characters and/or the following: +=,.@_-",
	[AUTH_KIND_ROLE] = "1 to 64 alphanumeric characters and/or the following: +=,.@_-",
	[AUTH_KIND_SERVICE] = "a service principal: <service>[.<Region>].amazonaws.com",
	[AUTH_KIND_POLICY] = "1 to 128 alphanumeric characters and/or the following: +=,.@_-",
};

NODISCARD struct err identity_input_check_name(struct call_work *work, enum auth_identity_kind kind,
					       const char *member)
{
	if (!err_failed(auth_name_check(kind, input_text(work, member))))
		return OK;
	return work_refuse(work, ERR(E_VALIDATION),
			   "The specified value for %s is invalid. It must contain only %s", member,
			   name_rules[kind]);
}

struct view identity_input_account(const struct call_work *work)
{
	if (input_member(work, "Account") != NULL)
		return input_text(work, "Account");
	return view_of_text(work->home.account);
}

/* An account is in itself; a service is found wherever it is. */
static struct view account_of(const struct call_work *work, enum auth_identity_kind kind)
{
	if (kind == AUTH_KIND_ACCOUNT)
		return input_text(work, "Name");
	if (kind == AUTH_KIND_SERVICE)
		return input_text(work, "Account");
	return identity_input_account(work);
}

NODISCARD struct err identity_input_decode_as(struct call_work *work, enum auth_identity_kind kind)
{
	struct work_identity *out = &work->in.identity;
	struct view given = input_text(work, "Account");
	TRY(identity_input_check_name(work, kind, "Name"));
	struct view account = account_of(work, kind);
	if (given.len > 0 && !view_equal(given, account))
		return work_refuse(work, ERR(E_VALIDATION),
				   "Account and Name of an account must be the same.");
	out->kind = kind;
	TRY(text_copy(out->account, sizeof out->account, account));
	return text_copy(out->name, sizeof out->name, input_text(work, "Name"));
}

NODISCARD struct err identity_input_decode(struct call_work *work)
{
	enum auth_identity_kind kind;
	TRY(auth_kind_parse(input_text(work, "Kind"), &kind)); /* the schema has seen to it */
	return identity_input_decode_as(work, kind);
}

/* --- tags --- */

struct view identity_input_tag_key(const struct json *element)
{
	if (json_type_of(element) == JSON_TYPE_OBJECT)
		element = json_member(element, "Key");
	return json_string_of(element);
}

struct view identity_input_tag_value(const struct json *element)
{
	return json_string_of(json_member(element, "Value"));
}

/* IAM User Guide, "Tags for IAM resources": keys that differ in case alone are the same. */
static bool has_duplicate(const struct json *list)
{
	for (size_t i = 1; i < json_count(list); i++)
		for (size_t j = 0; j < i; j++)
			if (view_equal_ignore_case(identity_input_tag_key(json_element(list, i)),
						   identity_input_tag_key(json_element(list, j))))
				return true;
	return false;
}

NODISCARD struct err identity_input_check_tags(struct call_work *work, const char *member)
{
	const struct json *list = input_member(work, member);
	if (json_count(list) > AUTH_TAGS_MAX)
		return work_refuse(work, ERR(E_IAM_LIMIT),
				   "The number of tags has reached the maximum limit.");
	for (size_t i = 0; i < json_count(list); i++) {
		struct view key = identity_input_tag_key(json_element(list, i));
		if (view_equal_ignore_case(view_part(key, 0, 4), VIEW_LITERAL("aws:")))
			return work_refuse(work, ERR(E_VALIDATION),
					   "Tag keys beginning with aws: are reserved.");
	}
	if (has_duplicate(list))
		return work_refuse(work, ERR(E_VALIDATION),
				   "Duplicate tag keys found. Please note that Tag keys are case "
				   "insensitive.");
	return OK;
}
