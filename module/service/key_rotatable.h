/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations on rotation share: which keys they are for. */
#ifndef HOLDFAST_SERVICE_KEY_ROTATABLE_H
#define HOLDFAST_SERVICE_KEY_ROTATABLE_H

#include "service/operation.h"

/*
 * States in which these operations look at the kind of the key: a key that waits for imported
 * material, or whose key store is away, is of a kind that cannot rotate, and that is what is said.
 */
#define STATES_ROTATABLE (STATES_ENABLED | STATE_BIT(KMS_STATE_PENDING_IMPORT) | STATES_UNAVAILABLE)

/*
 * Whether the account may set or start rotation of such a key. E_UNSUPPORTED_OPERATION, without a
 * text: keys that are not for symmetric encryption, not made by KMS, or that services make,
 * whatever a policy allows.
 */
NODISCARD struct err key_rotatable_check(const struct kms_key *key);

#endif
