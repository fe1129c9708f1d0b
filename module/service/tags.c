/* SPDX-License-Identifier: Apache-2.0 */
#include "service/tags.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_facts.h"
#include "service/keyring.h"
#include "service/trail.h"

static const struct schema_shape tag_key = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = KMS_TAG_KEY_MAX};
static const struct schema_shape tag_value = {
	.type = SCHEMA_STRING, .has_max = true, .max = KMS_TAG_VALUE_MAX};
static const struct schema_member tag_members[] = {
	{"TagKey", &tag_key, true},
	{"TagValue", &tag_value, true},
	{NULL, NULL, false},
};
static const struct schema_shape tag = {.type = SCHEMA_STRUCTURE, .members = tag_members};

const struct schema_shape shape_tags = {.type = SCHEMA_LIST, .element = &tag};
const struct schema_shape shape_tag_keys = {.type = SCHEMA_LIST, .element = &tag_key};

/* An element is a tag or, in a list of keys, the key itself. */
static struct view key_of(const struct json *list, size_t at)
{
	const struct json *element = json_element(list, at);
	if (json_type_of(element) == JSON_TYPE_OBJECT)
		element = json_member(element, "TagKey");
	return json_string_of(element);
}

static struct view value_of(const struct json *list, size_t at)
{
	return json_string_of(json_member(json_element(list, at), "TagValue"));
}

static bool is_reserved(struct view key)
{
	return view_equal_ignore_case(view_part(key, 0, 4), VIEW_LITERAL("aws:"));
}

static bool has_duplicate(const struct json *list)
{
	for (size_t i = 1; i < json_count(list); i++)
		for (size_t j = 0; j < i; j++)
			if (view_equal(key_of(list, i), key_of(list, j)))
				return true;
	return false;
}

NODISCARD struct err tags_check(struct call_work *work, const char *member)
{
	const struct json *list = input_member(work, member);
	size_t count = json_count(list);
	if (count > KMS_TAGS_MAX)
		return work_refuse(work, ERR(E_KMS_TAG), "Too many tags");
	for (size_t i = 0; i < count; i++)
		if (is_reserved(key_of(list, i)))
			return work_refuse(work, ERR(E_KMS_TAG),
					   "Tags beginning with aws: are reserved");
	if (has_duplicate(list))
		return work_refuse(work, ERR(E_KMS_TAG), "Duplicate tag keys");
	return OK;
}

NODISCARD struct err tags_new(const struct call_work *work, const char *member,
			      struct kms_tag **out, size_t *count)
{
	const struct json *list = input_member(work, member);
	size_t wanted = json_count(list);
	*out = NULL;
	*count = 0;
	ENSURE(wanted <= KMS_TAGS_MAX);
	if (wanted == 0)
		return OK;
	CLEANUP(mem_free_at) struct kms_tag *tags = NULL;
	TRY(MEM_NEW_ARRAY(wanted, &tags));
	for (size_t i = 0; i < wanted; i++) {
		TRY(text_copy(tags[i].key, sizeof tags[i].key, key_of(list, i)));
		TRY(text_copy(tags[i].value, sizeof tags[i].value, value_of(list, i)));
	}
	*out = TAKE(tags);
	*count = wanted;
	return OK;
}

/* KMS API: TagResource declares LimitExceededException for a key that would have too many. */
static struct err explain(struct call_work *work, struct err failure)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	if (err_is(failure, E_KMS_LIMIT))
		return work_refuse(work, failure, "Too many tags");
	if (err_is(failure, E_NOT_FOUND))
		return work_refuse(work, ERR(E_KMS_NOT_FOUND), "Key '%s' does not exist", arn);
	return failure;
}

NODISCARD struct err tags_change(struct call_work *work, const char *member, tags_change_fn *put)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct kms_tag_change change = {.scope = &key->scope, .key_id = &key->id};
	CLEANUP(mem_free_at) struct kms_tag *tags = NULL;
	TRY(tags_new(work, member, &tags, &change.count));
	if (change.count == 0)
		return OK;
	change.tags = tags;
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	struct err e = put(work->service->options.catalog.self, &change, &outbox);
	work->committed = !err_failed(e);
	/* Failed or not: it may be in the store all the same, and policies ask for tags. */
	key_facts_drop(work->service->key_facts, &key->id);
	return err_failed(e) ? explain(work, e) : OK;
}
