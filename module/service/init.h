/* SPDX-License-Identifier: Apache-2.0 */
/* The three keys of an installation on the token, as init makes and every start checks them. */
#ifndef HOLDFAST_SERVICE_INIT_H
#define HOLDFAST_SERVICE_INIT_H

#include "base/clock.h"
#include "kms/installation.h"

#define INIT_KEYS 3
#define INIT_TIMEOUT_MS 15000 /* of one token operation: a token may still be starting */

static inline int64_t init_deadline_ms(const struct clock *clock)
{
	return clock_steady_ms(clock) + INIT_TIMEOUT_MS;
}

/* The object that key number `which` (0..INIT_KEYS-1) of the installation must be. */
NODISCARD struct err init_key(const struct kms_installation *installation, size_t which,
			      struct hsm_object *out);

/* Whether the token has it, with this role, suite and label, and sound. E_HSM_KEY_UNKNOWN,
 * E_HSM_ATTRIBUTES. Blocks. */
NODISCARD struct err init_check_key(struct hsm *hsm, const struct clock *clock,
				    const struct hsm_object *wanted);

/* Whether this is the token that the installation was made on. E_HSM_TOKEN_CHANGED, E_HSM_AWAY. */
NODISCARD struct err init_check_token(struct hsm *hsm, const struct kms_installation *installation);

#endif
