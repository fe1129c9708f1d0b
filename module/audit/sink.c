/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of a sink, and what became of its lines. A line is tried until it is taken, or until
 * the sink is another one, or until the end; meanwhile the queue fills, and what finds no room is
 * counted in front of the next line that does. What a kind says: sink_syslog.c, sink_journal.c.
 */
#include "audit/sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/sink_local.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"

#define QUEUE_BYTES_DEFAULT ((size_t)8 << 20) /* some 5,000 records */
#define RETRY_MS_DEFAULT 500
#define SAY_MS_DEFAULT 60000
#define STOP_MS_DEFAULT 1000
#define BUSY_MS 100      /* a receiver whose queue is full is looked at again */
#define BUSY_SAY_MS 1000 /* and has failed when it stays so */
#define NOTE_MAX 256
#define MS_PER_S 1000
#define NS_PER_MS 1000000

struct config {
	enum audit_sink_kind kind;
	char socket[AUDIT_SINK_SOCKET_MAX + 1];
	struct sink_speaker speaker;
};

struct audit_sink {
	const struct clock *clock;
	struct audit_sink_tuning tuning;
	pthread_t thread;
	bool started;

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct config config;
	uint64_t edition; /* of the config */
	struct sink_queue queue;
	uint64_t missed; /* behind the last line that found room */
	bool stopping;
	int64_t stop_at_ms; /* steady */
	struct audit_sink_report report;

	/* The thread's own. */
	struct config current;
	uint64_t current_edition;
	int fd; /* -1: none */
	struct buf line, message;
	int64_t failing_ms; /* steady: since when; 0: it is not */
	int64_t said_failing_ms, said_missed_ms;
	bool said_failing; /* and not yet that it recovered */
	uint64_t said_missed;
};

static const struct sink_kind *const kinds[AUDIT_SINK_KINDS] = {
	[AUDIT_SINK_SYSLOG] = &sink_syslog,
	[AUDIT_SINK_JOURNAL] = &sink_journal,
};

static int64_t now_ms(void)
{
	return MAX_OF(clock_steady_ms(&clock_system), (int64_t)1);
}

/* ---- what became of lines ---- */

/* The lock is held. */
static void count_missed(struct audit_sink *sink, uint64_t n)
{
	sink->report.missed += n;
	sink->report.missed_ms = clock_real_ms(sink->clock);
	metric_add(METRIC_AUDIT_SINK_MISSED, 0, 0, n);
}

/* The lock is held. */
static void show_waiting(struct audit_sink *sink)
{
	sink->report.waiting = sink->queue.count;
	metric_set(METRIC_AUDIT_SINK_WAITING, 0, 0, sink->queue.count);
}

/* Whether it is time for another line in the log; the first is written at once. */
static bool is_time(const struct audit_sink *sink, int64_t *said_ms)
{
	int64_t now = now_ms();
	if (*said_ms != 0 && now - *said_ms < sink->tuning.say_ms)
		return false;
	*said_ms = now;
	return true;
}

static void say_missed(struct audit_sink *sink)
{
	uint64_t missed = 0;
	{
		LOCK_SCOPE(&sink->lock);
		missed = sink->report.missed;
	}
	if (missed == sink->said_missed || !is_time(sink, &sink->said_missed_ms))
		return;
	log_event(LOG_WARNING, "audit.sink_missed", LOG_TEXT("socket", sink->current.socket),
		  LOG_NUMBER("records", missed - sink->said_missed),
		  LOG_TEXT("action", "take them from the audit log's files, which have all"));
	sink->said_missed = missed;
}

static void tell_failing(struct audit_sink *sink, struct err e)
{
	int64_t now = now_ms();
	sink->failing_ms = sink->failing_ms ? sink->failing_ms : now;
	say_missed(sink);
	if (err_is(e, E_WOULD_BLOCK) && now - sink->failing_ms < BUSY_SAY_MS)
		return;
	{
		LOCK_SCOPE(&sink->lock);
		if (sink->report.failing_since_ms == 0)
			sink->report.failing_since_ms = clock_real_ms(sink->clock);
		sink->report.failure = (int)e.detail;
	}
	if (!is_time(sink, &sink->said_failing_ms))
		return;
	sink->said_failing = true;
	log_event(LOG_WARNING, "audit.sink_failing", LOG_TEXT("socket", sink->current.socket),
		  LOG_NUMBER("errno", (int64_t)e.detail),
		  LOG_TEXT("action", "see that it is served (sink in [audit]); records wait "
				     "meanwhile, and are in the audit log's files"));
}

