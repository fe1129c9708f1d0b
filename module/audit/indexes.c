/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each segment's index, and the thread that makes them.
 *
 * The thread has two readers: one follows the newest segment, and one makes up leeway, a block at a
 * time with a pause as long as the work before it, so that even on one processor it takes no more
 * than half of what nobody else wants.
 */
#include "audit/indexes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "audit/folder.h"
#include "audit/index_disk.h"
#include "audit/reader.h"
#include "audit/segment.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"

#define MEMORY_DEFAULT (UINT64_C(128) << 20)
#define INTERVAL_MS 250
#define NICE_LOWEST 19
#define PAUSE_MS_MAX 1000
#define NS_PER_MS 1000000

struct audit_index_held {
	struct audit_index_held *next;
	uint64_t sequence;
	struct audit_index index;
	uint32_t holders;
	uint64_t used; /* tick of the last use */
	bool kept;     /* in the list; otherwise the last holder frees it */
	bool precious; /* in no file: to be thrown away last */
};

struct audit_indexes {
	struct audit_indexes_options options;
	struct audit_folder folder;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping, running;
	struct audit_index_held *first;
	uint64_t bytes, tick;
	struct audit_indexes_figures figures;
	uint64_t renewals, renewals_seen; /* of the folder that is known, and of the latest */

	/* The newest segment; the builder under the lock where it is read by others. */
	struct audit_reader *follower;
	struct audit_index_builder *live;
	char live_name[SEGMENT_NAME_MAX];
	uint64_t live_sequence; /* 0: none yet */
	uint64_t live_failures; /* of the log when the builder was begun */

	/* The thread's own. */
	struct audit_index_builder *catching_up;
	uint64_t missed_below; /* segments from here on have been seen to */
};

/* --- What is kept. --- */

static void held_free(struct audit_index_held *held)
{
	audit_index_cleanup(&held->index);
	mem_free(held);
}

static void drop(struct audit_indexes *x, struct audit_index_held *held)
{
	struct audit_index_held **at = &x->first;
	while (*at != NULL && *at != held)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = held->next;
	held->kept = false;
	x->bytes -= audit_index_bytes(&held->index);
	if (held->holders == 0)
		held_free(held);
}

static struct audit_index_held *find(const struct audit_indexes *x, uint64_t sequence)
{
	for (struct audit_index_held *held = x->first; held != NULL; held = held->next)
		if (held->sequence == sequence)
			return held;
	return NULL;
}

/* The one that is needed least: longest unused, and first what a file has. */
static struct audit_index_held *least(const struct audit_indexes *x)
{
	struct audit_index_held *least = x->first;
	for (struct audit_index_held *held = x->first; held != NULL; held = held->next)
		if (held->precious < least->precious ||
		    (held->precious == least->precious && held->used < least->used))
			least = held;
	return least;
}

static void keep(struct audit_indexes *x, struct audit_index_held *held)
{
	struct audit_index_held *old = find(x, held->sequence);
	if (old != NULL)
		drop(x, old);
	uint64_t bytes = audit_index_bytes(&held->index);
	while (x->first != NULL && x->bytes + bytes > x->options.memory_max)
		drop(x, least(x));
	held->next = x->first;
	held->used = ++x->tick;
	held->kept = true;
	x->first = held;
	x->bytes += bytes;
}

static struct err held_new(uint64_t sequence, struct audit_index_held **out)
{
	TRY(MEM_NEW(out));
	(*out)->sequence = sequence;
	audit_index_init(&(*out)->index);
	return OK;
}

const struct audit_index *audit_index_of(const struct audit_index_held *held)
{
	return &held->index;
}

void audit_indexes_put(struct audit_indexes *x, struct audit_index_held **at)
{
	struct audit_index_held *held = TAKE(*at);
	if (held == NULL)
		return;
	LOCK_SCOPE(&x->lock);
	held->holders--;
	if (held->holders == 0 && !held->kept)
		held_free(held);
}

/* --- Taking. --- */

static struct audit_index_held *take_live(struct audit_indexes *x)
{
	struct audit_index_held *held = NULL;
	if (err_failed(held_new(x->live_sequence, &held)))
		return NULL;
	if (err_failed(audit_index_copy(audit_index_builder_index(x->live), &held->index))) {
		held_free(held);
		return NULL;
	}
	held->holders = 1;
	return held;
}

