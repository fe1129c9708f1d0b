/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue and the writer thread. The thread takes all that waits at once, has the ledger write it
 * as one group per segment, and then calls every `done`, holding no lock. What is behind the
 * ledger: chain, segments, signatures, disks that refuse.
 */
#include "audit/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "audit/failures.h"
#include "audit/ledger.h"
#include "audit/record.h"
#include "audit/segment.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#define QUEUE_DEFAULT 8192
#define WINDOW_MS_DEFAULT 10000
#define SIGN_RECORDS_DEFAULT 16
#define SIGN_MS_DEFAULT 100
#define PROBE_MS_DEFAULT 1000
#define NEVER INT64_MAX
#define MS_PER_S 1000
#define NS_PER_MS 1000000

struct queue {
	struct audit_entry *first;
	struct audit_entry **end; /* where the next one is linked; NULL: at first */
	size_t count;
};

/* Entries by what happens to them: to be written, or told why not. */
enum lane { LANE_WRITE, LANE_BUSY, LANE_LATE, LANE_MALFORMED, LANE_COUNT };

static const uint16_t lane_codes[LANE_COUNT] = {
	[LANE_WRITE] = E_OK,
	[LANE_BUSY] = E_BUSY,
	[LANE_LATE] = E_CANCELLED,
	[LANE_MALFORMED] = E_BUG,
};

struct audit_log {
	/* Constant while the thread runs. */
	const struct clock *clock;
	uint32_t window_ms;
	pthread_t thread;
	bool started;

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue lanes[LANE_COUNT];
	bool stopping;
	struct audit_log_limits limits; /* for the ledger, from the next group on */
	int64_t window_end_ms;          /* steady; NEVER: no window is open */

	struct ledger ledger; /* the writer thread's own */
	struct failures failed_logins;
};

static void queue_put(struct queue *q, struct audit_entry *entry)
{
	entry->next = NULL;
	*(q->end ? q->end : &q->first) = entry;
	q->end = &entry->next;
	q->count++;
}

/* --- Telling. --- */

static void finish(struct audit_entry *entry, size_t count, struct err result)
{
	while (count-- > 0) {
		struct audit_entry *next = entry->next; /* done() may give the entry back */
		entry->done(entry, result);
		entry = next;
	}
}

/* --- The writer thread. --- */

static void write_queue(struct audit_log *log, const struct queue *q)
{
	struct audit_entry *entry = q->first;
	for (size_t left = q->count; left > 0;) {
		size_t count = ledger_fit(&log->ledger, entry, left);
		struct audit_entry *rest = entry;
		for (size_t i = 0; i < count; i++)
			rest = rest->next;
		finish(entry, count, ledger_write(&log->ledger, entry, count));
		entry = rest;
		left -= count;
	}
}

/* The records of one window, in one group. */
static struct err write_failures(struct audit_log *log, const struct failures_table *table)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(mem_free_at) struct audit_entry *entries = NULL;
	buf_init(&text, MEM_ALLOC_MAX);
	TRY(MEM_NEW_ARRAY(FAILURES_ROWS, &entries));
	struct queue q = {0};
	for (const struct failures_row *row = failures_row_at(table, 0); row != NULL;
	     row = failures_row_at(table, q.count)) {
		struct writer w;
		size_t start = text.len;
		writer_init_buf(&w, &text);
		TRY(failures_row_write(row, &w));
		entries[q.count].line.len = text.len - start;
		queue_put(&q, &entries[q.count]);
	}
	size_t at = 0;
	for (size_t i = 0; i < q.count; at += entries[i++].line.len)
		entries[i].line.ptr = text.ptr + at;
	return ledger_write(&log->ledger, q.first, q.count);
}

static void flush_failures(struct audit_log *log)
{
	if (!ledger_healthy(&log->ledger))
		return;
	const struct failures_table *table = failures_take(&log->failed_logins);
	if (table == NULL)
		return;
	struct err e = write_failures(log, table);
	failures_done(&log->failed_logins, !err_failed(e));
	if (err_failed(e)) {
		log_event(LOG_WARNING, "audit.failures_kept", LOG_ERR(e));
		LOCK_SCOPE(&log->lock);
		log->window_end_ms = clock_steady_ms(log->clock) + log->window_ms;
	}
}

/* What the thread does next. */
struct work {
	struct queue lanes[LANE_COUNT];
	bool window_over;
	bool stopping;
};

static bool is_waiting(const struct audit_log *log)
{
	for (size_t i = 0; i < LANE_COUNT; i++)
		if (log->lanes[i].count > 0)
			return true;
	return log->stopping;
}

