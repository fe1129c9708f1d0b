/* SPDX-License-Identifier: Apache-2.0 */
/* The place of an instance: its lock in the state directory, and its listening socket. */
#ifndef HOLDFAST_HSM_TOKEN_PLACE_H
#define HOLDFAST_HSM_TOKEN_PLACE_H

#include "base/err.h"
#include "config/settings.h"

/* How long to wait for the lock: a worker whose supervisor was killed needs a moment to die. */
#define PLACE_LOCK_WAIT_MS 2000

/*
 * Locks <directory>/lock; makes the directory (0700) when it is missing. *fd: owned by the caller;
 * the lock ends when every copy of it is closed. E_ALREADY_RUNNING, E_SYSTEM, with a line for
 * people.
 */
NODISCARD struct err place_lock(const char *directory, int *fd, char message[SETTINGS_MESSAGE_MAX]);

/*
 * The listening socket: that of the service manager (sd_listen_fds(3)) or a new one at `path`, open
 * to every user, as peers are checked one by one. A socket left over at `path` is removed, unless
 * somebody answers there; hold the lock. *fd: owned by the caller. *bound: the path is ours to
 * remove. E_ALREADY_RUNNING, E_SYSTEM, E_SETTINGS, with a line for people.
 */
NODISCARD struct err place_listen(const char *path, int *fd, bool *bound,
				  char message[SETTINGS_MESSAGE_MAX]);

#endif
