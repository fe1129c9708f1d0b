/* SPDX-License-Identifier: Apache-2.0 */
/* What EnableKey and DisableKey share: a key's move from one state into another. */
#ifndef HOLDFAST_SERVICE_KEY_SWITCH_H
#define HOLDFAST_SERVICE_KEY_SWITCH_H

#include "service/operation.h"

/* For key_change(). Nothing changes when the key is there already. E_KMS_INVALID_STATE. */
NODISCARD struct err key_switch(struct kms_key *key, enum kms_key_state to, bool *changed);

/* KeyId alone. */
extern const struct schema_shape key_switch_input;
extern const char *const key_switch_audited[];

#endif
