/* SPDX-License-Identifier: Apache-2.0 */
/* From names in the request to keys in memory. */
#ifndef HOLDFAST_SERVICE_RESOLVE_H
#define HOLDFAST_SERVICE_RESOLVE_H

#include "service/operation.h"

/*
 * The whole step: fills work->keys as the row says. May run again after E_WOULD_BLOCK.
 * E_KMS_NOT_FOUND, E_KMS_INVALID_ARN, E_ACCESS_DENIED (another account), E_KMS_CIPHERTEXT,
 * E_KMS_INCORRECT_KEY.
 */
NODISCARD struct err resolve_keys(struct call_work *work);

/* Of a key that a later step did not find. */
NODISCARD struct err resolve_refuse_missing(struct call_work *work, const struct kms_key_id *id);

#endif
