/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GenerateDataKey. */
#include "service/data_key.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"EncryptionContext", &shape_context, false},
	{"NumberOfBytes", &shape_number_of_bytes, false},
	{"KeySpec", &shape_data_key_spec, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"Recipient", &shape_recipient, false},
	{"DryRun", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static struct err execute(struct call_work *work)
{
	return data_key_execute(work, true);
}

const struct operation op_generate_data_key = {
	.name = "GenerateDataKey",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_SECRET_REPLY |
		 OPERATION_USES_KEY,
	.states = STATES_ENABLED,
	.usages = KMS_USAGE_ENCRYPT_DECRYPT,
	.input = &input,
	.keys = {{.action = "kms:GenerateDataKey",
		  .member = "KeyId",
		  .context = "EncryptionContext",
		  .grant = KMS_GRANT_GENERATE_DATA_KEY}},
	.audited = data_key_audited,
	.decode = data_key_decode,
	.execute = execute,
	.finish = data_key_finish,
	.encode = data_key_encode,
};
