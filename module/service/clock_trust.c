/* SPDX-License-Identifier: Apache-2.0 */
/* Judging is apart from storing: judge() and what it calls change nothing. */
#include "service/clock_trust.h"

#include <pthread.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"

#define US_PER_MS 1000
#define MS_PER_S 1000
#define PER_MILLION INT64_C(1000000)
#define HOUR_MS (INT64_C(60) * 60 * 1000)
#define GAP_MS (CLOCK_GAP_DAYS * KMS_DAY_MS)
#define FOLLOW_MAX_MS                                                                        \
	(INT64_C(10) * 60 * 1000)           /* a machine that slept was not slewed meanwhile \
					     */
#define UNTRUSTED_INTERVAL_MS INT64_C(5000) /* looks whether another daemon knows better */
#define READ_SPAN_MS 1000                   /* longer between two readings of boot time: */
#define READ_ATTEMPTS 5                     /* something came in between */
#define ACCEPT_ATTEMPTS 4

struct reading {
	int64_t real_ms, boot_ms;
};

struct clock_trust {
	struct clock_trust_options options;
	pthread_mutex_t lock;

	struct kms_clock_mark mark; /* as stored; revision 0: not known yet */
	struct err failure;         /* of the last exchange with the store */
	int64_t exchanged_ms;       /* boot: when that was */

	bool counting;       /* the count has begun */
	int64_t base_us;     /* real minus boot time, as the count has it */
	int64_t followed_ms; /* boot: up to when the count has followed the clock */

	bool noticed; /* that the clock was set: the stored hold is ours to end */
	bool behind;  /* when last looked */
	enum clock_verdict told;
};

/* ---- words ---- */

static const struct {
	const char *name, *meaning, *remedy;
} verdicts[CLOCK_VERDICT_COUNT] = {
	[CLOCK_TRUSTED] = {"trusted", "it agrees with boot time and with the mark", ""},
	[CLOCK_BEHIND] = {"behind", "it shows less than it did before",
			  "set the clock right; if it is right and was wrong before, say so: "
			  "holdfast clock accept"},
	[CLOCK_APART] = {"apart", "it was set while the service ran",
			 "set the clock right; if it is right now, say so: holdfast clock accept"},
	[CLOCK_GAP] = {"gap", "it is too far ahead of the time of the last run",
		       "set the clock right; if the service was down for so long, say so: holdfast "
		       "clock accept"},
	[CLOCK_UNKNOWN] = {"unknown", "the sealed mark of trusted time cannot be used",
			   "see the log lines of the store; mend the store or restore it"},
	[CLOCK_RECOVERED] = {"recovered",
			     "the store was accepted in a recovery, and may not know which "
			     "deletions were cancelled since",
			     "cancel the deletions that shall not be carried out (kms:ListKeys, "
			     "kms:CancelKeyDeletion); then, if the clock is right: holdfast clock "
			     "accept"},
};

const char *clock_verdict_name(enum clock_verdict verdict)
{
	return verdicts[verdict].name;
}

const char *clock_verdict_meaning(enum clock_verdict verdict)
{
	return verdicts[verdict].meaning;
}

const char *clock_verdict_remedy(enum clock_verdict verdict)
{
	return verdicts[verdict].remedy;
}

/* ---- judging ---- */

/* Both clocks at one moment: a machine that sleeps, or a process that is stopped, between two
 * readings would look like a clock that was set. */
static struct reading read_clocks(const struct clock_trust *trust)
{
	const struct clock *clock = trust->options.clock;
	struct reading reading = {0};
	for (unsigned i = 0; i < READ_ATTEMPTS; i++) {
		reading.boot_ms = clock_boot_ms(clock);
		reading.real_ms = clock_real_ms(clock);
		if (clock_boot_ms(clock) - reading.boot_ms <= READ_SPAN_MS)
			break;
	}
	return reading;
}

static int64_t apart_us(const struct clock_trust *trust, const struct reading *now)
{
	if (!trust->counting)
		return 0;
	return (now->real_ms - now->boot_ms) * US_PER_MS - trust->base_us;
}

static bool is_apart(const struct clock_trust *trust, const struct reading *now)
{
	int64_t us = apart_us(trust, now);
	return us > CLOCK_APART_MS * US_PER_MS || us < -CLOCK_APART_MS * US_PER_MS;
}

/* What the clock would show if nobody had set it. */
static int64_t counted_ms(const struct clock_trust *trust, const struct reading *now)
{
	return trust->base_us / US_PER_MS + now->boot_ms;
}

