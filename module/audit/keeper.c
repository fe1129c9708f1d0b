/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "audit/index.h"
#include "audit/own_record.h"
#include "audit/point.h"
#include "audit/proof.h"
#include "audit/removal.h"
#include "audit/segment.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define INTERVAL_MS 60000
#define SAY_AGAIN_MS (60 * 60 * 1000) /* a disk that stays nearly full is told of once an hour */
#define NEEDED_MARGIN_MS 60000        /* a record's time is a little before it is written */
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)
#define MIB_SHIFT 20

struct audit_keeper {
	struct audit_keeper_options options;
	int directory; /* -1: none */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping, asked;
	struct audit_retention retention;
	struct audit_keeper_report report;

	/* The thread's own. */
	int64_t said_full_ms; /* steady; 0: not said */
	bool said_failure;
	char recorded[SEGMENT_NAME_MAX]; /* as removed; it is tried again, not recorded again */
};

/* --- What may go. --- */

struct round {
	const struct audit_retention *retention;
	struct segment_file *files; /* by sequence; the last is being written */
	size_t count;
	uint64_t bytes;    /* of those that are left */
	int64_t now_ms;    /* real */
	int64_t needed_ms; /* real; younger segments stay */
	bool ageless;      /* the clock is not trusted: nobody knows how old anything is */
};

/* The rule that a segment is removed by; NULL: it stays. */
static const char *rule_of(const struct round *round, const struct segment_file *file)
{
	const struct audit_retention *r = round->retention;
	if (file->changed_ms >= round->needed_ms)
		return NULL;
	if (r->keep_days > 0 && !round->ageless &&
	    round->now_ms - file->changed_ms > r->keep_days * DAY_MS)
		return "keep_days";
	if (r->keep_bytes > 0 && round->bytes > r->keep_bytes)
		return "keep_mib";
	return NULL;
}

/* --- Removing. --- */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool done;
	struct err result;
};

static void tell_waiter(struct audit_signing *signing, struct err result)
{
	struct waiter *waiter = (struct waiter *)signing->user;
	LOCK_SCOPE(&waiter->lock);
	waiter->result = result;
	waiter->done = true;
	(void)pthread_cond_signal(&waiter->told);
}

static struct err sign_and_wait(const struct audit_signer *signer, struct audit_signing *signing)
{
	struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
				.told = PTHREAD_COND_INITIALIZER};
	signing->done = tell_waiter;
	signing->user = &waiter;
	signer->sign(signer->self, signing);
	LOCK_SCOPE(&waiter.lock);
	while (!waiter.done)
		(void)pthread_cond_wait(&waiter.told, &waiter.lock);
	return waiter.result;
}

/* Where the chain goes on behind the segment; nothing of one that is older than the chain, or the
 * last of a chain that has ended. `file` is not the last of its list. */
static struct err put_details(const struct audit_keeper *keeper, const struct segment_file *file,
			      struct writer *w)
{
	struct point_end end;
	bool ends = false;
	struct removal removal = {0};
	struct audit_signing signing = {0};
	const struct audit_signer *signer = keeper->options.signer;
	TRY(point_end_of(keeper->directory, file->name, &end));
	if (signer == NULL || !end.chained)
		return OK;
	TRY(proof_of_end(keeper->directory, file[1].sequence, &end.point,
			 keeper->options.public_key, &ends));
	if (ends)
		return OK;
	removal.last = end.point;
	TRY(text_copy(removal.key, sizeof removal.key, view_of_text(signer->key)));
	TRY(removal_digest(&removal.last, signing.digest));
	TRY(sign_and_wait(signer, &signing));
	mem_copy(removal.signature, sizeof removal.signature, signing.signature,
		 sizeof signing.signature);
	return removal_write(&removal, w);
}

static struct err write_record(const struct audit_keeper *keeper, const struct segment_file *file,
			       const char *rule)
{
	char members[SEGMENT_NAME_MAX + 96], details[REMOVAL_MEMBERS_MAX];
	struct writer detail;
	writer_init(&detail, details, sizeof details);
	TRY(put_details(keeper, file, &detail));
	TRY(text_format(members, sizeof members,
			"\"segment\":\"%s\",\"bytes\":%llu,\"rule\":\"%s\"", file->name,
			(unsigned long long)file->bytes, rule));
	return own_record_append(keeper->options.log,
				 &(const struct own_record){
					 .event = REMOVAL_EVENT,
					 .time_ms = clock_real_ms(keeper->options.clock),
					 .region = keeper->options.region,
					 .account = keeper->options.account,
					 .request_members = view_of_text(members),
					 .detail_members = view_of(details, detail.len),
				 });
}

