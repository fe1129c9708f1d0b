/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process counts and measures, for Prometheus. Every metric is a row of metric.def with at
 * most two labels, whose values are bounded; all series have their place from the start. Counting
 * takes one or two relaxed atomic additions, no lock and no memory; so does reading, which may miss
 * what happens meanwhile. Nothing that a client sends becomes a label.
 *
 * `a` and `b` are indexes of label values; one beyond the label's bound counts as its last.
 */
#ifndef HOLDFAST_BASE_METRIC_H
#define HOLDFAST_BASE_METRIC_H

#include "base/writer.h"

enum metric_label {
#define METRIC_LABEL(label, name, most) METRIC_LABEL_##label,
#define METRIC_VALUE(label, index, value)
#define METRIC_ROW(metric, kind, unit, shown, name, first, second, help)
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC_VALUE
#undef METRIC_ROW
	METRIC_LABEL_COUNT
};

enum metric {
#define METRIC_LABEL(label, name, most)
#define METRIC_VALUE(label, index, value)
#define METRIC_ROW(metric, kind, unit, shown, name, first, second, help) METRIC_##metric,
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC_VALUE
#undef METRIC_ROW
	METRIC_COUNT
};

enum metric_stage { METRIC_STAGE_TOKEN, METRIC_STAGE_AUDIT };
enum metric_door { METRIC_DOOR_PUBLIC, METRIC_DOOR_ADMIN, METRIC_DOOR_HEALTH, METRIC_DOOR_METRICS };
enum metric_handshake { METRIC_HANDSHAKE_OK, METRIC_HANDSHAKE_FAILED };
enum metric_lookup { METRIC_LOOKUP_HIT, METRIC_LOOKUP_MISS };
/* As enum kms_due_kind has them; and sessions that ended. */
enum metric_due { METRIC_DUE_SESSION, METRIC_DUE_ROTATION, METRIC_DUE_DELETION, METRIC_DUE_EXPIRY };
enum metric_store { METRIC_STORE_READ, METRIC_STORE_WRITE, METRIC_STORE_COMMIT };

/* Upper bounds of every histogram, from 50 µs to 10 s; above them is one bucket more. */
#define METRIC_BUCKETS 17

/* One histogram, as another process counted it. Not cumulative. */
struct metric_histogram {
	uint64_t buckets[METRIC_BUCKETS + 1];
	uint64_t sum_ns;
};

/* Which bucket a duration belongs to: 0..METRIC_BUCKETS. */
size_t metric_bucket_of(int64_t ns);

/* CLOCK_MONOTONIC; for durations only. Metrics are about the machine, so that no injected clock is
 * asked. */
int64_t metric_now_ns(void);

/*
 * Gives a label value its text: a string of static storage. Once, before anything is counted under
 * it; the same text again is fine. Out of bounds: ignored.
 */
void metric_label(enum metric_label label, size_t index, const char *value);

void metric_add(enum metric metric, size_t a, size_t b, uint64_t n);

/* For gauges, and for counters that are kept elsewhere. */
void metric_set(enum metric metric, size_t a, size_t b, uint64_t value);

/* One duration more in a histogram; negative: 0. */
void metric_observe(enum metric metric, size_t a, int64_t ns);
static inline void metric_observe_since(enum metric metric, size_t a, int64_t began_ns)
{
	metric_observe(metric, a, metric_now_ns() - began_ns);
}

void metric_set_histogram(enum metric metric, size_t a, const struct metric_histogram *histogram);

/* The value, or the number of durations in a histogram. */
uint64_t metric_get(enum metric metric, size_t a, size_t b);

/* Everything, in the Prometheus text format 0.0.4. The failures are the writer's. */
#define METRIC_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRIC_TEXT_MAX ((size_t)4 << 20) /* every series of every metric fits */
void metric_write(struct writer *w);

/* The start of the process, which is asked for once: at its start. */
void metric_process_start(void);

/* Sets the metrics of the process itself (memory, CPU, descriptors) to what they are now. */
void metric_process_look(void);

#endif
