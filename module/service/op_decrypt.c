/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: Decrypt, with symmetric keys. */
#include "service/dry_run.h"
#include "service/input.h"
#include "service/operation.h"
#include "service/sealing.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"CiphertextBlob", &shape_ciphertext, false},
	{"EncryptionContext", &shape_context, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"KeyId", &shape_key_id, false},
	{"EncryptionAlgorithm", &shape_encryption_algorithm, false},
	{"Recipient", &shape_recipient, false},
	{"DryRun", &shape_boolean, false},
	{"DryRunModifiers", &shape_dry_run_modifiers, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId",  "EncryptionContext", "EncryptionAlgorithm",
				      "DryRun", "DryRunModifiers",   NULL};

static struct err decode(struct call_work *work)
{
	TRY(input_refuse_member(work, "Recipient"));
	return dry_run_decode(work, "KeyId");
}

static struct err execute(struct call_work *work)
{
	if (work->in.ignore_ciphertext)
		return OK;
	TRY(sealing_from(work, 0));
	work->op.verb = HSM_OPEN;
	return OK;
}

static void encode(struct call_work *work, struct json_out *out)
{
	sealing_write_algorithm("EncryptionAlgorithm", out);
	sealing_write_key(work, 0, "KeyId", out);
	sealing_write_material(work, 0, "KeyMaterialId", out);
	json_out_base64(out, "Plaintext", secret_view(work->op.plaintext_out));
}

const struct operation op_decrypt = {
	.name = "Decrypt",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_CIPHERTEXT_KEY |
		 OPERATION_SECRET_REPLY | OPERATION_USES_KEY,
	.states = STATES_ENABLED,
	.usages = KMS_USAGE_ENCRYPT_DECRYPT,
	.input = &input,
	.keys = {{.action = "kms:Decrypt",
		  .member = "KeyId",
		  .context = "EncryptionContext",
		  .algorithm = "EncryptionAlgorithm",
		  .grant = KMS_GRANT_DECRYPT}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = encode,
};
