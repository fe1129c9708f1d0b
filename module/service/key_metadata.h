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

#endif