/* Once behind, it must catch up with the mark. */
static bool is_behind(const struct clock_trust *trust, const struct reading *now)
{
	int64_t tolerance_ms = trust->behind ? 0 : CLOCK_APART_MS;
	return now->real_ms < trust->mark.trusted_ms - tolerance_ms;
}

/* There is a count to judge by. */
static enum clock_verdict judge_running(const struct clock_trust *trust, const struct reading *now)
{
	if (is_apart(trust, now) || (trust->mark.held && !trust->noticed))
		return CLOCK_APART;
	return is_behind(trust, now) ? CLOCK_BEHIND : CLOCK_TRUSTED;
}

/* There is none: the clock has not been trusted since the start. */
static enum clock_verdict judge_start(const struct clock_trust *trust, const struct reading *now)
{
	const struct kms_clock_mark *mark = &trust->mark;
	bool behind = is_behind(trust, now);
	if (mark->held && (behind || now->real_ms > mark->held_ms + CLOCK_APART_MS))
		return CLOCK_APART;
	if (behind)
		return CLOCK_BEHIND;
	return now->real_ms - mark->trusted_ms > GAP_MS ? CLOCK_GAP : CLOCK_TRUSTED;
}

static bool is_of_recovery(const struct kms_clock_mark *mark)
{
	return mark->held && mark->held_ms == CLOCK_HELD_BY_RECOVERY_MS;
}

static enum clock_verdict judge(const struct clock_trust *trust, const struct reading *now)
{
	if (trust->mark.revision == 0)
		return CLOCK_UNKNOWN;
	enum clock_verdict verdict =
		trust->counting ? judge_running(trust, now) : judge_start(trust, now);
	if (verdict == CLOCK_APART && is_of_recovery(&trust->mark))
		return CLOCK_RECOVERED;
	return verdict == CLOCK_TRUSTED && err_failed(trust->failure) ? CLOCK_UNKNOWN : verdict;
}

/* ---- counting ---- */

static void begin_count(struct clock_trust *trust, const struct reading *now)
{
	trust->counting = true;
	trust->base_us = (now->real_ms - now->boot_ms) * US_PER_MS;
	trust->followed_ms = now->boot_ms;
	trust->noticed = false;
}

/* What is not used up is not saved for later: a set clock does not find room that was never
 * needed. */
static void follow_clock(struct clock_trust *trust, const struct reading *now)
{
	int64_t passed_ms = MIN_OF(now->boot_ms - trust->followed_ms, FOLLOW_MAX_MS);
	trust->followed_ms = now->boot_ms;
	if (!trust->counting || is_apart(trust, now) || passed_ms <= 0)
		return;
	int64_t most_us = passed_ms * US_PER_MS * CLOCK_SLEW_PPM / PER_MILLION;
	trust->base_us += MAX_OF(-most_us, MIN_OF(most_us, apart_us(trust, now)));
}

/* ---- the mark ---- */

/* What another daemon, or the operator by way of it, has stored meanwhile. Where a hold that this
 * process knew of has ended and the time that it sees is trusted, the clock was accepted. */
static void learn(struct clock_trust *trust, const struct kms_clock_mark *mark,
		  const struct reading *now)
{
	int64_t ahead_ms = now->real_ms - mark->trusted_ms;
	bool near =
		ahead_ms <= CLOCK_APART_MS + CLOCK_MARK_INTERVAL_MS && ahead_ms >= -CLOCK_APART_MS;
	if (trust->noticed && trust->mark.held && !mark->held && near)
		begin_count(trust, now);
	trust->mark = *mark;
}

static struct err store_mark(struct clock_trust *trust, const struct kms_clock_mark *mark,
			     const struct kms_outbox_record *outbox)
{
	const struct kms_agenda *agenda = &trust->options.agenda;
	TRY(agenda->ops->mark_save(agenda->self, mark, outbox));
	trust->mark = *mark;
	return OK;
}

static struct err make_mark(struct clock_trust *trust, const struct reading *now)
{
	const struct kms_clock_mark first = {.revision = 1, .trusted_ms = now->real_ms};
	TRY(store_mark(trust, &first, NULL));
	log_event(LOG_INFO, "clock.mark_made");
	return OK;
}

/* A mark that was there once and is not any more has been taken away: E_NOT_FOUND. */
static struct err load_mark(struct clock_trust *trust, const struct reading *now)
{
	const struct kms_agenda *agenda = &trust->options.agenda;
	struct kms_clock_mark mark = {0};
	REQUIRE(agenda->ops != NULL, E_STORE);
	struct err e = agenda->ops->mark_load(agenda->self, &mark);
	if (err_is(e, E_NOT_FOUND) && trust->mark.revision == 0)
		return make_mark(trust, now);
	TRY(e);
	learn(trust, &mark, now);
	return OK;
}

