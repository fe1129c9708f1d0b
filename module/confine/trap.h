/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own: what tells of a refused system call before the process dies of it. */
#ifndef HOLDFAST_CONFINE_TRAP_H
#define HOLDFAST_CONFINE_TRAP_H

#include "base/err.h"

/* Installs the handler of SIGSYS; the log must be configured. Once per process; both texts are of
 * static storage. E_SANDBOX. */
NODISCARD struct err trap_install(const char *process, const char *action);

#endif
