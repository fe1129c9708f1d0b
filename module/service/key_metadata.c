/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_metadata.h"

void key_metadata_material(const uint8_t id[KMS_MATERIAL_ID_LEN], const char *name,
			   struct json_out *out)
{
	json_out_hex(out, name, view_of(id, KMS_MATERIAL_ID_LEN));
}

static void write_material(const struct kms_key_full *full, const char *name, struct json_out *out)
{
	const struct kms_version *current = kms_key_full_version(full, full->key.current_version);
	if (current != NULL)
		key_metadata_material(current->material_id, name, out);
}

static void write_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

static void write_list_of_one(struct json_out *out, const char *name, const char *text)
{
	json_out_begin_array(out, name);
	write_text(out, NULL, text);
	json_out_end_array(out);
}

void key_metadata_write(const struct kms_key_full *full, struct json_out *out)
{
	const struct kms_key *key = &full->key;
	char arn[KMS_KEY_ARN_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_key_arn_format(&key->scope, &key->id, arn);
	kms_key_id_format(&key->id, id);
	json_out_begin_object(out, "KeyMetadata");
	write_text(out, "AWSAccountId", key->scope.account);
	write_text(out, "Arn", arn);
	json_out_time(out, "CreationDate", key->created_ms);
	write_material(full, "CurrentKeyMaterialId", out);
	write_text(out, "CustomerMasterKeySpec", kms_spec_name(key->spec));
	if (key->deletion_ms != 0)
		json_out_time(out, "DeletionDate", key->deletion_ms);
	write_text(out, "Description", key->description);
	json_out_bool(out, "Enabled", key->state == KMS_STATE_ENABLED);
	write_list_of_one(out, "EncryptionAlgorithms", "SYMMETRIC_DEFAULT");
	write_text(out, "KeyId", id);
	write_text(out, "KeyManager", kms_manager_name(key->manager));
	write_text(out, "KeySpec", kms_spec_name(key->spec));
	write_text(out, "KeyState", kms_state_name(key->state));
	write_text(out, "KeyUsage", kms_usage_name(key->usage));
	json_out_bool(out, "MultiRegion", key->multi_region);
	write_text(out, "Origin", kms_origin_name(key->origin));
	json_out_end_object(out);
}

void key_metadata_audit(const struct kms_key_full *full, struct json_out *out)
{
	const struct kms_key *key = &full->key;
	char arn[KMS_KEY_ARN_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_key_arn_format(&key->scope, &key->id, arn);
	kms_key_id_format(&key->id, id);
	json_out_begin_object(out, "keyMetadata");
	write_text(out, "aWSAccountId", key->scope.account);
	write_text(out, "arn", arn);
	json_out_time(out, "creationDate", key->created_ms);
	write_material(full, "currentKeyMaterialId", out);
	json_out_bool(out, "enabled", key->state == KMS_STATE_ENABLED);
	write_text(out, "keyId", id);
	write_text(out, "keyManager", kms_manager_name(key->manager));
	write_text(out, "keySpec", kms_spec_name(key->spec));
	write_text(out, "keyState", kms_state_name(key->state));
	write_text(out, "keyUsage", kms_usage_name(key->usage));
	json_out_bool(out, "multiRegion", key->multi_region);
	write_text(out, "origin", kms_origin_name(key->origin));
	json_out_end_object(out);
}
