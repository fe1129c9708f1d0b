/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to hsm/remote.c: a connection to holdfast-token, its peer checked, HELLO queued. */
#ifndef HOLDFAST_HSM_REMOTE_CONNECT_H
#define HOLDFAST_HSM_REMOTE_CONNECT_H

#include <sys/un.h>

#include "hsm/channel.h"

/*
 * expected_uid  who must own the other end; -1: root or our own user
 *
 * E_HSM_AWAY: nobody listens. E_HSM_PEER: somebody else does (detail: his uid). E_SYSTEM, E_NOMEM,
 * E_LOCKED_MEMORY. channel_close(out) in any case.
 */
NODISCARD struct err remote_connect(const struct sockaddr_un *address, int64_t expected_uid,
				    struct channel *out);

#endif
