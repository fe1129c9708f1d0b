/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One array of atomic cells, in which each metric has its stretch, and the text format. A stretch
 * begins on a cache line of its own. Of the process itself: metric_process.c.
 */
#include "base/metric.h"

#include <stdatomic.h>
#include <time.h>

#include "base/macros.h"

#define MS_PER_S 1000
#define NS_PER_S UINT64_C(1000000000)
#define CELLS_PER_LINE 8
#define HISTOGRAM_CELLS (METRIC_BUCKETS + 2) /* the one above all bounds, and the sum */

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };
enum unit { UNIT_ONE, UNIT_NS, UNIT_MS };
enum shown { SHOWN_ALL, SHOWN_FIRST, SHOWN_USED };

/* ---- places, known to the compiler ---- */

enum most_values {
#define METRIC_LABEL(label, name, most) MOST_##label = (most),
#define METRIC_VALUE(label, index, value)
#define METRIC_ROW(metric, kind, unit, shown, name, first, second, help)
#include "base/metric.def"
#undef METRIC_LABEL
};

enum value_places {
#define METRIC_LABEL(label, name, most) \
	VALUES_##label, VALUES_LAST_##label = VALUES_##label + (most)-1,
#include "base/metric.def"
#undef METRIC_LABEL
#undef METRIC_ROW
	VALUES_COUNT
};

enum cells_of_kind { CELLS_COUNTER = 1, CELLS_GAUGE = 1, CELLS_HISTOGRAM = HISTOGRAM_CELLS };

