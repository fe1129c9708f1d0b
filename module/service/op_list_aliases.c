/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListAliases. */
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/listing.h"
#include "service/operation.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 50
#define PAGE_MAX 100 /* the model lets a client ask for 1,000; AWS tells no more than this */

enum { EVERYTHING, KEY };

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, false},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "Limit", "Marker", NULL};

static const struct kms_key_id *wanted_key(const struct call_work *work)
{
	return work->keys[KEY] != NULL ? &keyring_key(work->keys[KEY])->key.id : NULL;
}

static struct err execute(struct call_work *work)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	const struct kms_key_id *key_id = wanted_key(work);
	char about[KMS_KEY_ID_TEXT + 1] = "";
	if (key_id != NULL)
		kms_key_id_format(key_id, about);
	struct marker_place place;
	TRY(listing_begin(work, view_of_text(about), &place));
	int64_t limit = input_integer(work, "Limit", LIMIT_DEFAULT);
	const struct kms_page_query query = {.scope = place.scope,
					     .key_id = key_id,
					     .after = marker_last(&place),
					     .limit = (size_t)MIN_OF(limit, PAGE_MAX)};
	struct kms_alias_page page = {0};
	TRY(catalog->ops->alias_list(catalog->self, &query, &page));
	struct view last = page.more ? view_of_text(page.aliases[page.count - 1].name) : VIEW_NONE;
	return listing_end(work, &place,
			   &(struct listing_page){.items = page.aliases,
						  .count = page.count,
						  .more = page.more,
						  .last = last});
}

static void encode_alias(const struct kms_alias *alias, struct json_out *out)
{
	char arn[KMS_ALIAS_ARN_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_alias_arn_format(&alias->scope, view_of_text(alias->name), arn);
	kms_key_id_format(&alias->key_id, id);
	json_out_begin_object(out, NULL);
	json_out_text(out, "AliasArn", view_of_text(arn));
	json_out_text(out, "AliasName", view_of_text(alias->name));
	json_out_time(out, "CreationDate", alias->created_ms);
	json_out_time(out, "LastUpdatedDate", alias->updated_ms);
	json_out_text(out, "TargetKeyId", view_of_text(id));
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_begin_array(out, "Aliases");
	const struct kms_alias *aliases = work->out.list.items;
	for (size_t i = 0; i < work->out.list.count; i++)
		encode_alias(&aliases[i], out);
	json_out_end_array(out);
	listing_encode(work, out);
}

/* Permission is asked once, on no key: the one that is named only narrows the list. */
const struct operation op_list_aliases = {
	.name = "ListAliases",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {[EVERYTHING] = {.action = "kms:ListAliases"},
		 [KEY] = {.member = "KeyId", .optional = true}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
