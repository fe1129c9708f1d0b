/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of the KMS model that several operations share (kms/2014-11-01). */
#ifndef HOLDFAST_SERVICE_SHAPES_H
#define HOLDFAST_SERVICE_SHAPES_H

#include "service/schema.h"

extern const struct schema_shape shape_key_id;
extern const struct schema_shape shape_plaintext;
extern const struct schema_shape shape_ciphertext;
extern const struct schema_shape shape_context;
extern const struct schema_shape shape_grant_tokens;
extern const struct schema_shape shape_encryption_algorithm;
extern const struct schema_shape shape_data_key_spec;
extern const struct schema_shape shape_number_of_bytes;
extern const struct schema_shape shape_recipient;
extern const struct schema_shape shape_dry_run_modifiers;
extern const struct schema_shape shape_boolean;
extern const struct schema_shape shape_limit;
extern const struct schema_shape shape_marker;
extern const struct schema_shape shape_description;
extern const struct schema_shape shape_custom_key_store_id;

/* Characters U+0020 to U+00FF, of valid UTF-8; `blanks`: tab and line ends as well. */
bool shape_is_latin(struct view text, bool blanks);

#endif
