/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: Encrypt, with symmetric keys. */
#include "service/input.h"
#include "service/operation.h"
#include "service/sealing.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"Plaintext", &shape_plaintext, true},
	{"EncryptionContext", &shape_context, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"EncryptionAlgorithm", &shape_encryption_algorithm, false},
	{"DryRun", &shape_boolean, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "EncryptionContext", "EncryptionAlgorithm", "DryRun",
				      NULL};

static struct err decode(struct call_work *work)
{
	secret_free(&work->in.plaintext);
	return input_secret(work, "Plaintext", &work->in.plaintext);
}

static struct err execute(struct call_work *work)
{
	TRY(sealing_to(work, 0));
	work->op.verb = HSM_SEAL;
	work->op.plaintext = work->in.plaintext;
	return OK;
}

static struct err finish(struct call_work *work)
{
	secret_free(&work->in.plaintext);
	return sealing_finish(work, 0);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_base64(out, "CiphertextBlob", buf_view(&work->out.ciphertext));
	sealing_write_algorithm("EncryptionAlgorithm", out);
	sealing_write_key(work, 0, "KeyId", out);
}

const struct operation op_encrypt = {
	.name = "Encrypt",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_USES_KEY,
	.states = STATES_ENABLED,
	.usages = KMS_USAGE_ENCRYPT_DECRYPT,
	.input = &input,
	.keys = {{.action = "kms:Encrypt",
		  .member = "KeyId",
		  .context = "EncryptionContext",
		  .algorithm = "EncryptionAlgorithm",
		  .grant = KMS_GRANT_ENCRYPT}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.finish = finish,
	.encode = encode,
};