/* Milliseconds until something is due by itself; -1: nothing. */
static int64_t due_in_ms(const struct audit_log *log, int64_t now)
{
	int64_t due = ledger_due_ms(&log->ledger);
	if (ledger_healthy(&log->ledger))
		due = MIN_OF(due, log->window_end_ms);
	if (due == NEVER)
		return -1;
	return MAX_OF(due - now, (int64_t)0);
}

/* Waits once, until woken or something is due. */
static void wait_once(struct audit_log *log, int64_t ms)
{
	if (ms < 0) {
		(void)pthread_cond_wait(&log->wake, &log->lock);
		return;
	}
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + (ms % MS_PER_S) * NS_PER_MS;
	until.tv_sec += ms / MS_PER_S + ns / (MS_PER_S * (int64_t)NS_PER_MS);
	until.tv_nsec = ns % (MS_PER_S * (int64_t)NS_PER_MS);
	(void)pthread_cond_timedwait(&log->wake, &log->lock, &until);
}

static struct work take_work(struct audit_log *log)
{
	struct work work = {0};
	LOCK_SCOPE(&log->lock);
	int64_t due = due_in_ms(log, clock_steady_ms(log->clock));
	while (!is_waiting(log) && due != 0) {
		wait_once(log, due);
		due = due_in_ms(log, clock_steady_ms(log->clock));
	}
	for (size_t i = 0; i < LANE_COUNT; i++) {
		work.lanes[i] = log->lanes[i];
		log->lanes[i] = (struct queue){0};
	}
	metric_set(METRIC_AUDIT_QUEUE, 0, 0, 0);
	work.stopping = log->stopping;
	ledger_set_limits(&log->ledger, &log->limits);
	work.window_over = log->window_end_ms <= clock_steady_ms(log->clock);
	if (work.window_over && ledger_healthy(&log->ledger))
		log->window_end_ms = NEVER;
	return work;
}

static bool is_empty(const struct work *work)
{
	for (size_t i = 0; i < LANE_COUNT; i++)
		if (work->lanes[i].count > 0)
			return false;
	return true;
}

static void *run(void *user)
{
	struct audit_log *log = (struct audit_log *)user;
	for (;;) {
		struct work work = take_work(log);
		ledger_probe(&log->ledger, work.stopping);
		write_queue(log, &work.lanes[LANE_WRITE]);
		for (size_t i = LANE_WRITE + 1; i < LANE_COUNT; i++)
			finish(work.lanes[i].first, work.lanes[i].count, ERR(lane_codes[i]));
		bool last = work.stopping && is_empty(&work);
		if (work.window_over || last)
			flush_failures(log);
		if (last)
			break;
		ledger_attest(&log->ledger);
	}
	ledger_attest_end(&log->ledger);
	return NULL;
}

/* --- The callers' side. --- */

static enum lane lane_for(const struct audit_log *log, bool well_formed)
{
	if (!well_formed)
		return LANE_MALFORMED;
	if (log->stopping)
		return LANE_LATE;
	return log->lanes[LANE_WRITE].count < log->limits.queue_max ? LANE_WRITE : LANE_BUSY;
}

/* An object with a member, so that another member can follow. */
static bool is_record(struct view line)
{
	return line.len > 2 && line.len <= AUDIT_RECORD_MAX && line.ptr[0] == '{' &&
	       line.ptr[line.len - 1] == '}' && view_find(line, '\n') == line.len &&
	       view_find(line, 0) == line.len;
}

void audit_log_append(struct audit_log *log, struct audit_entry *entry)
{
	bool well_formed = is_record(entry->line);
	LOCK_SCOPE(&log->lock);
	queue_put(&log->lanes[lane_for(log, well_formed)], entry);
	metric_set(METRIC_AUDIT_QUEUE, 0, 0, log->lanes[LANE_WRITE].count);
	(void)pthread_cond_signal(&log->wake);
}

void audit_log_set_limits(struct audit_log *log, const struct audit_log_limits *limits)
{
	LOCK_SCOPE(&log->lock);
	struct audit_log_limits before = log->limits;
	log->limits = *limits;
	if (limits->segment_bytes == 0)
		log->limits.segment_bytes = before.segment_bytes;
	if (limits->queue_max == 0)
		log->limits.queue_max = before.queue_max;
	if (limits->sign_every_records == 0)
		log->limits.sign_every_records = before.sign_every_records;
	if (limits->sign_every_ms == 0)
		log->limits.sign_every_ms = before.sign_every_ms;
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool done;
	struct err result;
};

