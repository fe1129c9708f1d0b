/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings the token up and, when a lane raises the alarm, down and up again: one thread, so that
 * there is one login at a time. The breaker: while the token is away, operations fail at once.
 */
#ifndef HOLDFAST_HSM_P11_WARDEN_H
#define HOLDFAST_HSM_P11_WARDEN_H

#include "hsm/p11/instance.h"

/* Everything from C_Initialize to a probed, enumerated token; nobody else calls the token. */
NODISCARD struct err p11_warden_bring_up(struct hsm *hsm);

/* Closes all sessions and finalizes. */
void p11_warden_take_down(struct hsm *hsm);

NODISCARD struct err p11_warden_start(struct hsm *hsm);

/* With `closing` set: waits for the thread. */
void p11_warden_stop(struct hsm *hsm);

/* A lane saw the token go: opens the breaker and starts the recovery. The gate is held. */
void p11_warden_alarm(struct hsm *hsm, struct err why);

/* OK while the token is up; else what an operation is to fail with, at once. */
NODISCARD struct err p11_warden_require_up(struct hsm *hsm);

/*
 * As above, but waits for a recovery that began less than P11_AWAY_WAIT_MS ago, until then or the
 * deadline. The gate is not held.
 */
NODISCARD struct err p11_warden_wait_until_up(struct hsm *hsm, int64_t deadline_ms);

#endif