static void tell_delivered(struct audit_sink *sink)
{
	{
		LOCK_SCOPE(&sink->lock);
		sink->report.delivered++;
		sink->report.failing_since_ms = 0;
	}
	metric_add(METRIC_AUDIT_SINK_DELIVERED, 0, 0, 1);
	sink->failing_ms = 0;
	if (sink->said_failing)
		log_event(LOG_INFO, "audit.sink_recovered",
			  LOG_TEXT("socket", sink->current.socket));
	sink->said_failing = false;
	say_missed(sink);
}

static void tell_missed(struct audit_sink *sink, uint64_t n)
{
	{
		LOCK_SCOPE(&sink->lock);
		count_missed(sink, n);
	}
	say_missed(sink);
}

/* ---- sending ---- */

static void disconnect(struct audit_sink *sink)
{
	if (sink->fd >= 0)
		(void)close(sink->fd);
	sink->fd = -1;
}

/* Goes over to the sink that was set last. */
static void adopt(struct audit_sink *sink)
{
	LOCK_SCOPE(&sink->lock);
	if (sink->current_edition == sink->edition)
		return;
	sink->current = sink->config;
	sink->current_edition = sink->edition;
	sink->failing_ms = sink->said_failing_ms = 0;
	sink->report.failing_since_ms = 0;
	disconnect(sink);
}

static struct err attempt(struct audit_sink *sink, const struct sink_kind *kind)
{
	struct view message = buf_view(&sink->message);
	if (sink->fd < 0)
		TRY(sink_connect(sink->current.socket, sink->tuning.send_bytes, &sink->fd));
	struct err e = sink_send(sink->fd, message);
	if (err_is(e, E_BOUNDS) && kind->takes_files)
		e = sink_send_file(sink->fd, message);
	if (err_is(e, E_SYSTEM))
		disconnect(sink); /* whoever listened there does not any more */
	return e;
}

/* Until it may be tried again; false: it is over. The lock is held. */
static bool pause_locked(struct audit_sink *sink, int64_t ms)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + (ms % MS_PER_S) * NS_PER_MS;
	until.tv_sec += ms / MS_PER_S + ns / (MS_PER_S * (int64_t)NS_PER_MS);
	until.tv_nsec = ns % (MS_PER_S * (int64_t)NS_PER_MS);
	int timed_out = 0;
	while (timed_out == 0 && !sink->stopping && sink->edition == sink->current_edition)
		timed_out = pthread_cond_timedwait(&sink->wake, &sink->lock, &until);
	return !sink->stopping;
}

/* A receiver that is there and busy is waited for even at the end, for a while. */
static bool pause_after(struct audit_sink *sink, struct err e)
{
	if (err_is(e, E_WOULD_BLOCK)) {
		struct pollfd fd = {sink->fd, POLLOUT, 0};
		(void)poll(&fd, 1, BUSY_MS);
		LOCK_SCOPE(&sink->lock);
		return !sink->stopping || now_ms() < sink->stop_at_ms;
	}
	LOCK_SCOPE(&sink->lock);
	return pause_locked(sink, sink->tuning.retry_ms);
}

static struct err compose(struct audit_sink *sink, const struct sink_kind *kind,
			  const struct sink_line *line)
{
	struct writer w;
	buf_clear(&sink->message);
	writer_init_buf(&w, &sink->message);
	kind->write(&sink->current.speaker, line, &w);
	return writer_end(&w);
}

enum outcome { OUTCOME_TAKEN, OUTCOME_TOO_LARGE, OUTCOME_OVER };

/* OVER: the end has come before somebody took it. */
static enum outcome deliver(struct audit_sink *sink, const struct sink_line *line)
{
	for (;;) {
		adopt(sink);
		const struct sink_kind *kind = kinds[sink->current.kind];
		if (kind == NULL)
			return OUTCOME_TAKEN;
		struct err e = compose(sink, kind, line);
		if (!err_failed(e))
			e = attempt(sink, kind);
		if (!err_failed(e)) {
			tell_delivered(sink);
			return OUTCOME_TAKEN;
		}
		if (err_is(e, E_BOUNDS))
			return OUTCOME_TOO_LARGE;
		tell_failing(sink, e);
		if (!pause_after(sink, e))
			return OUTCOME_OVER;
	}
}

