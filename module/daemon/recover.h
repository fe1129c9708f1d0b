/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd --recover, with or without --restore: looks at a copy of the store, and lets the copy,
 * once it is accepted, take the store's place. */
#ifndef HOLDFAST_DAEMON_RECOVER_H
#define HOLDFAST_DAEMON_RECOVER_H

#include "base/exit.h"
#include "daemon/arguments.h"
#include "daemon/wiring.h"

/*
 * Root looks after an installation as the user whose store it is: what it makes there is that
 * user's, and what a start could not read it cannot either. Before sandbox_enter(), which leaves
 * root nothing to change its user with. Settings that cannot be read are told later. `room` is
 * written over. arguments->operator keeps who it was. E_SYSTEM.
 */
NODISCARD struct err recover_become_owner(struct arguments *arguments, struct settings *room);

/*
 * The report goes to standard output, what went wrong to standard error and the log. EXIT_DONE:
 * sound, or accepted; EXIT_WARNING: rows are refused; EXIT_UNWELL: it must be accepted before a
 * start; EXIT_REFUSED: another code. Else exit_of() what failed. What was opened is for
 * wiring_stop().
 */
enum exit_status recover_run(struct wiring *w, const struct arguments *arguments);

#endif
