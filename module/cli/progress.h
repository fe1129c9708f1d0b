/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long command is, on one line of standard error that is written over; only when that is
 * a terminal, and not in the first half second. */
#ifndef HOLDFAST_CLI_PROGRESS_H
#define HOLDFAST_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "verifying", "copying": static */
	bool shown, quiet;
	int64_t began_ms, said_ms; /* steady */
};

/* quiet: nothing is ever shown (--json). */
void progress_init(struct progress *p, const char *what, bool quiet);

/* `user` is a struct progress; fits the callbacks of long functions. Cheap: it may be called often.
 */
void progress_tell(void *user, uint64_t done, uint64_t all);

/* Takes the line away. */
void progress_end(struct progress *p);

#endif
