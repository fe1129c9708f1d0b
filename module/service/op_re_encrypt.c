/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: ReEncrypt. The plaintext stays beside the token (P2). */
#include "service/dry_run.h"
#include "service/input.h"
#include "service/operation.h"
#include "service/sealing.h"
#include "service/shapes.h"

enum { SOURCE, DESTINATION };

static const struct schema_member members[] = {
	{"CiphertextBlob", &shape_ciphertext, false},
	{"SourceEncryptionContext", &shape_context, false},
	{"SourceKeyId", &shape_key_id, false},
	{"DestinationKeyId", &shape_key_id, true},
	{"DestinationEncryptionContext", &shape_context, false},
	{"SourceEncryptionAlgorithm", &shape_encryption_algorithm, false},
	{"DestinationEncryptionAlgorithm", &shape_encryption_algorithm, false},
	{"GrantTokens", &shape_grant_tokens, false},
	{"DryRun", &shape_boolean, false},
	{"DryRunModifiers", &shape_dry_run_modifiers, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"SourceKeyId",
				      "SourceEncryptionContext",
				      "SourceEncryptionAlgorithm",
				      "DestinationKeyId",
				      "DestinationEncryptionContext",
				      "DestinationEncryptionAlgorithm",
				      "DryRun",
				      "DryRunModifiers",
				      NULL};

static struct err decode(struct call_work *work)
{
	return dry_run_decode(work, "SourceKeyId");
}

static struct err execute(struct call_work *work)
{
	if (work->in.ignore_ciphertext)
		return OK;
	TRY(sealing_from(work, SOURCE));
	TRY(sealing_to(work, DESTINATION));
	work->op.verb = HSM_RESEAL;
	return OK;
}

static struct err finish(struct call_work *work)
{
	return sealing_finish(work, DESTINATION);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_base64(out, "CiphertextBlob", buf_view(&work->out.ciphertext));
	sealing_write_algorithm("DestinationEncryptionAlgorithm", out);
	sealing_write_material(work, DESTINATION, "DestinationKeyMaterialId", out);
	sealing_write_key(work, DESTINATION, "KeyId", out);
	sealing_write_algorithm("SourceEncryptionAlgorithm", out);
	sealing_write_key(work, SOURCE, "SourceKeyId", out);
	sealing_write_material(work, SOURCE, "SourceKeyMaterialId", out);
}

const struct operation op_re_encrypt = {
	.name = "ReEncrypt",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_ALIASES | OPERATION_CROSS_ACCOUNT | OPERATION_CIPHERTEXT_KEY |
		 OPERATION_USES_KEY,
	.states = STATES_ENABLED,
	.usages = KMS_USAGE_ENCRYPT_DECRYPT,
	.input = &input,
	.keys = {[SOURCE] = {.action = "kms:ReEncryptFrom",
			     .member = "SourceKeyId",
			     .context = "SourceEncryptionContext",
			     .algorithm = "SourceEncryptionAlgorithm",
			     .grant = KMS_GRANT_RE_ENCRYPT_FROM},
		 [DESTINATION] = {.action = "kms:ReEncryptTo",
				  .member = "DestinationKeyId",
				  .context = "DestinationEncryptionContext",
				  .algorithm = "DestinationEncryptionAlgorithm",
				  .grant = KMS_GRANT_RE_ENCRYPT_TO}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.finish = finish,
	.encode = encode,
};
