/* SPDX-License-Identifier: Apache-2.0 */
#include "service/shapes.h"

#include "kms/key.h"

static const char *const encryption_algorithms[] = {"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1",
						    "RSAES_OAEP_SHA_256", "SM2PKE", NULL};
static const char *const data_key_specs[] = {"AES_256", "AES_128", NULL};
static const char *const recipient_algorithms[] = {"RSAES_OAEP_SHA_256", NULL};
static const char *const dry_run_modifiers[] = {"IGNORE_CIPHERTEXT", NULL};

static const struct schema_shape text = {.type = SCHEMA_STRING};
static const struct schema_shape grant_token = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 8192};
static const struct schema_shape dry_run_modifier = {.type = SCHEMA_STRING,
						     .values = dry_run_modifiers};
static const struct schema_shape recipient_algorithm = {.type = SCHEMA_STRING,
							.values = recipient_algorithms};
static const struct schema_shape attestation = {
	.type = SCHEMA_BLOB, .has_min = true, .min = 1, .has_max = true, .max = 262144};

const struct schema_shape shape_key_id = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 2048};
const struct schema_shape shape_plaintext = {
	.type = SCHEMA_BLOB, .has_min = true, .min = 1, .has_max = true, .max = 4096};
const struct schema_shape shape_ciphertext = {
	.type = SCHEMA_BLOB, .has_min = true, .min = 1, .has_max = true, .max = 6144};
const struct schema_shape shape_context = {.type = SCHEMA_MAP, .element = &text};
const struct schema_shape shape_grant_tokens = {
	.type = SCHEMA_LIST, .has_max = true, .max = 10, .element = &grant_token};
const struct schema_shape shape_encryption_algorithm = {.type = SCHEMA_STRING,
							.values = encryption_algorithms};
const struct schema_shape shape_data_key_spec = {.type = SCHEMA_STRING, .values = data_key_specs};
const struct schema_shape shape_number_of_bytes = {
	.type = SCHEMA_INTEGER, .has_min = true, .min = 1, .has_max = true, .max = 1024};
const struct schema_shape shape_dry_run_modifiers = {.type = SCHEMA_LIST,
						     .element = &dry_run_modifier};
const struct schema_shape shape_boolean = {.type = SCHEMA_BOOLEAN};
const struct schema_shape shape_limit = {
	.type = SCHEMA_INTEGER, .has_min = true, .min = 1, .has_max = true, .max = 1000};

static const struct schema_member recipient_members[] = {
	{"KeyEncryptionAlgorithm", &recipient_algorithm, false},
	{"AttestationDocument", &attestation, false},
	{NULL, NULL, false},
};
const struct schema_shape shape_recipient = {.type = SCHEMA_STRUCTURE,
					     .members = recipient_members};

/* In UTF-8, U+0080 to U+00FF are C2 or C3 and one more byte; text from json_parse() is valid. */
bool shape_is_latin(struct view value, bool blanks)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t byte = value.ptr[i];
		bool blank = byte == '\t' || byte == '\n' || byte == '\r';
		if (byte < 0x20 ? !(blank && blanks) : byte > 0xc3)
			return false;
	}
	return true;
}

static bool is_marker(struct view value)
{
	return shape_is_latin(value, false);
}

static const struct schema_pattern marker_pattern = {"[\\u0020-\\u00FF]*", is_marker};
const struct schema_shape shape_marker = {.type = SCHEMA_STRING,
					  .has_min = true,
					  .min = 1,
					  .has_max = true,
					  .max = 1024,
					  .pattern = &marker_pattern};

const struct schema_shape shape_description = {
	.type = SCHEMA_STRING, .has_max = true, .max = KMS_DESCRIPTION_MAX};
const struct schema_shape shape_custom_key_store_id = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 64};
