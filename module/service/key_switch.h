/* SPDX-License-Identifier: Apache-2.0 */
/* What EnableKey and DisableKey share: a key's move from one state into another. */
#ifndef HOLDFAST_SERVICE_KEY_SWITCH_H
#define HOLDFAST_SERVICE_KEY_SWITCH_H

#include "service/operation.h"

/* Moves keys[0] to the state, in the store and in memory; nothing changes when it is there already.
 * E_KMS_INVALID_STATE, and what the store answers. Blocks. */
NODISCARD struct err key_switch(struct call_work *work, enum kms_key_state to);

/* KeyId alone. */
extern const struct schema_shape key_switch_input;
extern const char *const key_switch_audited[];

#endif
