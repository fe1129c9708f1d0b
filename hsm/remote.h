/* SPDX-License-Identifier: Apache-2.0 */
/* The token behind holdfast-token's socket. Operations: hsm.h. */
#ifndef HOLDFAST_HSM_REMOTE_H
#define HOLDFAST_HSM_REMOTE_H

#include "hsm/hsm.h"

#define HSM_REMOTE_IN_FLIGHT_MAX 4096

struct hsm_remote_options {
	const char *socket_path; /* borrowed during the call */
	int64_t expected_uid; /* user that must own the other end; -1: only root or our own user */
	uint32_t in_flight_max; /* operations sent and not answered; 0: 1024. More wait no further:
				   E_BUSY */
	uint32_t reconnect_min_ms; /* 0: 20 */
	uint32_t reconnect_max_ms; /* 0: 1000 */
	const struct clock *clock;
};

/*
 * Starts the connection thread; *out is owned by the caller, hsm_close(). Does not wait for the
 * token: until the first handshake operations wait, each to its own deadline. A lost connection is
 * made again; what was under way is sent again where that is safe (all but KEY_GENERATE and
 * KEY_DESTROY), within its deadline, at most twice.
 */
NODISCARD struct err hsm_remote_open(const struct hsm_remote_options *options, struct hsm **out);

#endif
