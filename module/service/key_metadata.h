/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: KeyMetadata, as replies and audit records show it. */
#ifndef HOLDFAST_SERVICE_KEY_METADATA_H
#define HOLDFAST_SERVICE_KEY_METADATA_H

#include "codec/json.h"
#include "kms/store.h"

/* The object, under the name KeyMetadata. */
void key_metadata_write(const struct kms_key_full *full, struct json_out *out);

/* The same for responseElements: under keyMetadata, names as CloudTrail writes them, no
 * description. */
void key_metadata_audit(const struct kms_key_full *full, struct json_out *out);

/* A material's id as every answer and record writes it, 64 hex digits, under this name. */
void key_metadata_material(const uint8_t id[KMS_MATERIAL_ID_LEN], const char *name,
			   struct json_out *out);

#endif
