/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of things: a post writes the file and the spool at once, under one lock; a thread of
 * its own sends to the endpoint, without the lock, and tries the file again.
 */
#include "event/bus.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/entropy.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "event/endpoint.h"
#include "event/line_file.h"
#include "event/spool.h"
#include "event/tally.h"

#define QUEUE_DEFAULT 10000
#define TIMEOUT_DEFAULT_MS 10000
#define RETRY_DEFAULT_MS 1000
#define RETRY_MAX_MS 300000
#define LOOK_MAX_MS 1000 /* the injected clock may go at a pace of its own */
#define MS_PER_S 1000
#define NS_PER_MS 1000000

/* EventBridge User Guide, "Event retry policy": it tries for 24 hours. */
#define GIVE_UP_MS (INT64_C(24) * 3600 * 1000)

/* Exponential, with jitter. */
struct retry {
	uint32_t first_ms, pause_ms; /* pause_ms 0: the last attempt was well */
	int64_t due_ms;              /* steady */
};

struct event_bus {
	struct tally tally;
	const struct clock *clock;

	pthread_mutex_t work; /* of all below; held while a disk is written, not while it is sent */
	pthread_cond_t wake;
	atomic_bool stop;
	bool threaded;
	pthread_t thread;
	struct retry retries[EVENT_SINK_COUNT];

	bool file_present;
	struct line_file file;
	struct queue backlog; /* what the file has not taken */

	struct endpoint *endpoint; /* NULL: no such sink; the thread's alone */
	struct spool *spool;
};

/* ---- retries ---- */

static void retry_failed(struct retry *retry, int64_t now, uint32_t at_least_ms)
{
	uint32_t chance = 0;
	uint32_t pause = retry->pause_ms == 0 ? retry->first_ms : retry->pause_ms * 2;
	retry->pause_ms = MIN_OF(pause, (uint32_t)RETRY_MAX_MS);
	/* Without randomness there is no jitter. */
	if (err_failed(entropy_fill(&chance, sizeof chance)))
		chance = 0;
	uint32_t half = retry->pause_ms / 2;
	uint32_t wait = retry->pause_ms - (half > 0 ? chance % (half + 1) : 0);
	retry->due_ms = now + MAX_OF(wait, at_least_ms);
}

static void retry_well(struct retry *retry)
{
	retry->pause_ms = 0;
	retry->due_ms = 0;
}

/* ---- the file ---- */

static void say_system(struct err e, char out[EVENT_SAID_MAX])
{
	const char *why = e.detail != 0 ? strerrordesc_np((int)e.detail) : NULL;
	if (err_failed(text_copy(out, EVENT_SAID_MAX,
				 view_of_text(why != NULL ? why : err_meaning(e)))))
		out[0] = '\0';
}

static struct err write_file(struct event_bus *bus, const char *text)
{
	uint8_t line[EVENT_LINE_MAX + 1];
	struct writer w;
	writer_init(&w, line, sizeof line);
	writer_text(&w, text);
	writer_u8(&w, '\n');
	TRY(writer_end(&w));
	struct err e = line_file_append(&bus->file, view_of(line, w.len));
	if (!err_failed(e)) {
		tally_delivered(&bus->tally, EVENT_SINK_FILE);
		tally_well(&bus->tally, EVENT_SINK_FILE);
		retry_well(&bus->retries[EVENT_SINK_FILE]);
		return OK;
	}
	char why[EVENT_SAID_MAX];
	say_system(e, why);
	tally_failed(&bus->tally, EVENT_SINK_FILE, why);
	retry_failed(&bus->retries[EVENT_SINK_FILE], clock_steady_ms(bus->clock), 0);
	return e;
}

static void keep_for_file(struct event_bus *bus, const struct queue_entry *entry)
{
	if (bus->backlog.count == bus->backlog.cap) {
		queue_pop(&bus->backlog);
		tally_dropped(&bus->tally, EVENT_SINK_FILE, 1, "the queue is full");
	}
	struct err e = queue_put(&bus->backlog, view_of_text(entry->id), entry->posted_ms,
				 view_of_text(entry->line));
	if (err_failed(e))
		tally_dropped(&bus->tally, EVENT_SINK_FILE, 1, err_meaning(e));
	tally_waiting(&bus->tally, EVENT_SINK_FILE, bus->backlog.count);
}

static void post_file(struct event_bus *bus, const struct queue_entry *entry)
{
	if (!bus->file_present)
		return;
	if (bus->backlog.count > 0 || err_failed(write_file(bus, entry->line)))
		keep_for_file(bus, entry);
}

