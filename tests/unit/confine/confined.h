/* SPDX-License-Identifier: Apache-2.0 */
/* A child process that enters a sandbox and then does one thing; how it ended and what it logged.
 */
#ifndef HOLDFAST_TESTS_CONFINED_H
#define HOLDFAST_TESTS_CONFINED_H

#include <stdbool.h>

#include "base/log.h"

struct confined {
	int status; /* of waitpid(2) */
	char log[4096];
};

/* `act` runs in the child after confine_harden() and `enter`; its answer is the exit status. */
struct confined confined_run(enum log_form form, struct err (*enter)(void), int (*act)(void));

/* What `act` answers when `enter` fails. */
#define CONFINED_NOT_ENTERED 99

/* One system call that must end the process, told under this name. */
struct confined_call {
	const char *name;
	int (*act)(void);
};

/* Fails the test unless the process died of SIGSYS without a core and the log names the call. */
void confined_assert_refused(struct err (*enter)(void), const char *process,
			     const struct confined_call *call);

/* Fails the test unless `act` answered 0. */
void confined_assert_passes(struct err (*enter)(void), int (*act)(void));

#endif