/* In the place of lines that are missing; false: it is over. */
static bool deliver_note(struct audit_sink *sink, uint64_t missed)
{
	char text[NOTE_MAX];
	struct sink_line note = {.severity = SINK_WARNING};
	if (err_failed(text_format(text, sizeof text,
				   "{\"missedRecords\":%llu,\"note\":\"these records of the audit "
				   "log could not be told here; its files have them\"}",
				   (unsigned long long)missed)))
		return true;
	note.text = view_of_text(text);
	timestamp_iso(clock_real_ms(sink->clock), true, note.time);
	return deliver(sink, &note) != OUTCOME_OVER;
}

static bool settle(struct audit_sink *sink, enum outcome outcome)
{
	if (outcome != OUTCOME_TOO_LARGE)
		return outcome != OUTCOME_OVER;
	tell_missed(sink, 1);
	return deliver_note(sink, 1);
}

/* An attestation is no record: its line alone is told. */
static bool deliver_line(struct audit_sink *sink)
{
	CLEANUP(audit_event_cleanup) struct audit_event event = {.time_ms = 0};
	struct sink_line line = {.text = buf_view(&sink->line), .severity = SINK_INFO};
	bool known = !err_failed(audit_event_read(line.text, &event));
	if (known) {
		line.event_id = event.id;
		line.event_name = event.name;
		line.request_id = event.request_id;
		line.severity = event.error_code.len > 0 ? SINK_NOTICE : SINK_INFO;
	}
	timestamp_iso(known ? event.time_ms : clock_real_ms(sink->clock), true, line.time);
	return settle(sink, deliver(sink, &line));
}

/* ---- the thread ---- */

/* The next line, and how many are missing in front of it. */
struct work {
	uint64_t missed;
	bool line;
	bool over;
};

static struct work take_work(struct audit_sink *sink)
{
	struct work work = {0};
	LOCK_SCOPE(&sink->lock);
	while (sink->queue.count == 0 && sink->missed == 0 && !sink->stopping)
		(void)pthread_cond_wait(&sink->wake, &sink->lock);
	struct err e = sink_queue_take(&sink->queue, &sink->line, &work.missed, &work.line);
	if (err_failed(e))
		(void)pause_locked(sink, sink->tuning.retry_ms);
	else if (!work.line)
		work.missed = sink->missed;
	if (!err_failed(e) && !work.line)
		sink->missed = 0;
	work.over = sink->stopping && !work.line && work.missed == 0;
	show_waiting(sink);
	return work;
}

/* Everything that was left. */
static void give_up(struct audit_sink *sink, bool with_line)
{
	{
		LOCK_SCOPE(&sink->lock);
		count_missed(sink, sink->queue.count + (with_line ? 1 : 0));
	}
	sink->said_missed_ms = 0; /* in any case */
	say_missed(sink);
}

static void *run(void *user)
{
	struct audit_sink *sink = (struct audit_sink *)user;
	for (;;) {
		struct work work = take_work(sink);
		if (work.over)
			return NULL;
		if ((work.missed > 0 && !deliver_note(sink, work.missed)) ||
		    (work.line && !deliver_line(sink))) {
			give_up(sink, work.line);
			return NULL;
		}
	}
}

/* ---- the callers' side ---- */

void audit_sink_put(struct audit_sink *sink, struct view front, struct view ending)
{
	if (sink == NULL)
		return;
	if (ending.len > 0 && ending.ptr[ending.len - 1] == '\n')
		ending.len--;
	LOCK_SCOPE(&sink->lock);
	if (sink->config.kind == AUDIT_SINK_NONE)
		return;
	if (!sink_queue_put(&sink->queue, front, ending, sink->missed)) {
		sink->missed++;
		count_missed(sink, 1);
		return;
	}
	sink->missed = 0;
	show_waiting(sink);
	(void)pthread_cond_signal(&sink->wake);
}