/* *none: the segment has none that may be used. */
static struct audit_index_held *take_known(struct audit_indexes *x, uint64_t sequence, bool *none)
{
	LOCK_SCOPE(&x->lock);
	*none = x->live_sequence == sequence || x->renewals != x->renewals_seen;
	if (x->renewals != x->renewals_seen)
		return NULL;
	if (x->live_sequence == sequence)
		return take_live(x);
	struct audit_index_held *held = find(x, sequence);
	if (held == NULL)
		return NULL;
	held->used = ++x->tick;
	held->holders++;
	return held;
}

struct audit_index_held *audit_indexes_take(struct audit_indexes *x, const char *segment,
					    uint64_t sequence)
{
	bool none = false;
	struct audit_index_held *held = take_known(x, sequence, &none);
	if (held != NULL || none || err_failed(held_new(sequence, &held)))
		return held;
	if (err_failed(audit_index_load(x->folder.fd, segment, &x->options.sealer, &held->index))) {
		held_free(held);
		return NULL;
	}
	held->holders = 1;
	LOCK_SCOPE(&x->lock);
	if (x->renewals == x->renewals_seen)
		keep(x, held);
	return held;
}

/* --- The folder. --- */

static bool is_renewed(struct audit_indexes *x, uint64_t renewals)
{
	LOCK_SCOPE(&x->lock);
	x->renewals_seen = MAX_OF(x->renewals_seen, renewals);
	return x->renewals != x->renewals_seen;
}

NODISCARD struct err audit_indexes_look(struct audit_indexes *x)
{
	uint64_t renewals = 0;
	struct err e = audit_folder_look(&x->folder, &renewals);
	(void)is_renewed(x, renewals);
	return e;
}

/* The thread's: nothing that is known of another folder is true of this one. */
static struct err renew(struct audit_indexes *x)
{
	struct audit_reader *reader = NULL;
	uint64_t renewals = 0;
	TRY(audit_folder_look(&x->folder, &renewals));
	if (!is_renewed(x, renewals))
		return OK;
	TRY(audit_reader_open_at(x->folder.fd, &reader));
	audit_reader_close(&x->follower);
	x->follower = reader;
	x->missed_below = UINT64_MAX;
	LOCK_SCOPE(&x->lock);
	x->live_sequence = 0;
	while (x->first != NULL)
		drop(x, x->first);
	x->renewals = renewals;
	return OK;
}

/* --- Making. --- */

static uint64_t failures_of(const struct audit_indexes *x)
{
	struct audit_log_figures figures = {0};
	if (x->options.log != NULL)
		audit_log_figures(x->options.log, &figures);
	return figures.failures;
}

static bool is_stopping(struct audit_indexes *x)
{
	LOCK_SCOPE(&x->lock);
	return x->stopping;
}

static void nap(struct audit_indexes *x, int64_t ms)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * NS_PER_MS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	LOCK_SCOPE(&x->lock);
	int rc = 0;
	while (!x->stopping && rc == 0)
		rc = pthread_cond_timedwait(&x->wake, &x->lock, &until);
}

/* As long as the work since `began_ns` took, which begins again behind it. */
static void pause_after(struct audit_indexes *x, int64_t *began_ns)
{
	int64_t ms = (metric_now_ns() - *began_ns) / NS_PER_MS;
	if (ms > 0)
		nap(x, MIN_OF(ms, (int64_t)PAUSE_MS_MAX));
	*began_ns = metric_now_ns();
}

/* A finished index: to its file, and kept in memory as long as there is room. */
static struct err finish(struct audit_indexes *x, const struct audit_index *index,
			 const char *segment, uint64_t sequence)
{
	struct audit_index_held *held = NULL;
	struct err saved = x->options.log != NULL ? audit_index_save(x->folder.fd, segment,
								     &x->options.sealer, index)
						  : OK;
	TRY(held_new(sequence, &held));
	struct err e = audit_index_copy(index, &held->index);
	if (err_failed(e)) {
		held_free(held);
		return e;
	}
	held->precious = x->options.log == NULL || err_failed(saved);
	LOCK_SCOPE(&x->lock);
	if (x->renewals == x->renewals_seen)
		keep(x, held);
	else
		held_free(held); /* of a folder that has gone meanwhile */
	x->figures.made++;
	return saved;
}

static uint64_t end_of(const struct audit_line *line)
{
	return line->offset + line->text.len + (line->torn || line->too_long ? 0 : 1);
}

