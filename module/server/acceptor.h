/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts connections on a thread of its own and hands them to the polling threads.
 *
 * Left to itself the library accepts one connection in each round over all that it has: with 600
 * clients arriving at once, and the first of them busy, the last waited 3.8 s to be accepted.
 * Beyond the bound nothing is accepted: clients wait in the backlog until a connection ends.
 */
#ifndef HOLDFAST_SERVER_ACCEPTOR_H
#define HOLDFAST_SERVER_ACCEPTOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/metric.h"

struct MHD_Daemon;

struct acceptor {
	int listen_fd; /* -1: none; owned */
	int wake_fd;
	struct MHD_Daemon *mhd;
	atomic_uint open; /* connections handed over and not ended */
	atomic_uint open_max;
	enum metric_door door; /* for metrics; set before the start */
	int64_t said_ms;       /* steady; when it was last told that there is no room; 0: never */
	atomic_bool stopping;
	bool started;
	pthread_t thread;
};

/* An acceptor that has nothing yet: acceptor_stop() and acceptor_cleanup() do nothing. */
void acceptor_init(struct acceptor *acceptor);

/*
 * Takes over listen_fd, which does not block; closed by acceptor_stop() in any case. E_SYSTEM.
 * The library's own limit must leave room above open_max: it counts a connection a little longer.
 */
NODISCARD struct err acceptor_start(struct acceptor *acceptor, int listen_fd, unsigned open_max,
				    struct MHD_Daemon *mhd);

/* Another bound from now on; connections above it stay until they end. Thread-safe. */
void acceptor_set_max(struct acceptor *acceptor, unsigned open_max);

/* A connection has ended: MHD_CONNECTION_NOTIFY_CLOSED. On any thread. */
void acceptor_note_end(struct acceptor *acceptor);

/* Listens no more when it returns; connections already handed over go on. May be repeated. */
void acceptor_stop(struct acceptor *acceptor);

/* Once the library has stopped, and with it the ends of connections. */
void acceptor_cleanup(struct acceptor *acceptor);

#endif
