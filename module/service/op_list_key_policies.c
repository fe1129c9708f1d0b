/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ListKeyPolicies. Every key has one, named default; so no marker was ever made. */
#include "service/key_policy.h"
#include "service/keyring.h"
#include "service/listing.h"
#include "service/operation.h"
#include "service/shapes.h"

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
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct marker_place place;
	return listing_begin(work, VIEW_ARRAY(key->id.bytes), &place);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_begin_array(out, "PolicyNames");
	json_out_text(out, NULL, view_of_text(KEY_POLICY_NAME));
	json_out_end_array(out);
	listing_encode(work, out);
}

const struct operation op_list_key_policies = {
	.name = "ListKeyPolicies",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:ListKeyPolicies", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
