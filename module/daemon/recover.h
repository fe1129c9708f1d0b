/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd --recover, with or without --restore: looks at a copy of the store, and lets the copy,
 * once it is accepted, take the store's place. */
#ifndef HOLDFAST_DAEMON_RECOVER_H
#define HOLDFAST_DAEMON_RECOVER_H

#include "base/exit.h"
#include "daemon/arguments.h"
#include "daemon/wiring.h"

/*
 * The report goes to standard output, what went wrong to standard error and the log. EXIT_DONE:
 * sound, or accepted; EXIT_WARNING: rows are refused; EXIT_UNWELL: it must be accepted before a
 * start; EXIT_REFUSED: another code. Else exit_of() what failed. What was opened is for
 * wiring_stop().
 */
enum exit_status recover_run(struct wiring *w, const struct arguments *arguments);

#endif