/* As many as it takes. */
static void retry_file(struct event_bus *bus)
{
	const struct queue_entry *oldest = NULL;
	while ((oldest = queue_at(&bus->backlog, 0)) != NULL &&
	       !err_failed(write_file(bus, oldest->line)))
		queue_pop(&bus->backlog);
	tally_waiting(&bus->tally, EVENT_SINK_FILE, bus->backlog.count);
}

/* ---- the endpoint ---- */

static void spool_failed(struct event_bus *bus, struct err e)
{
	char why[EVENT_SAID_MAX], what[EVENT_SAID_MAX];
	say_system(e, why);
	if (err_failed(
		    text_format(what, sizeof what,
				"the spool cannot be written, and a crash would lose what waits: "
				"%.60s",
				why)))
		what[0] = '\0';
	tally_failed(&bus->tally, EVENT_SINK_ENDPOINT, what);
}

static void post_endpoint(struct event_bus *bus, const struct queue_entry *entry)
{
	size_t dropped = 0;
	if (bus->endpoint == NULL)
		return;
	struct err e = spool_put(bus->spool, entry, &dropped);
	tally_dropped(&bus->tally, EVENT_SINK_ENDPOINT, dropped, "the queue is full");
	if (err_is(e, E_NOMEM) || err_is(e, E_BOUNDS))
		tally_dropped(&bus->tally, EVENT_SINK_ENDPOINT, 1, err_meaning(e));
	else if (err_failed(e))
		spool_failed(bus, e);
	tally_waiting(&bus->tally, EVENT_SINK_ENDPOINT, spool_count(bus->spool));
}

/* false: the event is to be sent again. */
static bool is_settled(struct event_bus *bus, const struct queue_entry *entry,
		       const struct endpoint_answer *answer)
{
	struct tally *tally = &bus->tally;
	if (answer->verdict == ENDPOINT_TAKEN)
		tally_delivered(tally, EVENT_SINK_ENDPOINT);
	if (answer->verdict == ENDPOINT_REFUSED)
		tally_dropped(tally, EVENT_SINK_ENDPOINT, 1, answer->said);
	if (answer->verdict != ENDPOINT_AGAIN) {
		tally_well(tally, EVENT_SINK_ENDPOINT);
		retry_well(&bus->retries[EVENT_SINK_ENDPOINT]);
		return true;
	}
	if (atomic_load(&bus->stop))
		return false; /* we broke it off ourselves */
	tally_failed(tally, EVENT_SINK_ENDPOINT, answer->said);
	retry_failed(&bus->retries[EVENT_SINK_ENDPOINT], clock_steady_ms(bus->clock),
		     answer->pause_ms);
	/* Only after an attempt: a clock that jumped drops nothing that would be taken now. */
	if (clock_real_ms(bus->clock) - entry->posted_ms < GIVE_UP_MS)
		return false;
	tally_dropped(tally, EVENT_SINK_ENDPOINT, 1, "the endpoint did not take it for 24 hours");
	return true;
}

static void unlock_for(struct event_bus *bus, const struct queue_entry *entry,
		       struct endpoint_answer *answer)
{
	(void)pthread_mutex_unlock(&bus->work);
	endpoint_send(bus->endpoint, entry->id, entry->line, answer);
	(void)pthread_mutex_lock(&bus->work);
}

static void send_oldest(struct event_bus *bus)
{
	char line[EVENT_LINE_MAX + 1];
	struct endpoint_answer answer;
	struct queue_entry entry = *spool_oldest(bus->spool);
	if (err_failed(text_copy(line, sizeof line, view_of_text(entry.line))))
		line[0] = '\0';
	entry.line = line;
	struct err e = spool_mend(bus->spool);
	if (err_failed(e))
		spool_failed(bus, e);
	unlock_for(bus, &entry, &answer);
	bool settled = is_settled(bus, &entry, &answer);
	/* It may have had to make room meanwhile. */
	const struct queue_entry *oldest = spool_oldest(bus->spool);
	if (settled && oldest != NULL && text_equal(oldest->id, entry.id))
		spool_pop(bus->spool);
	tally_waiting(&bus->tally, EVENT_SINK_ENDPOINT, spool_count(bus->spool));
}

/* ---- the thread ---- */