static struct err size_of(const struct audit_indexes *x, const char *segment, uint64_t *bytes)
{
	struct stat st = {0};
	if (fstatat(x->folder.fd, segment, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ERR_DETAIL(E_AUDIT, errno);
	*bytes = (uint64_t)st.st_size;
	return OK;
}

/* --- Following the newest segment. --- */

static struct err follow_from(struct audit_indexes *x, const char *name, uint64_t sequence)
{
	LOCK_SCOPE(&x->lock);
	audit_index_builder_restart(x->live);
	x->live_sequence = sequence;
	x->live_failures = failures_of(x);
	return text_copy(x->live_name, sizeof x->live_name, view_of_text(name));
}

/* From the start of the newest segment, or of the one that was followed, again. */
static struct err begin_following(struct audit_indexes *x)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	struct err e = segment_find(x->folder.fd, UINT64_MAX, name, &sequence);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	TRY(follow_from(x, name, sequence));
	return audit_reader_seek(x->follower, sequence, 0);
}

/* Lines that the disk then refused may have been read: they are gone, and others in their place. */
static bool must_begin_again(struct audit_indexes *x)
{
	return x->live_sequence == 0 || failures_of(x) != x->live_failures;
}

/* Of another's log nobody tells what the disk refused: its segment is read again, now that it is
 * complete, unless its writer has left an index. */
static struct err end_live(struct audit_indexes *x)
{
	uint64_t bytes = 0;
	if (x->options.log == NULL) {
		x->missed_below = UINT64_MAX;
		return OK;
	}
	TRY(size_of(x, x->live_name, &bytes));
	{
		LOCK_SCOPE(&x->lock);
		TRY(audit_index_builder_end(x->live, bytes));
	}
	return finish(x, audit_index_builder_index(x->live), x->live_name, x->live_sequence);
}

static struct err follow_line(struct audit_indexes *x, const struct audit_line *line, bool *block)
{
	if (line->segment_sequence != x->live_sequence) {
		struct err e = end_live(x);
		if (err_failed(e))
			log_event(LOG_WARNING, "audit.index_failed",
				  LOG_TEXT("segment", x->live_name), LOG_ERR(e));
		TRY(follow_from(x, line->segment, line->segment_sequence));
	}
	LOCK_SCOPE(&x->lock);
	return audit_index_builder_add(x->live, line->text, end_of(line), block);
}

static struct err follow(struct audit_indexes *x)
{
	struct audit_line line;
	int64_t began_ns = metric_now_ns();
	bool got = true, block = false;
	if (must_begin_again(x))
		TRY(begin_following(x));
	while (!is_stopping(x)) {
		TRY(audit_reader_next(x->follower, &line, &got));
		/* What follows a refused line was written after it had been counted. */
		if (!got || must_begin_again(x))
			return OK;
		TRY(follow_line(x, &line, &block));
		if (block)
			pause_after(x, &began_ns);
	}
	return OK;
}

/* --- Making up leeway. --- */

static struct err read_through(struct audit_indexes *x, struct audit_reader *reader,
			       uint64_t sequence)
{
	struct audit_line line;
	int64_t began_ns = metric_now_ns();
	bool got = true, block = false;
	while (!is_stopping(x)) {
		TRY(audit_reader_next(reader, &line, &got));
		if (!got || line.segment_sequence != sequence)
			return OK;
		TRY(audit_index_builder_add(x->catching_up, line.text, end_of(&line), &block));
		if (block)
			pause_after(x, &began_ns);
	}
	return ERR(E_CANCELLED);
}

static struct err make(struct audit_indexes *x, const char *segment, uint64_t sequence)
{
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	uint64_t bytes = 0;
	audit_index_builder_restart(x->catching_up);
	TRY(size_of(x, segment, &bytes));
	TRY(audit_reader_open_at(x->folder.fd, &reader));
	TRY(audit_reader_seek(reader, sequence, 0));
	TRY(read_through(x, reader, sequence));
	TRY(audit_index_builder_end(x->catching_up, bytes));
	return finish(x, audit_index_builder_index(x->catching_up), segment, sequence);
}

/* Sees to the next complete segment that has not been looked at; *more false: there is none. */
static struct err catch_up(struct audit_indexes *x, bool *more)
{
	char name[SEGMENT_NAME_MAX];
	uint64_t sequence = 0;
	*more = false;
	if (x->live_sequence == 0)
		return OK;
	struct err e = segment_find(x->folder.fd, MIN_OF(x->missed_below, x->live_sequence), name,
				    &sequence);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	*more = true;
	x->missed_below = sequence;
	struct audit_index_held *held = audit_indexes_take(x, name, sequence);
	if (held == NULL)
		return make(x, name, sequence);
	audit_indexes_put(x, &held);
	return OK;
}

/* --- The thread. --- */

static void note(struct audit_indexes *x, struct err e)
{
	/* The folder has told that it is away. */
	if (err_failed(e) && !err_is(e, E_CANCELLED) && !err_is(e, E_LOOKUP_AWAY))
		log_event(LOG_WARNING, "audit.index_failed", LOG_ERR(e));
	LOCK_SCOPE(&x->lock);
	x->figures.last = e;
}

static void work(struct audit_indexes *x)
{
	bool more = false;
	struct err e = renew(x);
	if (err_failed(e)) {
		note(x, e);
		nap(x, x->options.interval_ms);
		return;
	}
	e = follow(x);
	if (err_failed(e)) {
		note(x, e);
		LOCK_SCOPE(&x->lock);
		x->live_sequence = 0; /* from the start, next time */
	}
	e = catch_up(x, &more);
	if (err_failed(e))
		note(x, e);
	if (!more)
		nap(x, x->options.interval_ms);
}

/* Linux gives each thread a policy and a niceness of its own: sched(7). */
static void lower_priority(void)
{
	const struct sched_param none = {.sched_priority = 0};
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	(void)setpriority(PRIO_PROCESS, 0, NICE_LOWEST);
}

static void *run(void *user)
{
	struct audit_indexes *x = user;
	lower_priority();
	{
		LOCK_SCOPE(&x->lock);
		x->running = true;
		(void)pthread_cond_broadcast(&x->wake);
	}
	while (!is_stopping(x))
		work(x);
	return NULL;
}

static struct err start_thread(struct audit_indexes *x)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&x->thread, NULL, run, x);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	x->started = failed == 0;
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	/* The sandbox that is entered next lets nobody change priorities. */
	LOCK_SCOPE(&x->lock);
	while (!x->running)
		(void)pthread_cond_wait(&x->wake, &x->lock);
	return OK;
}