static void tell_waiter(struct audit_entry *entry, struct err result)
{
	struct waiter *waiter = (struct waiter *)entry->user;
	LOCK_SCOPE(&waiter->lock);
	waiter->result = result;
	waiter->done = true;
	(void)pthread_cond_signal(&waiter->told);
}

NODISCARD struct err audit_log_append_wait(struct audit_log *log, struct view line)
{
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
				.told = PTHREAD_COND_INITIALIZER};
	struct audit_entry entry = {.line = line, .done = tell_waiter, .user = &waiter};
	audit_log_append(log, &entry);
	LOCK_SCOPE(&waiter.lock);
	while (!waiter.done)
		(void)pthread_cond_wait(&waiter.told, &waiter.lock);
	return waiter.result;
}

void audit_log_count_failure(struct audit_log *log, struct view source_address,
			     const char *error_code)
{
	if (!failures_count(&log->failed_logins, source_address, view_of_text(error_code),
			    clock_real_ms(log->clock)))
		return;
	LOCK_SCOPE(&log->lock);
	log->window_end_ms = clock_steady_ms(log->clock) + log->window_ms;
	(void)pthread_cond_signal(&log->wake);
}

void audit_log_sign(struct audit_log *log)
{
	ledger_sign(&log->ledger);
	LOCK_SCOPE(&log->lock);
	(void)pthread_cond_signal(&log->wake);
}

void audit_log_tail(const struct audit_log *log, struct audit_tail *out)
{
	*out = log->ledger.tail;
}

void audit_log_point(struct audit_log *log, struct audit_point *out)
{
	ledger_point(&log->ledger, out);
}

bool audit_log_healthy(struct audit_log *log)
{
	return ledger_healthy(&log->ledger);
}

void audit_log_figures(struct audit_log *log, struct audit_log_figures *out)
{
	ledger_figures(&log->ledger, out);
}

/* --- Opening and closing. --- */

static void stop_thread(struct audit_log *log)
{
	if (!log->started)
		return;
	pthread_mutex_lock(&log->lock);
	log->stopping = true;
	(void)pthread_cond_signal(&log->wake);
	pthread_mutex_unlock(&log->lock);
	(void)pthread_join(log->thread, NULL);
}

void audit_log_close(struct audit_log **at)
{
	struct audit_log *log = TAKE(*at);
	if (log == NULL)
		return;
	stop_thread(log);
	ledger_close(&log->ledger);
	failures_cleanup(&log->failed_logins);
	(void)pthread_cond_destroy(&log->wake);
	(void)pthread_mutex_destroy(&log->lock);
	mem_free(log);
}

/* Signals are for the program's main thread. */
static struct err start_thread(struct audit_log *log)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&log->thread, NULL, run, log);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	log->started = rc == 0;
	return rc == 0 ? OK : ERR_DETAIL(E_NOMEM, rc);
}

static void init_lock(struct audit_log *log)
{
	pthread_condattr_t monotonic;
	(void)pthread_mutex_init(&log->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&log->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static struct audit_log_limits limits_of(const struct audit_log_options *options)
{
	return (struct audit_log_limits){
		.segment_bytes =
			options->segment_bytes ? options->segment_bytes : SEGMENT_BYTES_DEFAULT,
		.segment_days = options->segment_days,
		.queue_max = options->queue_max ? options->queue_max : QUEUE_DEFAULT,
		.sign_every_records = options->sign_every_records ? options->sign_every_records
								  : SIGN_RECORDS_DEFAULT,
		.sign_every_ms = options->sign_every_ms ? options->sign_every_ms : SIGN_MS_DEFAULT,
	};
}

NODISCARD struct err audit_log_open_tuned(const struct audit_log_options *options,
					  const struct audit_log_tuning *tuning,
					  struct audit_log **out)
{
	*out = NULL;
	CLEANUP(audit_log_close) struct audit_log *log = NULL;
	TRY(MEM_NEW(&log));
	init_lock(log);
	log->clock = options->clock;
	log->limits = limits_of(options);
	log->window_ms =
		options->failures_window_ms ? options->failures_window_ms : WINDOW_MS_DEFAULT;
	log->window_end_ms = NEVER;
	TRY(ledger_open(&log->ledger, options, &log->limits, tuning));
	TRY(failures_init(&log->failed_logins));
	TRY(start_thread(log));
	*out = TAKE(log);
	return OK;
}

NODISCARD struct err audit_log_open(const struct audit_log_options *options, struct audit_log **out)
{
	static const struct audit_log_tuning tuning = {
		.io = &segment_io_system,
		.zeros_bytes = SEGMENT_ZEROS_DEFAULT,
		.probe_ms = PROBE_MS_DEFAULT,
	};
	return audit_log_open_tuned(options, &tuning, out);
}
