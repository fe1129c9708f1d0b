/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From names in the request to keys in memory. A key or an alias that is named by an ARN is one of
 * the ARN's account, a bare id or alias one of the caller's, and what is of another account is
 * reached by operations that AWS lets cross accounts alone.
 */
#ifndef HOLDFAST_SERVICE_RESOLVE_H
#define HOLDFAST_SERVICE_RESOLVE_H

#include "service/operation.h"

/*
 * The whole step: fills work->keys as the row says. May run again after E_WOULD_BLOCK.
 * E_KMS_NOT_FOUND, E_KMS_INVALID_ARN, E_ACCESS_DENIED (another account), E_KMS_CIPHERTEXT,
 * E_KMS_INCORRECT_KEY.
 */
NODISCARD struct err resolve_keys(struct call_work *work);

/* One key of the row alone. */
NODISCARD struct err resolve_key(struct call_work *work, size_t which);

/* Whether this is another account's than the caller's. To an operator nothing is. */
bool resolve_is_foreign(const struct call_work *work, const struct kms_scope *scope);

/*
 * E_ACCESS_DENIED for a key of another account, in words that do not tell whether it is there. The
 * reason of a verdict that was given goes to the audit record alone.
 */
NODISCARD struct err resolve_refuse_unseen(struct call_work *work, size_t which);

/* Of a key that a later step did not find. */
NODISCARD struct err resolve_refuse_missing(struct call_work *work, const struct kms_key_id *id);

#endif
