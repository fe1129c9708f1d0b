/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: TCP from "host:port", Unix from a path. */
#ifndef HOLDFAST_SERVER_LISTENER_H
#define HOLDFAST_SERVER_LISTENER_H

#include "base/err.h"

#define LISTENER_BACKLOG 1024

/*
 * "127.0.0.1:4599", "[::1]:4599", "name:4599". *fd owned by the caller; *port is what was got.
 * E_SETTINGS for text of another form or a name that does not resolve; E_SYSTEM with errno.
 */
NODISCARD struct err listener_open_tcp(const char *text, int *fd, uint16_t *port);

/* Whether a TCP listener can be reached from this machine alone. */
bool listener_is_loopback(int fd);

/*
 * A socket file of mode 0666: who may use it is decided by the peer's user. A file left by a dead
 * process is replaced; E_ALREADY_RUNNING when somebody answers on it, E_SETTINGS when the path is
 * something else or too long, E_SYSTEM with errno.
 */
NODISCARD struct err listener_open_unix(const char *path, int *fd);

#endif
