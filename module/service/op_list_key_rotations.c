/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListKeyRotations. In the order in which the materials were made. */
#include "base/mem.h"
#include "base/reader.h"
#include "base/writer.h"
#include "kms/rotation.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_metadata.h"
#include "service/keyring.h"
#include "service/listing.h"
#include "service/operation.h"
#include "service/shapes.h"

#define LIMIT_DEFAULT 100
#define PLACE_LEN 4 /* a version's number */

static const char *const includes[] = {"ALL_KEY_MATERIAL", "ROTATIONS_ONLY", NULL};
static const struct schema_shape include = {.type = SCHEMA_STRING, .values = includes};
static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"IncludeKeyMaterial", &include, false},
	{"Limit", &shape_limit, false},
	{"Marker", &shape_marker, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "IncludeKeyMaterial", "Limit", "Marker", NULL};

/* Those of the key that are asked for, behind `after`: at most `limit` into `out`. */
static size_t select_versions(const struct call_work *work, uint32_t after, size_t limit,
			      struct kms_version *out)
{
	const struct kms_key_full *full = keyring_key(work->keys[0]);
	bool all = view_equal_text(input_text(work, "IncludeKeyMaterial"), "ALL_KEY_MATERIAL");
	size_t count = 0;
	for (size_t i = 0; i < full->version_count && count < limit; i++) {
		const struct kms_version *version = &full->versions[i];
		if (version->number > after && (all || version->rotation != KMS_ROTATION_NONE))
			out[count++] = *version;
	}
	return count;
}

/* The number that a marker of ours names; 0 without one. */
static struct err read_place(const struct marker_place *place, uint32_t *after)
{
	struct reader r;
	*after = 0;
	if (place->last_len == 0)
		return OK;
	REQUIRE(place->last_len == PLACE_LEN, E_KMS_INVALID_MARKER);
	reader_init(&r, marker_last(place));
	*after = reader_u32(&r);
	return reader_end(&r);
}

static struct err tell(struct call_work *work, struct marker_place *place,
		       struct kms_version *versions, size_t count)
{
	size_t limit = (size_t)input_integer(work, "Limit", LIMIT_DEFAULT);
	uint8_t last[PLACE_LEN] = {0};
	struct writer w;
	writer_init(&w, last, sizeof last);
	if (count > limit)
		writer_u32(&w, versions[limit - 1].number);
	return listing_end(work, place,
			   &(struct listing_page){.items = versions,
						  .count = MIN_OF(count, limit),
						  .more = count > limit,
						  .last = VIEW_ARRAY(last)});
}

static struct err execute(struct call_work *work)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct marker_place place;
	struct kms_version *versions = NULL;
	uint32_t after;
	REQUIRE(key->spec == KMS_SPEC_SYMMETRIC_DEFAULT, E_UNSUPPORTED_OPERATION);
	TRY(listing_begin(work, VIEW_ARRAY(key->id.bytes), &place));
	TRY(read_place(&place, &after));
	size_t limit = (size_t)input_integer(work, "Limit", LIMIT_DEFAULT);
	TRY(MEM_NEW_ARRAY(limit + 1, &versions)); /* one more: whether there are more */
	size_t count = select_versions(work, after, limit + 1, versions);
	return tell(work, &place, versions, count);
}

/* KMS API: RotationsListEntry. The first material has neither date nor type: nothing was rotated.
 */
static void encode_version(const struct kms_key *key, const struct kms_version *version,
			   struct json_out *out)
{
	bool current = version->number == key->current_version;
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&key->id, id);
	json_out_begin_object(out, NULL);
	json_out_text(out, "KeyId", view_of_text(id));
	key_metadata_material(version->material_id, "KeyMaterialId", out);
	json_out_text(out, "KeyMaterialState", view_of_text(current ? "CURRENT" : "NON_CURRENT"));
	if (version->rotation != KMS_ROTATION_NONE) {
		json_out_time(out, "RotationDate", version->created_ms);
		json_out_text(out, "RotationType",
			      view_of_text(kms_rotation_name(version->rotation)));
	}
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	const struct kms_version *versions = work->out.list.items;
	json_out_begin_array(out, "Rotations");
	for (size_t i = 0; i < work->out.list.count; i++)
		encode_version(key, &versions[i], out);
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation op_list_key_rotations = {
	.name = "ListKeyRotations",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ListKeyRotations", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