static bool has_work(const struct event_bus *bus, enum event_sink sink)
{
	return sink == EVENT_SINK_FILE ? bus->backlog.count > 0
				       : bus->spool != NULL && spool_count(bus->spool) > 0;
}

static void wait_until(struct event_bus *bus, int64_t due_ms)
{
	if (due_ms == INT64_MAX) {
		(void)pthread_cond_wait(&bus->wake, &bus->work);
		return;
	}
	struct timespec until = {0, 0};
	int64_t wait = MIN_OF(due_ms - clock_steady_ms(bus->clock), (int64_t)LOOK_MAX_MS);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(wait % MS_PER_S) * NS_PER_MS;
	until.tv_sec += wait / MS_PER_S + until.tv_nsec / (MS_PER_S * (long)NS_PER_MS);
	until.tv_nsec %= MS_PER_S * (long)NS_PER_MS;
	(void)pthread_cond_timedwait(&bus->wake, &bus->work, &until);
}

static void *run(void *user)
{
	static void (*const acts[EVENT_SINK_COUNT])(struct event_bus * bus) = {
		[EVENT_SINK_FILE] = retry_file, [EVENT_SINK_ENDPOINT] = send_oldest};
	struct event_bus *bus = user;
	LOCK_SCOPE(&bus->work);
	while (!atomic_load(&bus->stop)) {
		int64_t due = INT64_MAX;
		for (size_t i = 0; i < EVENT_SINK_COUNT && !atomic_load(&bus->stop); i++) {
			const struct retry *retry = &bus->retries[i];
			if (has_work(bus, (enum event_sink)i) &&
			    retry->due_ms <= clock_steady_ms(bus->clock))
				acts[i](bus);
			if (has_work(bus, (enum event_sink)i))
				due = MIN_OF(due, retry->due_ms);
		}
		if (!atomic_load(&bus->stop) && due > clock_steady_ms(bus->clock))
			wait_until(bus, due);
	}
	return NULL;
}

/* Signals are the main thread's. */
static struct err start_thread(struct event_bus *bus)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&bus->thread, NULL, run, bus);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	bus->threaded = true;
	return OK;
}

/* ---- life ---- */

static bool given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

const char *event_bus_fault(const struct event_bus_options *options)
{
	if (!given(options->url))
		return NULL;
	if (!given(options->spool))
		return "url needs a spool file; name one in spool";
	return endpoint_fault(options->url, options->token_file);
}

static struct err open_file(struct event_bus *bus, const char *path, size_t queue_max)
{
	if (!given(path))
		return OK;
	struct err e = line_file_open(&bus->file, path);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "events.file_not_opened", LOG_TEXT("file", path),
			  LOG_TEXT("action", "make its folder, writable for the service's user, or "
					     "correct file in [events]"),
			  LOG_ERR(e));
		return e;
	}
	bus->file_present = bus->tally.report.sinks[EVENT_SINK_FILE].present = true;
	return queue_init(&bus->backlog, queue_max);
}

static struct err open_spool(struct event_bus *bus, const char *path, uint32_t queue_max)
{
	struct spool_found found;
	struct err e = spool_open(path, queue_max, &bus->spool, &found);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "events.spool_not_opened", LOG_TEXT("file", path),
			  LOG_TEXT("action", "make it a file of the service's own that no other "
					     "process has, or name another as spool in [events]"),
			  LOG_ERR(e));
		return e;
	}
	tally_dropped(&bus->tally, EVENT_SINK_ENDPOINT, found.lost, "the queue is full");
	if (found.damaged)
		tally_failed(&bus->tally, EVENT_SINK_ENDPOINT,
			     "the spool was damaged and is set aside as .corrupt");
	tally_waiting(&bus->tally, EVENT_SINK_ENDPOINT, spool_count(bus->spool));
	return OK;
}

static struct err open_endpoint(struct event_bus *bus, const struct event_bus_options *options,
				uint32_t queue_max)
{
	if (!given(options->url))
		return OK;
	const char *fault = event_bus_fault(options);
	if (fault != NULL) {
		log_event(LOG_ERROR, "events.endpoint_wrong", LOG_TEXT("what", fault));
		return ERR(E_SETTINGS);
	}
	uint32_t timeout = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_DEFAULT_MS;
	TRY(open_spool(bus, options->spool, queue_max));
	bus->tally.report.sinks[EVENT_SINK_ENDPOINT].present = true;
	return endpoint_open(&(struct endpoint_options){.url = options->url,
							.ca_file = options->ca_file,
							.token_file = options->token_file,
							.timeout_ms = timeout,
							.stop = &bus->stop},
			     &bus->endpoint);
}

