/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: threads with a session each, over one bounded queue; and what they do about faults. */
#ifndef HOLDFAST_HSM_P11_LANE_H
#define HOLDFAST_HSM_P11_LANE_H

#include "hsm/p11/instance.h"

/* Starts hsm->lane_count lanes; those started before a failure are in hsm->lanes. */
NODISCARD struct err p11_lanes_start(struct hsm *hsm);

/* With `closing` set: waits for the lanes, then fails what is still queued with E_CANCELLED. */
void p11_lanes_stop(struct hsm *hsm);

/* Puts an operation into the queue: E_BUSY when full, E_CANCELLED when closing. */
NODISCARD struct err p11_lanes_push(struct hsm *hsm, struct hsm_op *op);

/* Starts a thread with all signals blocked: they belong to the program's own threads. */
NODISCARD struct err p11_thread_start(pthread_t *out, void *(*run)(void *), void *argument);

#endif
