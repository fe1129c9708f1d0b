/* SPDX-License-Identifier: Apache-2.0 */
#include "service/tags.h"

#include "service/input.h"

static const struct schema_shape tag_key = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 128};
static const struct schema_shape tag_value = {.type = SCHEMA_STRING, .has_max = true, .max = 256};
static const struct schema_member tag_members[] = {
	{"TagKey", &tag_key, true},
	{"TagValue", &tag_value, true},
	{NULL, NULL, false},
};
static const struct schema_shape tag = {.type = SCHEMA_STRUCTURE, .members = tag_members};

const struct schema_shape shape_tags = {.type = SCHEMA_LIST, .element = &tag};

static struct view key_of(const struct json *tags, size_t at)
{
	return json_string_of(json_member(json_element(tags, at), "TagKey"));
}

static bool is_reserved(struct view key)
{
	return view_equal_ignore_case(view_part(key, 0, 4), VIEW_LITERAL("aws:"));
}

static bool has_duplicate(const struct json *tags)
{
	for (size_t i = 1; i < json_count(tags); i++)
		for (size_t j = 0; j < i; j++)
			if (view_equal(key_of(tags, i), key_of(tags, j)))
				return true;
	return false;
}

NODISCARD struct err tags_check(struct call_work *work, const char *member)
{
	const struct json *tags = input_member(work, member);
	size_t count = json_count(tags);
	if (count == 0)
		return OK;
	if (count > TAGS_MAX)
		return work_refuse(work, ERR(E_KMS_TAG), "Too many tags");
	for (size_t i = 0; i < count; i++)
		if (is_reserved(key_of(tags, i)))
			return work_refuse(work, ERR(E_KMS_TAG),
					   "Tags beginning with aws: are reserved");
	if (has_duplicate(tags))
		return work_refuse(work, ERR(E_KMS_TAG), "Duplicate tag keys");
	return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION), "Tags are not supported.");
}
