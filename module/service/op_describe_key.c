/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: DescribeKey. */
#include "service/key_metadata.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"GrantTokens", &shape_grant_tokens, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

static void encode(struct call_work *work, struct json_out *out)
{
	key_metadata_write(keyring_key(work->keys[0]), out);
}

const struct operation op_describe_key = {
	.name = "DescribeKey",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:DescribeKey", .member = "KeyId", .grant = KMS_GRANT_DESCRIBE_KEY}},
	.audited = audited,
	.encode = encode,
};
