/* SPDX-License-Identifier: Apache-2.0 */
/* What both processes of holdfast-token do to themselves before they touch a secret. */
#ifndef HOLDFAST_HSM_TOKEN_PROCESS_H
#define HOLDFAST_HSM_TOKEN_PROCESS_H

#include <sys/types.h>

#include "base/err.h"
#include "confine/confine.h"

/*
 * confine_harden(), SIGPIPE ignored, descriptors 0 to 2 open. E_SYSTEM.
 */
NODISCARD struct err process_harden(void);

/* Tells whoever started it why it ends: `message`, or, when that is "", what the error says. */
void process_complain(const char *message, struct err e);

/*
 * The same for a command of root's that touches the token as another user: it keeps the rights that
 * it needs to become that user and itself again. E_SYSTEM.
 */
NODISCARD struct err process_harden_root(void);

/* Dies with its parent, which must be `parent` still: E_CANCELLED when that is gone already. */
NODISCARD struct err process_follow(pid_t parent);

/*
 * The filters of system calls, as confine_enter(): the supervisor's once it holds what it is to
 * hold, the worker's before it loads the vendor's module. `extra`: names that
 * confine_extra_check() has passed.
 */
NODISCARD struct err process_confine_supervisor(enum confine_mode mode, const char *extra);
NODISCARD struct err process_confine_worker(enum confine_mode mode, const char *extra);

#endif
