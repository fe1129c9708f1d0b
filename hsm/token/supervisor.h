/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: holds the listening socket, the lock and the PIN, keeps one worker alive and
 * replaces it when it ends or hangs. It loads no vendor code and speaks to no peer.
 */
#ifndef HOLDFAST_HSM_TOKEN_SUPERVISOR_H
#define HOLDFAST_HSM_TOKEN_SUPERVISOR_H

#include "config/settings.h"

/* Runs until SIGTERM or SIGINT. The exit status; what went wrong was said on standard error. */
int supervisor_main(const struct settings *settings);

#endif