static struct err record_once(struct audit_keeper *keeper, const struct segment_file *file,
			      const char *rule)
{
	if (text_equal(keeper->recorded, file->name))
		return OK;
	TRY(write_record(keeper, file, rule));
	log_event(LOG_INFO, "audit.segment_removed", LOG_TEXT("segment", file->name),
		  LOG_NUMBER("bytes", file->bytes), LOG_TEXT("rule", rule));
	return text_copy(keeper->recorded, sizeof keeper->recorded, view_of_text(file->name));
}

static struct err remove_file(struct audit_keeper *keeper, const struct segment_file *file,
			      const char *rule)
{
	char torn[SEGMENT_NAME_MAX + 8], index[SEGMENT_NAME_MAX + 8];
	TRY(text_format(torn, sizeof torn, "%s.torn", file->name));
	TRY(text_format(index, sizeof index, "%s" AUDIT_INDEX_SUFFIX, file->name));
	TRY(record_once(keeper, file, rule));
	if (unlinkat(keeper->directory, file->name, 0) != 0 && errno != ENOENT)
		return ERR_DETAIL(E_AUDIT, errno);
	/* What recovery cut off it, and what was derived from it, go with it. */
	(void)unlinkat(keeper->directory, torn, 0);
	(void)unlinkat(keeper->directory, index, 0);
	return fsync(keeper->directory) == 0 ? OK : ERR_DETAIL(E_AUDIT, errno);
}

/* The time of a file's last change is anybody's who can write to the folder: a segment is as young
 * as its last line says, too. */
static struct err date(const struct audit_keeper *keeper, struct segment_file *file)
{
	struct point_end end;
	TRY(point_end_of(keeper->directory, file->name, &end));
	file->changed_ms = MAX_OF(file->changed_ms, end.time_ms);
	return OK;
}

/* The oldest first, up to the first that stays; *gone: how many went. */
static struct err remove_some(struct audit_keeper *keeper, struct round *round, size_t *gone)
{
	for (*gone = 0; *gone + 1 < round->count; (*gone)++) {
		struct segment_file *file = &round->files[*gone];
		if (rule_of(round, file) == NULL)
			return OK;
		TRY(date(keeper, file));
		const char *rule = rule_of(round, file);
		if (rule == NULL)
			return OK;
		TRY(remove_file(keeper, file, rule));
		round->bytes -= file->bytes;
	}
	return OK;
}

/* --- One round. --- */

static bool has_rules(const struct audit_retention *r)
{
	return r->keep_days > 0 || r->keep_bytes > 0;
}

static int64_t begun_ms(const struct segment_file *file)
{
	int64_t ms = 0;
	return err_failed(segment_begun(file->name, &ms)) ? file->changed_ms : ms;
}

/* Ages are told by the very reading that is trusted. What is wrong with the clock keeps nothing
 * from going because of the size. */
static struct err ask_clock(const struct audit_keeper *keeper, struct round *round)
{
	const struct audit_keeper_options *options = &keeper->options;
	if (round->retention->keep_days == 0 || options->clock_trusted == NULL)
		return OK;
	struct err e = options->clock_trusted(options->user, &round->now_ms);
	round->ageless = err_failed(e);
	return e;
}

/* By the rules. What the clock keeps is told when nothing else is. */
static struct err clear_out(struct audit_keeper *keeper, struct round *round, size_t *gone)
{
	const struct audit_keeper_options *options = &keeper->options;
	if (!has_rules(round->retention))
		return OK;
	TRY(options->needed_since(options->user, &round->needed_ms));
	if (round->needed_ms != AUDIT_NOTHING_NEEDED)
		round->needed_ms -= NEEDED_MARGIN_MS;
	struct err untrusted = ask_clock(keeper, round);
	TRY(remove_some(keeper, round, gone));
	return untrusted;
}

static struct err look_over(struct audit_keeper *keeper, const struct audit_retention *rules,
			    struct audit_keeper_report *report)
{
	CLEANUP(mem_free_at) struct segment_file *files = NULL;
	struct round round = {.retention = rules,
			      .now_ms = clock_real_ms(keeper->options.clock),
			      .needed_ms = AUDIT_NOTHING_NEEDED};
	TRY(segment_list(keeper->directory, &files, &round.count));
	round.files = files;
	for (size_t i = 0; i < round.count; i++)
		round.bytes += files[i].bytes;
	size_t gone = 0;
	struct err e = clear_out(keeper, &round, &gone);
	report->removed += gone;
	report->segments = round.count - gone;
	report->bytes = round.bytes;
	report->oldest_ms = round.count > gone ? begun_ms(&files[gone]) : 0;
	return e;
}

