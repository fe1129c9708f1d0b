/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GetKeyPolicy. The document is answered byte for byte as it was put. */
#include "service/key_policy.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"PolicyName", &shape_policy_name, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "PolicyName", NULL};

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	json_out_text(out, "Policy", view_of_text(key->policy));
	json_out_text(out, "PolicyName", view_of_text(KEY_POLICY_NAME));
}

const struct operation op_get_key_policy = {
	.name = "GetKeyPolicy",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:GetKeyPolicy", .member = "KeyId"}},
	.audited = audited,
	.execute = key_policy_check_name,
	.encode = encode,
};
