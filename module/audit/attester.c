/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/attester.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"

#define CHEAP_MS 1     /* a signature that takes longer is made less often, for */
#define PAUSE_FACTOR 9 /* one tenth of the time at most: the token is for the callers */
#define ALONE_MS 200   /* a signature waits so long for a group that takes it along */
#define RETRY_MS 1000  /* after one that failed */

/*
 *   IDLE ── sign ──► FLYING ── done ──► ARRIVED ── looked at ──► IDLE
 *                       └── cleanup ──► ORPHANED ── done ──► freed
 */
enum flight_state { FLIGHT_IDLE, FLIGHT_FLYING, FLIGHT_ARRIVED, FLIGHT_ORPHANED };

struct attester_flight {
	struct audit_signing signing;
	struct attestation attestation;
	uint64_t covered;
	int64_t began_ms, ended_ms; /* steady */
	const struct clock *clock;
	struct err result;
	atomic_uint state; /* enum flight_state */
};

void attester_init(struct attester *a, const struct audit_signer *signer, const struct clock *clock,
		   bool behind)
{
	*a = (struct attester){
		.signer = signer,
		.clock = clock,
		.every_records = 1,
		.every_ms = 1,
		.records = behind ? 1 : 0,
		.since_ms = clock_steady_ms(clock),
	};
}

void attester_cleanup(struct attester *a)
{
	struct attester_flight *flight = TAKE(a->flight);
	if (flight != NULL && atomic_exchange(&flight->state, FLIGHT_ORPHANED) != FLIGHT_FLYING)
		mem_free(flight);
}

void attester_count(struct attester *a, uint64_t records)
{
	if (a->records == 0 && records > 0)
		a->since_ms = clock_steady_ms(a->clock);
	a->records += records;
}

/* --- Signatures that come. --- */

static void arrived(struct audit_signing *signing, struct err result)
{
	struct attester_flight *flight = (struct attester_flight *)signing->user;
	unsigned expected = FLIGHT_FLYING;
	flight->result = result;
	flight->ended_ms = clock_steady_ms(flight->clock);
	if (!atomic_compare_exchange_strong(&flight->state, &expected, FLIGHT_ARRIVED))
		mem_free(flight);
}

static void say(struct attester *a, struct err e)
{
	if (err_failed(e) && !a->said_failure)
		log_event(LOG_WARNING, "audit.not_attested", LOG_ERR(e),
			  LOG_NUMBER("records", a->records),
			  LOG_TEXT("effect", "the newest records carry no signature yet"));
	if (!err_failed(e) && a->said_failure)
		log_event(LOG_INFO, "audit.attested_again", LOG_NUMBER("records", a->records));
	a->said_failure = err_failed(e);
}

static struct err make_line(struct attester *a, struct attester_flight *flight)
{
	struct writer w;
	TRY(flight->result);
	mem_copy(flight->attestation.signature, sizeof flight->attestation.signature,
		 flight->signing.signature, sizeof flight->signing.signature);
	writer_init(&w, a->line, sizeof a->line);
	TRY(attestation_write(&flight->attestation, &w));
	a->entry = (struct audit_entry){.line = view_of(a->line, w.len)};
	a->attested = flight->attestation.sequence;
	a->covered = flight->covered;
	a->signed_ms = flight->began_ms;
	return OK;
}

/* Until the next may be asked for. A token that is busy or far away answers late. */
static int64_t pause_of(const struct attester *a, const struct attester_flight *flight,
			struct err e)
{
	int64_t took_ms = flight->ended_ms - flight->began_ms;
	if (err_failed(e))
		return RETRY_MS;
	return took_ms <= CHEAP_MS ? 0 : MIN_OF(took_ms * PAUSE_FACTOR, (int64_t)a->every_ms);
}

static void look(struct attester *a)
{
	struct attester_flight *flight = a->flight;
	if (flight == NULL || atomic_load(&flight->state) != FLIGHT_ARRIVED)
		return;
	struct err e = make_line(a, flight);
	a->ready = !err_failed(e);
	a->retry_ms = flight->ended_ms + pause_of(a, flight, e);
	say(a, e);
	atomic_store(&flight->state, FLIGHT_IDLE);
}

struct audit_entry *attester_take(struct attester *a, const struct audit_point *head)
{
	look(a);
	a->look_ms = clock_steady_ms(a->clock) + ALONE_MS;
	/* Too late for those who verify in bounded memory: the head is signed anew. */
	if (a->ready && head->sequence - a->attested >= AUDIT_ATTESTED_WITHIN)
		a->ready = false;
	return a->ready ? &a->entry : NULL;
}

void attester_written(struct attester *a)
{
	a->ready = false;
	a->records -= a->covered;
	a->since_ms = a->signed_ms;
}

/* --- Signatures that are asked for. --- */

static bool is_flying(const struct attester *a)
{
	return a->flight != NULL && atomic_load(&a->flight->state) != FLIGHT_IDLE;
}

static int64_t sign_at_ms(const struct attester *a)
{
	int64_t due = a->records >= a->every_records ? a->since_ms : a->since_ms + a->every_ms;
	return MAX_OF(due, a->retry_ms);
}

static struct err send(struct attester *a, const struct audit_point *head)
{
	if (a->flight == NULL)
		TRY(MEM_NEW(&a->flight));
	struct attester_flight *flight = a->flight;
	flight->attestation = (struct attestation){.sequence = head->sequence};
	timestamp_iso(clock_real_ms(a->clock), true, flight->attestation.time);
	mem_copy(flight->attestation.key, sizeof flight->attestation.key, a->signer->key,
		 sizeof a->signer->key);
	flight->signing = (struct audit_signing){.done = arrived, .user = flight};
	TRY(attestation_digest(head, flight->attestation.time, flight->signing.digest));
	flight->covered = a->records;
	flight->began_ms = clock_steady_ms(a->clock);
	flight->clock = a->clock;
	a->look_ms = flight->began_ms + ALONE_MS;
	atomic_store(&flight->state, FLIGHT_FLYING);
	a->signer->sign(a->signer->self, &flight->signing);
	return OK;
}

void attester_sign(struct attester *a, const struct audit_point *head, bool now)
{
	if (a->signer == NULL || a->records == 0 || a->ready || is_flying(a))
		return;
	int64_t at_ms = clock_steady_ms(a->clock);
	if (!now && at_ms < sign_at_ms(a))
		return;
	struct err e = send(a, head);
	if (!err_failed(e))
		return;
	a->retry_ms = at_ms + RETRY_MS;
	say(a, e);
}

int64_t attester_due_ms(const struct attester *a)
{
	if (a->ready || is_flying(a))
		return a->look_ms;
	return a->signer != NULL && a->records > 0 ? sign_at_ms(a) : ATTESTER_NEVER;
}

bool attester_is_waiting(const struct attester *a)
{
	return a->ready || is_flying(a) ||
	       (a->signer != NULL && a->records > 0 && !a->said_failure);
}
