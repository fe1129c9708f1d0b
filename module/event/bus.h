/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes events and brings them to the sinks: a file of JSON lines, and an HTTP endpoint that gets
 * each as the body of a POST. A thread of its own does the work. What an endpoint has not taken yet
 * is kept in a spool file, bounded, so that a restart or a crash loses nothing: an event may be
 * told twice, under the same id. As AWS's own, delivery is best effort: beyond the bound the oldest
 * go, counted and logged.
 */
#ifndef HOLDFAST_EVENT_BUS_H
#define HOLDFAST_EVENT_BUS_H

#include "base/clock.h"
#include "event/event.h"

struct event_bus;

struct event_bus_options {
	const char *file;       /* JSON lines are appended and synced; NULL or "": no such sink */
	const char *url;        /* http(s)://...; NULL or "": no such sink */
	const char *ca_file;    /* PEM, of the endpoint; NULL or "": the system's */
	const char *token_file; /* its first line is sent as a bearer token; NULL or "": none */
	const char *spool;      /* file for what the endpoint has not taken; needed with `url` */
	uint32_t queue_max;     /* 0: 10,000 events that wait for the endpoint */
	uint32_t timeout_ms;    /* 0: 10,000; of one request */
	uint32_t retry_ms;      /* 0: 1,000; the first pause, doubled up to five minutes */
	const struct clock *clock;
};

/* NULL, or what is wrong with the options for an endpoint, and what to do about it: for the
 * operator, without opening anything. Never repeats the URL. */
const char *event_bus_fault(const struct event_bus_options *options);

/* Reads the spool, starts the thread. *out owned by the caller, event_bus_close(). E_SYSTEM,
 * E_SETTINGS (logged). */
NODISCARD struct err event_bus_open(const struct event_bus_options *options,
				    struct event_bus **out);
/* Writes what the file sink lacks, leaves the rest in the spool, ends the thread. */
void event_bus_close(struct event_bus **bus);

/* Another `file` handle (SIGHUP); a file that was moved away is noticed without it, too. What waits
 * is tried at once. Thread-safe; `bus` may be NULL. */
void event_bus_reopen(struct event_bus *bus);

/* Takes an event. In the spool, if there is one, when this returns; the sinks get it later. Blocks
 * as a disk does; never fails: what cannot be kept is counted and logged. `bus` may be NULL. */
void event_bus_post(struct event_bus *bus, const struct event *event);

enum event_sink { EVENT_SINK_FILE, EVENT_SINK_ENDPOINT, EVENT_SINK_COUNT };

#define EVENT_SAID_MAX 128

struct event_sink_report {
	bool present;
	uint64_t delivered, waiting, dropped; /* events; dropped: never told to this sink */
	int64_t dropped_ms;                   /* Unix time of the last one dropped; 0: none was */
	int64_t failing_since_ms;             /* Unix time; 0: the last delivery was well */
	char last_error[EVENT_SAID_MAX];      /* of the last failed delivery; "" */
};

struct event_bus_report {
	uint64_t posted;
	struct event_sink_report sinks[EVENT_SINK_COUNT];
};
/* Never blocks for long. Thread-safe; `bus` may be NULL. */
void event_bus_report(struct event_bus *bus, struct event_bus_report *out);

#endif
