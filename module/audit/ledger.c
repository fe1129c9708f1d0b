/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/ledger.h"

#include <time.h>

#include "audit/point.h"
#include "audit/sink.h"
#include "audit/tail.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "codec/uuid.h"

#define STOP_SIGN_MS 2000
#define STOP_LOOK_NS 500000

static void set_health(struct ledger *ledger, struct err e)
{
	bool was = atomic_exchange(&ledger->healthy, !err_failed(e));
	metric_set(METRIC_AUDIT_HEALTHY, 0, 0, !err_failed(e));
	if (was && err_failed(e))
		log_event(LOG_ERROR, "audit.write_failed", LOG_ERR(e),
			  LOG_TEXT("segment", ledger->segments.name));
	if (!was && !err_failed(e))
		log_event(LOG_INFO, "audit.write_recovered",
			  LOG_TEXT("segment", ledger->segments.name));
	if (err_failed(e))
		ledger->probe_at_ms = clock_steady_ms(ledger->clock) + ledger->probe_ms;
}

/* --- One group. --- */

/* Gives the entries their places behind the head, and tells where the head will be then. */
static struct err chain_group(struct ledger *ledger, struct audit_entry *entry, size_t count,
			      struct audit_point *head)
{
	ENSURE(count <= LEDGER_GROUP_MAX + 1);
	*head = ledger->head;
	for (size_t i = 0; i < count; i++, entry = entry->next) {
		size_t len = 0;
		struct view record = view_part(entry->line, 0, entry->line.len - 1);
		TRY(audit_link_write(head, ledger->endings[i], &len));
		entry->ending = view_of(ledger->endings[i], len);
		TRY(audit_point_move(head, record, entry->ending));
	}
	return OK;
}

/* The lines are on disk. */
static void move_head(struct ledger *ledger, const struct audit_point *head)
{
	ledger->head = *head;
	LOCK_SCOPE(&ledger->lock);
	ledger->durable = *head;
}

/* Only copied here: nobody waits for a sink. */
static void tell_sink(struct audit_sink *sink, const struct audit_entry *entry, size_t count)
{
	for (size_t i = 0; sink != NULL && i < count; i++, entry = entry->next)
		audit_sink_put(sink, view_part(entry->line, 0, entry->line.len - 1), entry->ending);
}

static struct err write_chained(struct ledger *ledger, struct audit_entry *first, size_t count)
{
	struct audit_point head;
	if (!ledger_healthy(ledger))
		return ERR(E_AUDIT);
	TRY(chain_group(ledger, first, count, &head));
	int64_t began_ns = metric_now_ns();
	struct err e = segments_append(&ledger->segments, first, count);
	metric_observe_since(METRIC_AUDIT_TIME, 0, began_ns);
	set_health(ledger, e);
	if (err_failed(e))
		return e;
	move_head(ledger, &head);
	tell_sink(ledger->sink, first, count);
	atomic_fetch_add(&ledger->syncs, 1);
	metric_set(METRIC_AUDIT_SYNCS, 0, 0, atomic_load(&ledger->syncs));
	return OK;
}

static void count_lines(struct ledger *ledger, const struct audit_entry *first, size_t count)
{
	atomic_fetch_add(&ledger->lines, count);
	atomic_fetch_add(&ledger->bytes, segments_bytes(first, count));
	attester_count(&ledger->attester, count);
	metric_set(METRIC_AUDIT_LINES, 0, 0, atomic_load(&ledger->lines));
	metric_set(METRIC_AUDIT_BYTES, 0, 0, atomic_load(&ledger->bytes));
}

static void count_failures(struct ledger *ledger, size_t count)
{
	atomic_fetch_add(&ledger->failures, count);
	metric_add(METRIC_AUDIT_FAILURES, 0, 0, count);
}

/* What became of a signature, and how much has none. */
static void tell_attested(struct ledger *ledger, bool written)
{
	if (written)
		attester_written(&ledger->attester);
	atomic_fetch_add(&ledger->attestations, written);
	atomic_store(&ledger->unattested, ledger->attester.records);
	atomic_store(&ledger->unattested_since_ms, ledger->attester.since_ms);
	metric_set(METRIC_AUDIT_ATTESTATIONS, 0, 0, atomic_load(&ledger->attestations));
	metric_set(METRIC_AUDIT_UNATTESTED, 0, 0, ledger->attester.records);
}

size_t ledger_fit(const struct ledger *ledger, const struct audit_entry *first, size_t count)
{
	return segments_fit(&ledger->segments, first, MIN_OF(count, (size_t)LEDGER_GROUP_MAX));
}

/* A signature that has come goes in front. */
NODISCARD struct err ledger_write(struct ledger *ledger, struct audit_entry *first, size_t count)
{
	struct audit_entry *attestation = attester_take(&ledger->attester, &ledger->head);
	if (attestation == NULL && count == 0)
		return OK;
	if (attestation != NULL)
		attestation->next = first;
	struct err e = attestation != NULL ? write_chained(ledger, attestation, count + 1)
					   : write_chained(ledger, first, count);
	if (err_failed(e))
		count_failures(ledger, count);
	else
		count_lines(ledger, first, count);
	tell_attested(ledger, attestation != NULL && !err_failed(e));
	return e;
}

/* --- What is due by itself. --- */