static void look_at_disk(struct audit_keeper *keeper, const struct audit_retention *rules,
			 struct audit_keeper_report *report)
{
	struct statvfs disk = {0};
	if (fstatvfs(keeper->directory, &disk) != 0)
		return;
	report->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	report->nearly_full = report->free_bytes < rules->warn_free_bytes;
	int64_t now = clock_steady_ms(keeper->options.clock);
	bool said = keeper->said_full_ms != 0 && now - keeper->said_full_ms < SAY_AGAIN_MS;
	if (!report->nearly_full)
		keeper->said_full_ms = 0;
	if (!report->nearly_full || said)
		return;
	keeper->said_full_ms = now;
	log_event(LOG_WARNING, "audit.disk_nearly_full",
		  LOG_NUMBER("free_mib", report->free_bytes >> MIB_SHIFT),
		  LOG_NUMBER("warn_free_mib", rules->warn_free_bytes >> MIB_SHIFT),
		  LOG_TEXT("effect", "a full disk stops the service"),
		  LOG_TEXT("action", "make room, or set keep_mib or keep_days in [audit]"));
}

static void say_failure(struct audit_keeper *keeper, struct err e)
{
	if (err_failed(e) && !keeper->said_failure)
		log_event(LOG_WARNING, "audit.segments_kept", LOG_ERR(e));
	keeper->said_failure = err_failed(e);
}

static void one_round(struct audit_keeper *keeper)
{
	struct audit_keeper_report report;
	struct audit_retention rules;
	{
		LOCK_SCOPE(&keeper->lock);
		report = keeper->report;
		rules = keeper->retention;
	}
	report.last = look_over(keeper, &rules, &report);
	look_at_disk(keeper, &rules, &report);
	say_failure(keeper, report.last);
	LOCK_SCOPE(&keeper->lock);
	keeper->report = report;
}

/* --- The thread. --- */

static bool wait_for_next(struct audit_keeper *keeper)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += keeper->options.interval_ms / 1000;
	until.tv_nsec += (long)(keeper->options.interval_ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	LOCK_SCOPE(&keeper->lock);
	int rc = 0;
	while (!keeper->stopping && !keeper->asked && rc == 0)
		rc = pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until);
	keeper->asked = false;
	return !keeper->stopping;
}

static void *run(void *user)
{
	struct audit_keeper *keeper = user;
	do
		one_round(keeper);
	while (wait_for_next(keeper));
	return NULL;
}

static struct err start_thread(struct audit_keeper *keeper)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGSYS); /* the sandbox tells of what it refuses */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&keeper->thread, NULL, run, keeper);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	keeper->started = failed == 0;
	return failed == 0 ? OK : ERR_DETAIL(E_SYSTEM, failed);
}

NODISCARD struct err audit_keeper_start(const struct audit_keeper_options *options,
					struct audit_keeper **out)
{
	*out = NULL;
	CLEANUP(audit_keeper_stop) struct audit_keeper *keeper = NULL;
	TRY(MEM_NEW(&keeper));
	keeper->options = *options;
	keeper->options.interval_ms = options->interval_ms ? options->interval_ms : INTERVAL_MS;
	keeper->retention = options->retention;
	(void)pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&keeper->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	keeper->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper->directory < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	TRY(start_thread(keeper));
	*out = TAKE(keeper);
	return OK;
}

static void stop_thread(struct audit_keeper *keeper)
{
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	(void)pthread_cond_signal(&keeper->wake);
	pthread_mutex_unlock(&keeper->lock);
	(void)pthread_join(keeper->thread, NULL);
}

void audit_keeper_stop(struct audit_keeper **at)
{
	struct audit_keeper *keeper = TAKE(*at);
	if (keeper == NULL)
		return;
	if (keeper->started)
		stop_thread(keeper);
	if (keeper->directory >= 0)
		(void)close(keeper->directory);
	(void)pthread_cond_destroy(&keeper->wake);
	(void)pthread_mutex_destroy(&keeper->lock);
	mem_free(keeper);
}

void audit_keeper_set(struct audit_keeper *keeper, const struct audit_retention *retention)
{
	LOCK_SCOPE(&keeper->lock);
	keeper->retention = *retention;
	keeper->asked = true;
	(void)pthread_cond_signal(&keeper->wake);
}

void audit_keeper_report(struct audit_keeper *keeper, struct audit_keeper_report *out)
{
	LOCK_SCOPE(&keeper->lock);
	*out = keeper->report;
}
