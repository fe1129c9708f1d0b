/* SPDX-License-Identifier: Apache-2.0 */
/* What GenerateDataKey and GenerateDataKeyWithoutPlaintext share. */
#ifndef HOLDFAST_SERVICE_DATA_KEY_H
#define HOLDFAST_SERVICE_DATA_KEY_H

#include "service/operation.h"

/* work->in.length from KeySpec or NumberOfBytes. E_VALIDATION. */
NODISCARD struct err data_key_decode(struct call_work *work);

/* Prepares the token to draw and seal a data key; it leaves the token's side only when wanted. */
NODISCARD struct err data_key_execute(struct call_work *work, bool want_plaintext);

NODISCARD struct err data_key_finish(struct call_work *work);

/* CiphertextBlob, KeyId, KeyMaterialId, and Plaintext when there is one. */
void data_key_encode(struct call_work *work, struct json_out *out);

extern const char *const data_key_audited[];

#endif