/* What came of an exchange. After a conflict it is looked at what the other has stored; after any
 * other failure the next look does. */
static void settle(struct clock_trust *trust, const struct reading *now, struct err e)
{
	trust->exchanged_ms = now->boot_ms;
	if (err_is(e, E_STORE_CONFLICT))
		e = load_mark(trust, now);
	if (err_failed(e) && !err_failed(trust->failure))
		log_event(LOG_WARNING, "clock.mark_failed", LOG_ERR(e));
	trust->failure = e;
}

static void put_mark(struct clock_trust *trust, const struct reading *now,
		     const struct kms_clock_mark *mark)
{
	settle(trust, now, store_mark(trust, mark, NULL));
}

static void hold(struct clock_trust *trust, const struct reading *now)
{
	struct kms_clock_mark mark = trust->mark;
	mark.revision++;
	mark.held = true;
	mark.held_ms = counted_ms(trust, now);
	put_mark(trust, now, &mark);
}

static void end_hold(struct clock_trust *trust, const struct reading *now)
{
	struct kms_clock_mark mark = trust->mark;
	mark.revision++;
	mark.held = false;
	mark.held_ms = 0;
	put_mark(trust, now, &mark);
	trust->noticed = trust->noticed && trust->mark.held;
}

/* Forwards only: a clock that is a little behind waits until it has caught up. */
static void move_mark(struct clock_trust *trust, const struct reading *now)
{
	struct kms_clock_mark mark = trust->mark;
	if (now->real_ms <= mark.trusted_ms) {
		settle(trust, now, load_mark(trust, now));
		return;
	}
	mark.revision++;
	mark.trusted_ms = now->real_ms;
	put_mark(trust, now, &mark);
}

/* ---- looking ---- */

static void tell_gap(const struct clock_trust *trust, const struct reading *now)
{
	int64_t gap_ms = now->real_ms - trust->mark.trusted_ms;
	if (gap_ms > KMS_DAY_MS)
		log_event(LOG_WARNING, "clock.gap", LOG_NUMBER("days", gap_ms / KMS_DAY_MS),
			  LOG_NUMBER("hours", gap_ms % KMS_DAY_MS / HOUR_MS),
			  LOG_TEXT("effect", "what has become due meanwhile is done now"),
			  LOG_TEXT("action", "if the service was not down for so long, stop it and "
					     "set the clock right"));
}

static void tell(struct clock_trust *trust, enum clock_verdict verdict, const struct reading *now)
{
	if (verdict == trust->told)
		return;
	trust->told = verdict;
	if (verdict == CLOCK_TRUSTED)
		log_event(LOG_INFO, "clock.trusted");
	else
		log_event(LOG_WARNING, "clock.untrusted",
			  LOG_TEXT("why", clock_verdict_name(verdict)),
			  LOG_TEXT("meaning", clock_verdict_meaning(verdict)),
			  LOG_NUMBER("offset_s", apart_us(trust, now) / (US_PER_MS * MS_PER_S)),
			  LOG_NUMBER("ahead_of_mark_s",
				     (now->real_ms - trust->mark.trusted_ms) / MS_PER_S),
			  LOG_TEXT("effect", "nothing is destroyed"),
			  LOG_TEXT("action", clock_verdict_remedy(verdict)));
}

/* An exchange with the store is due, whatever the clock shows. */
static bool is_time(const struct clock_trust *trust, const struct reading *now, int64_t interval_ms)
{
	return now->boot_ms - trust->exchanged_ms >= interval_ms;
}

static void store_judgement(struct clock_trust *trust, enum clock_verdict verdict,
			    const struct reading *now)
{
	bool set = is_apart(trust, now);
	if (set && !trust->mark.held)
		hold(trust, now);
	else if (verdict == CLOCK_TRUSTED && trust->mark.held)
		end_hold(trust, now);
	else if (verdict == CLOCK_TRUSTED && is_time(trust, now, CLOCK_MARK_INTERVAL_MS))
		move_mark(trust, now);
	trust->noticed = trust->noticed || (set && trust->mark.held);
}

static void begin_trust(struct clock_trust *trust, const struct reading *now)
{
	tell_gap(trust, now);
	begin_count(trust, now);
	move_mark(trust, now);
}

