/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canary: a session key whose message must always open. It tells a dead token from a wrong
 * ciphertext where the token's own answer does not, and it is what HSM_PROBE does.
 */
#ifndef HOLDFAST_HSM_P11_CANARY_H
#define HOLDFAST_HSM_P11_CANARY_H

#include "hsm/p11/instance.h"

/* Makes the canary's key in the holder session. */
NODISCARD struct err p11_canary_make(struct hsm *hsm, CK_SESSION_HANDLE holder);

/*
 * Asks the token for its serial (a session key alone would still answer when the token's store is
 * gone), for its login, and seals and opens a block in the lane's session, which is replaced when
 * the failed operation left it unusable. Any failure: E_HSM_AWAY.
 */
NODISCARD struct err p11_canary_run(struct p11_lane *lane);

/*
 * Seals and opens only: the exact counterpart of an operation under a message key, which is a
 * session key as well. Cheaper: the store and the login are not asked.
 */
NODISCARD struct err p11_canary_sing(struct p11_lane *lane);

#endif
