/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: holds the listening socket, the lock and the PIN, keeps one worker alive and
 * replaces it when it ends or hangs. It loads no vendor code and speaks to no peer.
 */
#ifndef HOLDFAST_HSM_TOKEN_SUPERVISOR_H
#define HOLDFAST_HSM_TOKEN_SUPERVISOR_H

#include "config/settings.h"

/*
 * Runs until SIGTERM or SIGINT. `settings` were read from the file `config`, which SIGHUP reads
 * again. The exit status; what went wrong was said on standard error.
 */
int supervisor_main(struct settings *settings, const char *config);

#endif
