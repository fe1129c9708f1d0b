/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GenerateDataKeyWithoutPlaintext. The data key never enters this process (P2). */
#include "service/data_key.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"EncryptionContext", &shape_context, false},
	{"KeySpec", &shape_data_key_spec, false},
	{"NumberOfBytes", &shape_number_of_bytes, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"DryRun", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static struct err execute(struct call_work *work)
{
	return data_key_execute(work, false);
}

const struct operation op_generate_data_key_without_plaintext = {
	.name = "GenerateDataKeyWithoutPlaintext",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_USES_KEY,
	.states = STATES_ENABLED,
	.usages = KMS_USAGE_ENCRYPT_DECRYPT,
	.input = &input,
	.keys = {{.action = "kms:GenerateDataKeyWithoutPlaintext",
		  .member = "KeyId",
		  .context = "EncryptionContext",
		  .grant = KMS_GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT}},
	.audited = data_key_audited,
	.decode = data_key_decode,
	.execute = execute,
	.finish = data_key_finish,
	.encode = data_key_encode,
};