#define STRETCH(kind, first, second)                                                           \
	((CELLS_##kind * MOST_##first * MOST_##second + CELLS_PER_LINE - 1) / CELLS_PER_LINE * \
	 CELLS_PER_LINE)

enum cell_places {
#define METRIC_LABEL(label, name, most)
#define METRIC_ROW(metric, kind, unit, shown, name, first, second, help) \
	CELLS_AT_##metric,                                               \
		CELLS_LAST_##metric = CELLS_AT_##metric + STRETCH(kind, first, second) - 1,
#include "base/metric.def"
#undef METRIC_ROW
	CELLS_COUNT
};

struct row {
	const char *name;
	const char *help;
	uint32_t cells; /* where its stretch begins */
	uint8_t kind, unit, shown;
	uint8_t labels[2];
};

static const struct row rows[METRIC_COUNT] = {
#define METRIC_ROW(metric_, kind_, unit_, shown_, name_, first_, second_, help_) \
	[METRIC_##metric_] = {.name = (name_),                                   \
			      .help = (help_),                                   \
			      .cells = CELLS_AT_##metric_,                       \
			      .kind = KIND_##kind_,                              \
			      .unit = UNIT_##unit_,                              \
			      .shown = SHOWN_##shown_,                           \
			      .labels = {METRIC_LABEL_##first_, METRIC_LABEL_##second_}},
#include "base/metric.def"
#undef METRIC_ROW
#undef METRIC_LABEL
};

struct label {
	const char *name;
	uint16_t values; /* where they begin */
	uint16_t most;
};

static const struct label labels[METRIC_LABEL_COUNT] = {
#define METRIC_LABEL(label_, name_, most_) \
	[METRIC_LABEL_##label_] = {(name_), VALUES_##label_, (most_)},
#define METRIC_ROW(metric, kind, unit, shown, name, first, second, help)
#include "base/metric.def"
#undef METRIC_VALUE
#undef METRIC_LABEL
};

static _Atomic(const char *) values[VALUES_COUNT] = {
#define METRIC_LABEL(label, name, most)
#define METRIC_VALUE(label_, index_, value_) [VALUES_##label_ + (index_)] = (value_),
#include "base/metric.def"
#undef METRIC_VALUE
#undef METRIC_LABEL
#undef METRIC_ROW
};

static _Alignas(64) _Atomic uint64_t cells[CELLS_COUNT];

/* ---- buckets ---- */

static const struct bound {
	int64_t ns;
	const char *text; /* in seconds */
} bounds[METRIC_BUCKETS] = {
	{50000, "0.00005"},  {100000, "0.0001"},  {250000, "0.00025"}, {500000, "0.0005"},
	{1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},  {10000000, "0.01"},
	{25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},  {250000000, "0.25"},
	{500000000, "0.5"},  {1000000000, "1"},   {2500000000, "2.5"}, {5000000000, "5"},
	{10000000000, "10"},
};

size_t metric_bucket_of(int64_t ns)
{
	size_t at = 0;
	while (at < METRIC_BUCKETS && ns > bounds[at].ns)
		at++;
	return at;
}

int64_t metric_now_ns(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec;
}

/* ---- counting ---- */

static size_t within(uint8_t label, size_t index)
{
	return MIN_OF(index, (size_t)labels[label].most - 1);
}

static _Atomic uint64_t *cells_of(enum metric metric, size_t a, size_t b)
{
	const struct row *row = &rows[metric];
	size_t series =
		within(row->labels[0], a) * labels[row->labels[1]].most + within(row->labels[1], b);
	return &cells[row->cells + series * (row->kind == KIND_HISTOGRAM ? HISTOGRAM_CELLS : 1)];
}

static uint64_t load(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

void metric_label(enum metric_label label, size_t index, const char *value)
{
	if (index < labels[label].most)
		atomic_store_explicit(&values[labels[label].values + index], value,
				      memory_order_release);
}

void metric_add(enum metric metric, size_t a, size_t b, uint64_t n)
{
	atomic_fetch_add_explicit(cells_of(metric, a, b), n, memory_order_relaxed);
}

void metric_set(enum metric metric, size_t a, size_t b, uint64_t value)
{
	atomic_store_explicit(cells_of(metric, a, b), value, memory_order_relaxed);
}

void metric_observe(enum metric metric, size_t a, int64_t ns)
{
	_Atomic uint64_t *at = cells_of(metric, a, 0);
	ns = MAX_OF(ns, (int64_t)0);
	atomic_fetch_add_explicit(&at[metric_bucket_of(ns)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&at[METRIC_BUCKETS + 1], (uint64_t)ns, memory_order_relaxed);
}

void metric_set_histogram(enum metric metric, size_t a, const struct metric_histogram *histogram)
{
	_Atomic uint64_t *at = cells_of(metric, a, 0);
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		atomic_store_explicit(&at[i], histogram->buckets[i], memory_order_relaxed);
	atomic_store_explicit(&at[METRIC_BUCKETS + 1], histogram->sum_ns, memory_order_relaxed);
}

uint64_t metric_get(enum metric metric, size_t a, size_t b)
{
	const _Atomic uint64_t *at = cells_of(metric, a, b);
	if (rows[metric].kind != KIND_HISTOGRAM)
		return load(at);
	uint64_t count = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		count += load(&at[i]);
	return count;
}

/* ---- the text format (Prometheus, exposition formats: text-based format 0.0.4) ---- */

/* Backslash and line feed; the quote only in label values. */
static void put_escaped(struct writer *w, const char *text, bool quoted)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\n')
			writer_text(w, "\\n");
		else if (*c == '\\' || (quoted && *c == '"'))
			writer_format(w, "\\%c", *c);
		else
			writer_u8(w, (uint8_t)*c);
	}
}

static void put_head(struct writer *w, const struct row *row)
{
	static const char *const types[] = {
		[KIND_COUNTER] = "counter",
		[KIND_GAUGE] = "gauge",
		[KIND_HISTOGRAM] = "histogram",
	};
	writer_format(w, "# HELP %s ", row->name);
	put_escaped(w, row->help, false);
	writer_format(w, "\n# TYPE %s %s\n", row->name, types[row->kind]);
}

/* One series: its metric and the texts of its labels. */
struct series {
	const struct row *row;
	const char *texts[2]; /* "": a metric without this label */
};

static void put_label(struct writer *w, const char *name, const char *text, bool *any)
{
	if (text[0] == '\0')
		return;
	writer_format(w, "%c%s=\"", *any ? ',' : '{', name);
	put_escaped(w, text, true);
	writer_u8(w, '"');
	*any = true;
}

/* The name and the labels; `le`: NULL but for buckets. */
static void put_series(struct writer *w, const struct series *s, const char *suffix, const char *le)
{
	bool any = false;
	writer_format(w, "%s%s", s->row->name, suffix);
	for (size_t i = 0; i < ARRAY_LEN(s->texts); i++)
		put_label(w, labels[s->row->labels[i]].name, s->texts[i], &any);
	if (le != NULL)
		put_label(w, "le", le, &any);
	writer_text(w, any ? "} " : " ");
}

static void put_milliseconds(struct writer *w, int64_t ms)
{
	uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	writer_format(w, "%s%llu.%03llu\n", ms < 0 ? "-" : "",
		      (unsigned long long)(size / MS_PER_S), (unsigned long long)(size % MS_PER_S));
}

static void put_number(struct writer *w, enum unit unit, uint64_t value)
{
	if (unit == UNIT_ONE)
		writer_format(w, "%llu\n", (unsigned long long)value);
	else if (unit == UNIT_MS)
		put_milliseconds(w, (int64_t)value);
	else
		writer_format(w, "%llu.%09llu\n", (unsigned long long)(value / NS_PER_S),
			      (unsigned long long)(value % NS_PER_S));
}

/* Cumulative; +Inf is the count, so that the two agree whatever happens meanwhile. */
static void put_histogram(struct writer *w, const struct series *s, const _Atomic uint64_t *at)
{
	uint64_t count = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		count += load(&at[i]);
		put_series(w, s, "_bucket", i < METRIC_BUCKETS ? bounds[i].text : "+Inf");
		put_number(w, UNIT_ONE, count);
	}
	put_series(w, s, "_sum", NULL);
	put_number(w, (enum unit)s->row->unit, load(&at[METRIC_BUCKETS + 1]));
	put_series(w, s, "_count", NULL);
	put_number(w, UNIT_ONE, count);
}

static bool is_shown(const struct row *row, size_t b, uint64_t value)
{
	return value != 0 || row->shown == SHOWN_ALL || (row->shown == SHOWN_FIRST && b == 0);
}

static const char *text_of(uint8_t label, size_t index)
{
	return atomic_load_explicit(&values[labels[label].values + index], memory_order_acquire);
}

static void put_one(struct writer *w, enum metric metric, size_t a, size_t b)
{
	const struct row *row = &rows[metric];
	struct series s = {row, {text_of(row->labels[0], a), text_of(row->labels[1], b)}};
	bool named = s.texts[0] != NULL && s.texts[1] != NULL;
	if (!named || !is_shown(row, b, metric_get(metric, a, b)))
		return;
	if (row->kind == KIND_HISTOGRAM) {
		put_histogram(w, &s, cells_of(metric, a, b));
		return;
	}
	put_series(w, &s, "", NULL);
	put_number(w, (enum unit)row->unit, load(cells_of(metric, a, b)));
}

void metric_write(struct writer *w)
{
	for (size_t metric = 0; metric < METRIC_COUNT; metric++) {
		const struct row *row = &rows[metric];
		put_head(w, row);
		for (size_t a = 0; a < labels[row->labels[0]].most; a++)
			for (size_t b = 0; b < labels[row->labels[1]].most; b++)
				put_one(w, (enum metric)metric, a, b);
	}
}