static struct err config_take(struct config *config, const struct audit_sink_options *options)
{
	const struct sink_kind *kind = kinds[options->kind];
	const char *socket =
		options->socket[0] != '\0' || kind == NULL ? options->socket : kind->socket;
	*config = (struct config){.kind = options->kind};
	config->speaker.facility = options->facility;
	config->speaker.pid = getpid();
	if (gethostname(config->speaker.host, SINK_HOST_MAX) != 0)
		config->speaker.host[0] = '\0';
	TRY(text_copy(config->socket, sizeof config->socket, view_of_text(socket)));
	return text_copy(config->speaker.ident, sizeof config->speaker.ident,
			 view_of_text(options->ident));
}

static bool same(const struct config *a, const struct config *b)
{
	return a->kind == b->kind && text_equal(a->socket, b->socket) &&
	       text_equal(a->speaker.ident, b->speaker.ident) &&
	       a->speaker.facility == b->speaker.facility;
}

void audit_sink_set(struct audit_sink *sink, const struct audit_sink_options *options)
{
	struct config fresh;
	if (err_failed(config_take(&fresh, options)))
		return; /* cannot be: settings are no longer */
	LOCK_SCOPE(&sink->lock);
	if (same(&fresh, &sink->config))
		return;
	sink->config = fresh;
	sink->edition++;
	(void)pthread_cond_signal(&sink->wake);
}

void audit_sink_report(struct audit_sink *sink, struct audit_sink_report *out)
{
	LOCK_SCOPE(&sink->lock);
	*out = sink->report;
	out->kind = sink->config.kind;
	mem_copy(out->socket, sizeof out->socket, sink->config.socket, sizeof sink->config.socket);
}

/* ---- opening and closing ---- */

static void stop_thread(struct audit_sink *sink)
{
	if (!sink->started)
		return;
	{
		LOCK_SCOPE(&sink->lock);
		sink->stopping = true;
		sink->stop_at_ms = now_ms() + sink->tuning.stop_ms;
		(void)pthread_cond_signal(&sink->wake);
	}
	(void)pthread_join(sink->thread, NULL);
}

void audit_sink_close(struct audit_sink **at)
{
	struct audit_sink *sink = TAKE(*at);
	if (sink == NULL)
		return;
	stop_thread(sink);
	disconnect(sink);
	sink_queue_cleanup(&sink->queue);
	buf_cleanup(&sink->line);
	buf_cleanup(&sink->message);
	(void)pthread_cond_destroy(&sink->wake);
	(void)pthread_mutex_destroy(&sink->lock);
	mem_free(sink);
}

static void init_lock(struct audit_sink *sink)
{
	pthread_condattr_t monotonic;
	(void)pthread_mutex_init(&sink->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&sink->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

/* Signals are for the program's main thread. */
static struct err start_thread(struct audit_sink *sink)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&sink->thread, NULL, run, sink);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	sink->started = rc == 0;
	return rc == 0 ? OK : ERR_DETAIL(E_NOMEM, rc);
}

NODISCARD struct err audit_sink_open_tuned(const struct audit_sink_options *options,
					   const struct audit_sink_tuning *tuning,
					   const struct clock *clock, struct audit_sink **out)
{
	*out = NULL;
	CLEANUP(audit_sink_close) struct audit_sink *sink = NULL;
	TRY(MEM_NEW(&sink));
	init_lock(sink);
	sink->fd = -1;
	sink->clock = clock;
	sink->tuning = *tuning;
	buf_init(&sink->line, SINK_LINE_MAX);
	buf_init(&sink->message, SINK_MESSAGE_MAX);
	TRY(config_take(&sink->config, options));
	sink->edition = 1;
	TRY(sink_queue_init(&sink->queue, tuning->queue_bytes));
	TRY(start_thread(sink));
	*out = TAKE(sink);
	return OK;
}

NODISCARD struct err audit_sink_open(const struct audit_sink_options *options,
				     const struct clock *clock, struct audit_sink **out)
{
	static const struct audit_sink_tuning tuning = {
		.queue_bytes = QUEUE_BYTES_DEFAULT,
		.retry_ms = RETRY_MS_DEFAULT,
		.say_ms = SAY_MS_DEFAULT,
		.stop_ms = STOP_MS_DEFAULT,
	};
	return audit_sink_open_tuned(options, &tuning, clock, out);
}
