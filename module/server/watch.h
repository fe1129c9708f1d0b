/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time limits of connections. libmicrohttpd's own timeout starts anew with every byte, which a slow
 * sender defeats; here a request has one deadline from its first byte to its last. A thread looks
 * over all connections a few times per timeout and shuts down those past theirs: the polling
 * thread then sees an end of file, and nobody else is held up.
 */
#ifndef HOLDFAST_SERVER_WATCH_H
#define HOLDFAST_SERVER_WATCH_H

#include <pthread.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/metric.h"

enum watch_phase {
	WATCH_FRESH,     /* connected, nothing complete received yet */
	WATCH_WAITING,   /* kept alive, between requests */
	WATCH_RECEIVING, /* a request has begun */
	WATCH_HANDLING,  /* with the service, which has deadlines of its own */
	WATCH_SENDING,   /* a reply is on its way */
	WATCH_PHASE_COUNT
};

/* One connection; part of its owner's record. */
struct watch_entry {
	int fd;
	enum watch_phase phase;
	int64_t since_ms;
	uint64_t bytes_seen; /* received by the socket when WAITING was first looked at */
	bool looked;
	struct watch_entry *prev, *next;
};

struct watch {
	const struct clock *clock;
	uint32_t limit_ms[WATCH_PHASE_COUNT]; /* 0: none */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stopping;
	struct watch_entry *first;
	uint64_t count, timeouts;
	enum metric_door door;
};

NODISCARD struct err watch_start(struct watch *w, const struct clock *clock, uint32_t idle_ms,
				 uint32_t request_ms);

/* Ends the thread; entries may still be removed afterwards. Twice is fine. */
void watch_stop(struct watch *w);
void watch_cleanup(struct watch *w);

/* Other limits from now on, for connections under way as well. Thread-safe. */
void watch_set_limits(struct watch *w, uint32_t idle_ms, uint32_t request_ms);

/* Which door's connections these are, for metrics. Before the first. */
void watch_name(struct watch *w, enum metric_door door);

/* The descriptor must stay open until watch_remove(). */
void watch_add(struct watch *w, struct watch_entry *entry, int fd);
void watch_remove(struct watch *w, struct watch_entry *entry);

/* RECEIVING keeps the time of a first byte that was noticed before. */
void watch_move(struct watch *w, struct watch_entry *entry, enum watch_phase phase);

/* Bytes that the kernel took from the peer so far; 0 on sockets that do not count. */
uint64_t watch_bytes_received(int fd);

void watch_counts(struct watch *w, uint64_t *connections, uint64_t *timeouts);

#endif
