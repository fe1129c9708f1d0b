/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written into the directories of SoftHSM's tokens, as the kernel tells it (inotify): so
 * that what a call wrote is synced without a look at every object there is. It tells of everything
 * or says that it cannot; then the directories themselves must be read.
 */
#ifndef HOLDFAST_HSM_P11_SOFTHSM_WATCH_H
#define HOLDFAST_HSM_P11_SOFTHSM_WATCH_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

#define P11_SOFTHSM_WATCH_DIRS 16
#define P11_SOFTHSM_WATCH_FILES 32 /* told at once; a creation writes three */

/* Zeroed: not begun. Not thread-safe. */
struct p11_softhsm_watch {
	bool whole; /* since it was begun nothing went by untold */
	int fd;     /* while whole */
	size_t dir_count;
	struct {
		int mark;
		char name[NAME_MAX + 1]; /* in the directory of the tokens */
	} dirs[P11_SOFTHSM_WATCH_DIRS];
};

/*
 * Begins anew, with every directory of `token_dir`. E_SYSTEM with errno, E_BOUNDS with too many
 * directories: it is not whole then, and can be begun again later.
 */
NODISCARD struct err p11_softhsm_watch_begin(struct p11_softhsm_watch *watch,
					     const char *token_dir);

/* Safe on one that was not begun. */
void p11_softhsm_watch_end(struct p11_softhsm_watch *watch);

/* Made, written or removed since the last time, each once. */
struct p11_softhsm_written {
	size_t count;
	struct {
		size_t dir; /* of watch->dirs */
		char name[NAME_MAX + 1];
	} files[P11_SOFTHSM_WATCH_FILES];
};

/* What was done before this call is told, whoever did it. E_NOT_FOUND: nothing was, or it cannot
 * tell; whole no more in the second case. */
NODISCARD struct err p11_softhsm_watch_read(struct p11_softhsm_watch *watch,
					    struct p11_softhsm_written *out);

#endif
