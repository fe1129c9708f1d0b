/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListResourceTags. In ascending order of the tags' keys. */
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/listing.h"
#include "service/operation.h"
#include "service/shapes.h"

#define LIMIT_MAX 50 /* also without the member. A larger Limit is none: pages may be shorter */

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "Limit", "Marker", NULL};

static struct err execute(struct call_work *work)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct marker_place place;
	struct kms_tag_page page = {0};
	TRY(listing_begin(work, VIEW_ARRAY(key->id.bytes), &place));
	const struct kms_page_query query = {
		.scope = &key->scope,
		.key_id = &key->id,
		.after = marker_last(&place),
		.limit = (size_t)MIN_OF(input_integer(work, "Limit", LIMIT_MAX), LIMIT_MAX),
	};
	TRY(catalog->ops->tags_list(catalog->self, &query, &page));
	return listing_end(work, &place,
			   &(struct listing_page){
				   .items = page.tags,
				   .count = page.count,
				   .more = page.more,
				   .last = page.more ? view_of_text(page.tags[page.count - 1].key)
						     : VIEW_NONE});
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_tag *tags = work->out.list.items;
	json_out_begin_array(out, "Tags");
	for (size_t i = 0; i < work->out.list.count; i++) {
		json_out_begin_object(out, NULL);
		json_out_text(out, "TagKey", view_of_text(tags[i].key));
		json_out_text(out, "TagValue", view_of_text(tags[i].value));
		json_out_end_object(out);
	}
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation op_list_resource_tags = {
	.name = "ListResourceTags",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ListResourceTags", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
