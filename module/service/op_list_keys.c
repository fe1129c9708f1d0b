/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListKeys. */
#include "base/mem.h"
#include "service/core.h"
#include "service/input.h"
#include "service/listing.h"
#include "service/operation.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 100

static const char *const owners[] = {"SELF", "OTHER_ACCOUNTS_VIA_RAM", NULL};
static const struct schema_shape owner = {.type = SCHEMA_STRING, .values = owners};
static const struct schema_shape owner_list = {.type = SCHEMA_LIST,
					       .has_min = true,
					       .min = 1,
					       .has_max = true,
					       .max = 2,
					       .element = &owner};

static const struct schema_member members[] = {
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{"ResourceOwners", &owner_list, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Limit", "Marker", "ResourceOwners", NULL};

/* A key id in a marker: multi-Region 1 | id 16. */
#define ID_LEN (1 + sizeof((struct kms_key_id *)NULL)->bytes)

static void write_id(const struct kms_key_id *id, uint8_t out[ID_LEN])
{
	out[0] = id->multi_region;
	mem_copy(out + 1, ID_LEN - 1, id->bytes, sizeof id->bytes);
}

static struct err read_id(struct view bytes, struct kms_key_id *out)
{
	REQUIRE(bytes.len == ID_LEN && bytes.ptr[0] <= 1, E_KMS_INVALID_MARKER);
	out->multi_region = bytes.ptr[0];
	mem_copy(out->bytes, sizeof out->bytes, bytes.ptr + 1, ID_LEN - 1);
	return OK;
}

/* Without the member, and with SELF in it, the account's own keys; nobody shares keys here. */
static bool wants_own(const struct call_work *work)
{
	const struct json *list = input_member(work, "ResourceOwners");
	for (size_t i = 0; i < json_count(list); i++)
		if (view_equal_text(json_string_of(json_element(list, i)), "SELF"))
			return true;
	return list == NULL;
}

static struct err execute(struct call_work *work)
{
	const struct kms_store *store = &work->service->options.store;
	struct marker_place place;
	struct kms_key_page page = {0};
	struct kms_key_id after;
	TRY(listing_begin(work, VIEW_NONE, &place));
	bool from_start = place.last_len == 0;
	if (!from_start)
		TRY(read_id(marker_last(&place), &after));
	if (wants_own(work))
		TRY(store->ops->key_list(store->self, place.scope, from_start ? NULL : &after,
					 (size_t)input_integer(work, "Limit", LIMIT_DEFAULT),
					 &page));
	uint8_t last[ID_LEN];
	if (page.more)
		write_id(&page.ids[page.count - 1], last);
	return listing_end(work, &place,
			   &(struct listing_page){.items = page.ids,
						  .count = page.count,
						  .more = page.more,
						  .last = VIEW_ARRAY(last)});
}

static void encode_key(const struct kms_scope *scope, const struct kms_key_id *key,
		       struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_key_arn_format(scope, key, arn);
	kms_key_id_format(key, id);
	json_out_begin_object(out, NULL);
	json_out_text(out, "KeyArn", view_of_text(arn));
	json_out_text(out, "KeyId", view_of_text(id));
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_scope *scope = &work->home;
	json_out_begin_array(out, "Keys");
	const struct kms_key_id *ids = work->out.list.items;
	for (size_t i = 0; i < work->out.list.count; i++)
		encode_key(scope, &ids[i], out);
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation op_list_keys = {
	.name = "ListKeys",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "kms:ListKeys"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
