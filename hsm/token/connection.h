/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One daemon's connection in the worker: its frames, its bounds, its replies. A connection never
 * waits for another: one that has too much under way or reads too slowly is not read from, one
 * that breaks the protocol or stalls is closed. All on the worker's own thread.
 */
#ifndef HOLDFAST_HSM_TOKEN_CONNECTION_H
#define HOLDFAST_HSM_TOKEN_CONNECTION_H

#include "hsm/channel.h"
#include "hsm/token/job.h"

#define CONNECTION_IN_FLIGHT_BYTES_MAX (2 << 20) /* requests under way, plaintexts too */
#define CONNECTION_OUT_BYTES_MAX (1 << 20)       /* replies not taken: it is not read from */
#define CONNECTION_GREETING_MAX_MS (5 * 1000)    /* from accept to HELLO */
#define CONNECTION_STALL_MAX_MS (30 * 1000)      /* without moving a frame on, either way */

/* What the connections of a worker share. */
struct connection_host {
	const struct clock *clock;
	struct job_outbox outbox;
	struct hsm *hsm;            /* NULL: requests are answered from `status` */
	struct hsm_status status;   /* as last told to everybody; CONNECTING: nothing is read */
	struct hsm_figures figures; /* as last told to everybody */
	size_t in_flight_max;       /* of one connection */
	size_t in_flight;           /* of all */
	bool draining;              /* nothing more is read */
};

struct connection {
	struct connection *next; /* the owner's list */
	struct connection_host *host;
	struct channel channel; /* fd -1: closed; freed once nothing is under way */
	uint32_t uid;
	int32_t pid;
	bool greeted;
	uint64_t features; /* that the peer knows; after its HELLO */
	bool marked;       /* the owner's: something was queued since the last flush */
	uint32_t events;   /* the owner's: what epoll watches for */
	size_t in_flight;
	size_t in_flight_bytes;
	int64_t opened_ms;
	int64_t in_moved_ms;  /* a frame was completed, or none was begun */
	int64_t out_moved_ms; /* bytes were taken, or there were none */
};

/* Takes the descriptor in any case; HELLO and STATUS are queued. *out: connection_free(). */
NODISCARD struct err connection_open(struct connection_host *host, int fd, struct connection **out);

/* Only once in_flight is 0. */
void connection_free(struct connection **c);

static inline bool connection_is_open(const struct connection *c)
{
	return c->channel.fd >= 0;
}

/* Whether its bounds allow another request. */
bool connection_may_read(const struct connection *c);

/* Reads and submits what is there and what bounds allow. Any failure: close it. */
NODISCARD struct err connection_read(struct connection *c);

/* Goes on with what was received before and had to wait. */
NODISCARD struct err connection_resume(struct connection *c);

/* Ends the job: queues its reply, or drops it when the connection is closed. Takes the job. */
NODISCARD struct err connection_reply(struct connection *c, struct job **job);

/* Queues STATUS. */
NODISCARD struct err connection_tell_status(struct connection *c);

/* Queues FIGURES, for a peer that takes them. */
NODISCARD struct err connection_tell_figures(struct connection *c);

/* Sends what is queued. */
NODISCARD struct err connection_flush(struct connection *c);

/* Whether it has outstayed a bound of time: E_HSM_TIMEOUT. */
NODISCARD struct err connection_check(const struct connection *c);

/* Logs the reason and closes; what is under way ends unheard. */
void connection_close(struct connection *c, struct err why);

#endif
