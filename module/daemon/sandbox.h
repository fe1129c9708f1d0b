/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up before it touches anything. */
#ifndef HOLDFAST_DAEMON_SANDBOX_H
#define HOLDFAST_DAEMON_SANDBOX_H

#include "base/err.h"

/*
 * No core dumps, no ptrace by the same user, no new privileges, files for the owner alone, no
 * descriptors that were not meant for us. First thing in main(). E_SYSTEM with errno.
 */
NODISCARD struct err sandbox_enter(void);

/*
 * Keeps memory out of swap, where the limits allow it for all that is to come, and makes room for
 * `connections`. What cannot be had is a warning in the log: secrets have locked pages of their
 * own.
 */
void sandbox_limits(uint64_t connections);

/* Room for so many connections and what stands beside them; a warning when it cannot be had. */
void sandbox_descriptors(uint64_t connections);

#endif
