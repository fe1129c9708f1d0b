/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListKeys. */
#include "base/mem.h"
#include "service/core.h"
#include "service/input.h"
#include "service/marker.h"
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

/* Without the member, and with SELF in it, the account's own keys; nobody shares keys here. */
static bool wants_own(const struct call_work *work)
{
	const struct json *list = input_member(work, "ResourceOwners");
	for (size_t i = 0; i < json_count(list); i++)
		if (view_equal_text(json_string_of(json_element(list, i)), "SELF"))
			return true;
	return list == NULL;
}

static struct err find_start(struct call_work *work, struct marker_place *place, bool *given)
{
	*given = input_member(work, "Marker") != NULL;
	if (!*given)
		return OK;
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	return marker_read(&sealer, input_text(work, "Marker"), place);
}

static struct err note_end(struct call_work *work, struct marker_place *place)
{
	if (!work->out.more)
		return OK;
	ENSURE(work->out.listed_count > 0);
	place->last = work->out.listed[work->out.listed_count - 1];
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	_Static_assert(sizeof work->out.marker >= MARKER_TEXT, "a marker fits");
	return marker_make(&sealer, place, work->out.marker);
}

static struct err execute(struct call_work *work)
{
	const struct kms_store *store = &work->service->options.store;
	const struct kms_scope *scope = &work->service->options.installation.scope;
	struct marker_place place = {.operation = "ListKeys", .scope = scope};
	bool given = false;
	TRY(find_start(work, &place, &given));
	if (!wants_own(work))
		return OK;
	struct kms_key_page page = {0};
	TRY(store->ops->key_list(store->self, scope, given ? &place.last : NULL,
				 (size_t)input_integer(work, "Limit", LIMIT_DEFAULT), &page));
	mem_free(work->out.listed);
	work->out.listed = page.ids;
	work->out.listed_count = page.count;
	work->out.more = page.more;
	return note_end(work, &place);
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
	const struct kms_scope *scope = &work->service->options.installation.scope;
	json_out_begin_array(out, "Keys");
	for (size_t i = 0; i < work->out.listed_count; i++)
		encode_key(scope, &work->out.listed[i], out);
	json_out_end_array(out);
	if (work->out.more)
		json_out_text(out, "NextMarker", view_of_text(work->out.marker));
	json_out_bool(out, "Truncated", work->out.more);
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