static void init(struct event_bus *bus, const struct event_bus_options *options)
{
	pthread_condattr_t monotonic;
	bus->clock = options->clock;
	bus->file.fd = -1;
	tally_init(&bus->tally, options->clock);
	(void)pthread_mutex_init(&bus->work, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&bus->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	for (size_t i = 0; i < EVENT_SINK_COUNT; i++)
		bus->retries[i].first_ms =
			options->retry_ms > 0 ? options->retry_ms : RETRY_DEFAULT_MS;
}

NODISCARD struct err event_bus_open(const struct event_bus_options *options, struct event_bus **out)
{
	CLEANUP(event_bus_close) struct event_bus *bus = NULL;
	uint32_t queue_max = options->queue_max > 0 ? options->queue_max : QUEUE_DEFAULT;
	TRY(MEM_NEW(&bus));
	init(bus, options);
	TRY(open_file(bus, options->file, queue_max));
	TRY(open_endpoint(bus, options, queue_max));
	if (bus->file_present || bus->endpoint != NULL)
		TRY(start_thread(bus));
	*out = TAKE(bus);
	return OK;
}

static void stop_thread(struct event_bus *bus)
{
	if (!bus->threaded)
		return;
	pthread_mutex_lock(&bus->work);
	atomic_store(&bus->stop, true);
	(void)pthread_cond_signal(&bus->wake);
	pthread_mutex_unlock(&bus->work);
	(void)pthread_join(bus->thread, NULL);
}

void event_bus_close(struct event_bus **at)
{
	struct event_bus *bus = *at;
	if (bus == NULL)
		return;
	stop_thread(bus);
	if (bus->file_present)
		retry_file(bus);
	tally_dropped(&bus->tally, EVENT_SINK_FILE, bus->backlog.count,
		      "the service ends and the file does not take them");
	endpoint_close(&bus->endpoint);
	spool_close(&bus->spool);
	queue_cleanup(&bus->backlog);
	line_file_close(&bus->file);
	tally_cleanup(&bus->tally);
	(void)pthread_cond_destroy(&bus->wake);
	(void)pthread_mutex_destroy(&bus->work);
	mem_free(TAKE(*at));
}

/* ---- for others ---- */

void event_bus_reopen(struct event_bus *bus)
{
	if (bus == NULL)
		return;
	LOCK_SCOPE(&bus->work);
	struct err e = bus->file_present ? line_file_reopen(&bus->file) : OK;
	if (err_failed(e))
		log_event(LOG_ERROR, "events.file_not_opened", LOG_TEXT("file", bus->file.path),
			  LOG_ERR(e));
	for (size_t i = 0; i < EVENT_SINK_COUNT; i++)
		retry_well(&bus->retries[i]);
	(void)pthread_cond_signal(&bus->wake);
}

static void post_nothing(struct event_bus *bus, const char *id, struct err e)
{
	log_event(LOG_ERROR, "events.not_written", LOG_TEXT("event", id), LOG_ERR(e));
	if (bus->file_present)
		tally_dropped(&bus->tally, EVENT_SINK_FILE, 1, err_meaning(e));
	if (bus->endpoint != NULL)
		tally_dropped(&bus->tally, EVENT_SINK_ENDPOINT, 1, err_meaning(e));
}

void event_bus_post(struct event_bus *bus, const struct event *event)
{
	if (bus == NULL)
		return;
	char line[EVENT_LINE_MAX + 1];
	struct queue_entry entry = {.posted_ms = clock_real_ms(bus->clock), .line = line};
	struct writer w;
	writer_init(&w, line, sizeof line);
	struct err e = event_write(event, &w);
	if (!err_failed(e))
		e = writer_end_text(&w);
	if (!err_failed(e))
		e = text_copy(entry.id, sizeof entry.id, view_of_text(event->id));
	tally_posted(&bus->tally);
	if (err_failed(e)) {
		post_nothing(bus, event->id, e);
		return;
	}
	LOCK_SCOPE(&bus->work);
	post_file(bus, &entry);
	post_endpoint(bus, &entry);
	(void)pthread_cond_signal(&bus->wake);
}

void event_bus_report(struct event_bus *bus, struct event_bus_report *out)
{
	*out = (struct event_bus_report){0};
	if (bus == NULL)
		return;
	LOCK_SCOPE(&bus->tally.lock);
	*out = bus->tally.report;
}
