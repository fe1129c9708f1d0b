/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own: what became of events, for the report, the metrics and the log. Thread-safe. */
#ifndef HOLDFAST_EVENT_TALLY_H
#define HOLDFAST_EVENT_TALLY_H

#include <pthread.h>

#include "event/bus.h"

struct tally {
	pthread_mutex_t lock;
	const struct clock *clock;
	struct event_bus_report report;
	struct {
		int64_t failing_ms, dropped_ms; /* steady time of the last line about it; 0: none */
		uint64_t dropped;               /* of which the log has been told */
	} said[EVENT_SINK_COUNT];
};

void tally_init(struct tally *tally, const struct clock *clock);
void tally_cleanup(struct tally *tally);

void tally_posted(struct tally *tally);
void tally_waiting(struct tally *tally, enum event_sink sink, size_t waiting);
void tally_delivered(struct tally *tally, enum event_sink sink);

/* The sink works again, or still. */
void tally_well(struct tally *tally, enum event_sink sink);

/* It does not; a line in the log at first, and then now and then. */
void tally_failed(struct tally *tally, enum event_sink sink, const char *why);

/* `count` events will never reach it; logged at once, and then at most once a minute. */
void tally_dropped(struct tally *tally, enum event_sink sink, size_t count, const char *why);

#endif