/* A signature that nothing takes along, and the next one when it is time. */
static void attest(struct ledger *ledger, bool now)
{
	struct attester *a = &ledger->attester;
	if (!ledger_healthy(ledger) || !atomic_load(&ledger->signs))
		return;
	if (now || attester_due_ms(a) <= clock_steady_ms(ledger->clock))
		(void)!err_failed(ledger_write(ledger, NULL, 0));
	attester_sign(a, &ledger->head, now);
}

void ledger_attest(struct ledger *ledger)
{
	attest(ledger, false);
}

void ledger_probe(struct ledger *ledger, bool now)
{
	if (ledger_healthy(ledger))
		return;
	if (now || clock_steady_ms(ledger->clock) >= ledger->probe_at_ms)
		set_health(ledger, segments_restore(&ledger->segments));
}

int64_t ledger_due_ms(const struct ledger *ledger)
{
	if (!ledger_healthy(ledger))
		return ledger->probe_at_ms;
	return atomic_load(&ledger->signs) ? attester_due_ms(&ledger->attester) : LEDGER_NEVER;
}

void ledger_attest_end(struct ledger *ledger)
{
	const struct timespec pause = {.tv_nsec = STOP_LOOK_NS};
	int64_t until_ms = clock_steady_ms(&clock_system) + STOP_SIGN_MS;
	ledger->attester.said_failure = false; /* one more try */
	while (ledger_healthy(ledger) && atomic_load(&ledger->signs) &&
	       attester_is_waiting(&ledger->attester) &&
	       clock_steady_ms(&clock_system) < until_ms) {
		attest(ledger, true);
		(void)nanosleep(&pause, NULL);
	}
}

/* --- For any thread. --- */

void ledger_sign(struct ledger *ledger)
{
	atomic_store(&ledger->signs, true);
}

bool ledger_healthy(const struct ledger *ledger)
{
	return atomic_load(&ledger->healthy);
}

void ledger_point(struct ledger *ledger, struct audit_point *out)
{
	LOCK_SCOPE(&ledger->lock);
	*out = ledger->durable;
}

void ledger_figures(const struct ledger *ledger, struct audit_log_figures *out)
{
	*out = (struct audit_log_figures){
		.lines = atomic_load(&ledger->lines),
		.syncs = atomic_load(&ledger->syncs),
		.bytes = atomic_load(&ledger->bytes),
		.failures = atomic_load(&ledger->failures),
		.attestations = atomic_load(&ledger->attestations),
		.unattested = atomic_load(&ledger->unattested),
	};
	if (out->unattested > 0)
		out->unattested_ms =
			clock_steady_ms(ledger->clock) - atomic_load(&ledger->unattested_since_ms);
}

/* --- Opening and closing. --- */

void ledger_set_limits(struct ledger *ledger, const struct audit_log_limits *limits)
{
	ledger->segments.options.segment_bytes = limits->segment_bytes;
	ledger->segments.options.segment_days = limits->segment_days;
	ledger->attester.every_records = limits->sign_every_records;
	ledger->attester.every_ms = limits->sign_every_ms;
}

/* Lines of before there were chains have no place in one: a chain begins behind them. */
static struct err continue_chain(struct ledger *ledger, const struct audit_signer *signer)
{
	struct point_end end;
	char id[AUDIT_CHAIN_ID_LEN + 1];
	TRY(point_end_of_all(ledger->segments.directory, &end));
	ledger->head = end.point;
	if (!end.chained) {
		TRY(uuid_make(id));
		audit_point_begin(&ledger->head, id);
		log_event(LOG_INFO, "audit.chain_begins", LOG_TEXT("chain", id));
	}
	ledger->durable = ledger->head;
	if (end.chained && signer != NULL)
		TRY(tail_look(ledger->segments.directory, signer, &ledger->tail));
	bool attested = end.attests > 0 && end.attests + 1 == end.point.sequence;
	bool behind = end.chained && !attested;
	attester_init(&ledger->attester, signer, ledger->clock, behind);
	return OK;
}

NODISCARD struct err ledger_open(struct ledger *ledger, const struct audit_log_options *options,
				 const struct audit_log_limits *limits,
				 const struct audit_log_tuning *tuning)
{
	*ledger = (struct ledger){
		.clock = options->clock, .probe_ms = tuning->probe_ms, .sink = options->sink};
	ledger->segments = (struct segments){.directory = -1, .lock = -1, .fd = -1};
	(void)pthread_mutex_init(&ledger->lock, NULL);
	atomic_init(&ledger->healthy, true);
	atomic_init(&ledger->signs, !options->sign_later);
	metric_set(METRIC_AUDIT_HEALTHY, 0, 0, 1);
	const struct segments_options segments = {
		.segment_bytes = limits->segment_bytes,
		.segment_days = limits->segment_days,
		.zeros_bytes = tuning->zeros_bytes,
		.ending_bytes = AUDIT_CHAIN_ROOM,
		.clock = options->clock,
		.io = tuning->io,
	};
	TRY(MEM_NEW_ARRAY((size_t)LEDGER_GROUP_MAX + 1, &ledger->endings));
	TRY(segments_open(&ledger->segments, options->directory, &segments));
	TRY(continue_chain(ledger, options->signer));
	ledger_set_limits(ledger, limits);
	return OK;
}

void ledger_close(struct ledger *ledger)
{
	segments_close(&ledger->segments);
	attester_cleanup(&ledger->attester);
	mem_free(TAKE(ledger->endings));
	(void)pthread_mutex_destroy(&ledger->lock);
}
