/* SPDX-License-Identifier: Apache-2.0 */
/* What both processes of holdfast-token do to themselves before they touch a secret. */
#ifndef HOLDFAST_HSM_TOKEN_PROCESS_H
#define HOLDFAST_HSM_TOKEN_PROCESS_H

#include <sys/types.h>

#include "base/err.h"

/*
 * No core dumps, no ptrace by the same user, no new privileges, as much locked memory as the hard
 * limit allows, SIGPIPE ignored, descriptors 0 to 2 open. E_SYSTEM.
 */
NODISCARD struct err process_harden(void);

/* Dies with its parent, which must be `parent` still: E_CANCELLED when that is gone already. */
NODISCARD struct err process_follow(pid_t parent);

#endif