static enum clock_verdict look(struct clock_trust *trust, int64_t *now_ms)
{
	struct reading now = read_clocks(trust);
	*now_ms = now.real_ms;
	bool untrusted = trust->told != CLOCK_TRUSTED;
	if (err_failed(trust->failure) || trust->mark.revision == 0 ||
	    (untrusted && is_time(trust, &now, UNTRUSTED_INTERVAL_MS)))
		settle(trust, &now, load_mark(trust, &now));
	follow_clock(trust, &now);
	enum clock_verdict verdict = judge(trust, &now);
	if (trust->mark.revision != 0 && !err_failed(trust->failure))
		store_judgement(trust, verdict, &now);
	verdict = judge(trust, &now);
	if (verdict == CLOCK_TRUSTED && !trust->counting) {
		begin_trust(trust, &now);
		verdict = judge(trust, &now);
	}
	trust->behind = verdict == CLOCK_BEHIND;
	tell(trust, verdict, &now);
	return verdict;
}

NODISCARD struct err clock_trust_open(const struct clock_trust_options *options,
				      struct clock_trust **out)
{
	CLEANUP(clock_trust_close) struct clock_trust *trust = NULL;
	TRY(MEM_NEW(&trust));
	trust->options = *options;
	trust->failure = OK;
	trust->told = CLOCK_TRUSTED;
	(void)pthread_mutex_init(&trust->lock, NULL);
	int64_t now_ms;
	(void)look(trust, &now_ms);
	*out = TAKE(trust);
	return OK;
}

void clock_trust_close(struct clock_trust **trust)
{
	if (*trust == NULL)
		return;
	(void)pthread_mutex_destroy(&(*trust)->lock);
	mem_free(TAKE(*trust));
}

void clock_trust_look(struct clock_trust *trust)
{
	int64_t now_ms;
	LOCK_SCOPE(&trust->lock);
	(void)look(trust, &now_ms);
}

NODISCARD struct err clock_trust_check(struct clock_trust *trust, int64_t *now_ms)
{
	int64_t judged_ms;
	LOCK_SCOPE(&trust->lock);
	enum clock_verdict verdict = look(trust, &judged_ms);
	if (verdict != CLOCK_TRUSTED)
		return ERR_DETAIL(E_CLOCK_UNTRUSTED, verdict);
	*now_ms = judged_ms;
	return OK;
}

int64_t clock_trust_latest_ms(struct clock_trust *trust)
{
	LOCK_SCOPE(&trust->lock);
	struct reading now = read_clocks(trust);
	int64_t latest_ms = MAX_OF(now.real_ms, trust->mark.trusted_ms);
	return trust->counting ? MAX_OF(latest_ms, counted_ms(trust, &now)) : latest_ms;
}

void clock_trust_report(struct clock_trust *trust, struct clock_trust_report *out)
{
	LOCK_SCOPE(&trust->lock);
	struct reading now = read_clocks(trust);
	*out = (struct clock_trust_report){
		.verdict = judge(trust, &now),
		.now_ms = now.real_ms,
		.trusted_ms = trust->mark.trusted_ms,
		.apart_ms = apart_us(trust, &now) / US_PER_MS,
		.held_ms =
			trust->mark.held && !is_of_recovery(&trust->mark) ? trust->mark.held_ms : 0,
		.store = trust->failure,
	};
}

/* ---- the operator's word ---- */

static struct err accept_once(struct clock_trust *trust, const struct reading *now,
			      const struct kms_outbox_record *outbox)
{
	const struct kms_agenda *agenda = &trust->options.agenda;
	struct kms_clock_mark stored = {0};
	REQUIRE(agenda->ops != NULL, E_STORE);
	struct err e = agenda->ops->mark_load(agenda->self, &stored);
	if (!err_is(e, E_NOT_FOUND))
		TRY(e);
	const struct kms_clock_mark mark = {.revision = stored.revision + 1,
					    .trusted_ms = now->real_ms};
	return store_mark(trust, &mark, outbox);
}

NODISCARD struct err clock_trust_accept(struct clock_trust *trust,
					const struct kms_outbox_record *outbox)
{
	LOCK_SCOPE(&trust->lock);
	struct reading now = read_clocks(trust);
	struct err e = ERR(E_STORE_CONFLICT);
	for (unsigned i = 0; i < ACCEPT_ATTEMPTS && err_is(e, E_STORE_CONFLICT); i++)
		e = accept_once(trust, &now, outbox);
	trust->exchanged_ms = now.boot_ms;
	trust->failure = e; /* failed: it may be in the store all the same, and is loaded again */
	TRY(e);
	log_event(LOG_WARNING, "clock.accepted",
		  LOG_NUMBER("offset_s", apart_us(trust, &now) / (US_PER_MS * MS_PER_S)));
	begin_count(trust, &now);
	trust->behind = false;
	tell(trust, CLOCK_TRUSTED, &now);
	return OK;
}
