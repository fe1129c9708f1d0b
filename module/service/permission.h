/* SPDX-License-Identifier: Apache-2.0 */
/* May the caller, and may these keys? Both from the operation's row. */
#ifndef HOLDFAST_SERVICE_PERMISSION_H
#define HOLDFAST_SERVICE_PERMISSION_H

#include "service/operation.h"

/* Every action of the row on its alias and its key, or on "*" without a key. E_ACCESS_DENIED. */
NODISCARD struct err permission_check(struct call_work *work);

/* State, then usage, then algorithm, of every key of the call. E_KMS_DISABLED, E_KMS_INVALID_STATE,
 * E_KMS_KEY_USAGE. */
NODISCARD struct err permission_check_keys(struct call_work *work);

/* The state alone, for an operation that has loaded a newer copy. */
NODISCARD struct err permission_check_state(struct call_work *work, const struct kms_key *key);

#endif