static void init_lock(struct audit_indexes *x)
{
	pthread_condattr_t monotonic;
	(void)pthread_mutex_init(&x->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&x->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

NODISCARD struct err audit_indexes_start(const struct audit_indexes_options *options,
					 struct audit_indexes **out)
{
	*out = NULL;
	CLEANUP(audit_indexes_stop) struct audit_indexes *x = NULL;
	TRY(MEM_NEW(&x));
	x->options = *options;
	x->options.memory_max = options->memory_max ? options->memory_max : MEMORY_DEFAULT;
	x->options.interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_MS;
	x->missed_below = UINT64_MAX;
	x->figures.last = OK;
	init_lock(x);
	TRY(audit_folder_open(&x->folder, options->directory, options->others));
	TRY(audit_reader_open_at(x->folder.fd, &x->follower));
	TRY(audit_index_builder_new(&x->live));
	TRY(audit_index_builder_new(&x->catching_up));
	TRY(start_thread(x));
	*out = TAKE(x);
	return OK;
}

static void stop_thread(struct audit_indexes *x)
{
	pthread_mutex_lock(&x->lock);
	x->stopping = true;
	(void)pthread_cond_broadcast(&x->wake);
	pthread_mutex_unlock(&x->lock);
	(void)pthread_join(x->thread, NULL);
}

void audit_indexes_stop(struct audit_indexes **at)
{
	struct audit_indexes *x = TAKE(*at);
	if (x == NULL)
		return;
	if (x->started)
		stop_thread(x);
	while (x->first != NULL)
		drop(x, x->first);
	audit_reader_close(&x->follower);
	audit_index_builder_free(&x->live);
	audit_index_builder_free(&x->catching_up);
	audit_folder_close(&x->folder);
	(void)pthread_cond_destroy(&x->wake);
	(void)pthread_mutex_destroy(&x->lock);
	mem_free(x);
}

int audit_indexes_directory(const struct audit_indexes *x)
{
	return x->folder.fd;
}

bool audit_indexes_are_of_others(const struct audit_indexes *x)
{
	return x->folder.others;
}

const char *audit_indexes_path(const struct audit_indexes *x)
{
	return x->folder.path;
}

void audit_indexes_figures(struct audit_indexes *x, struct audit_indexes_figures *out)
{
	LOCK_SCOPE(&x->lock);
	*out = x->figures;
	out->bytes = x->bytes;
}
