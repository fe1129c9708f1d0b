/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: when the head of the chain is signed, and the attestations that come of
 * it. Used by the log's writer thread alone; a signature arrives on any thread and is found by
 * looking, so that nobody is woken for it.
 */
#ifndef HOLDFAST_AUDIT_ATTESTER_H
#define HOLDFAST_AUDIT_ATTESTER_H

#include "audit/attestation.h"
#include "audit/log.h"

#define ATTESTER_NEVER INT64_MAX

struct attester_flight; /* one signature: lives until it came, even when nobody waits any more */

struct attester {
	const struct audit_signer *signer; /* NULL: nothing is signed */
	const struct clock *clock;
	uint32_t every_records, every_ms; /* 1.. */

	uint64_t records; /* not attested yet */
	int64_t since_ms; /* steady: how old the oldest of them is */
	int64_t retry_ms; /* steady: not before */
	bool said_failure;
	struct attester_flight *flight; /* NULL: none was needed yet */
	int64_t look_ms;                /* steady: what came is written by itself from then on */

	/* A signature that came: a line to be written. */
	bool ready;
	uint64_t attested; /* sequence that it attests */
	uint64_t covered;  /* records that it attests */
	int64_t signed_ms; /* steady: records since then are younger */
	struct audit_entry entry;
	char line[ATTESTATION_MAX];
};

/* behind: the log ends with what nothing attests. Then set every_records and every_ms. */
void attester_init(struct attester *a, const struct audit_signer *signer, const struct clock *clock,
		   bool behind);

/* A signature that is still on its way finds nobody when it comes. */
void attester_cleanup(struct attester *a);

/* So many records more are durable. */
void attester_count(struct attester *a, uint64_t records);

/* A signature that has come, as a line to be written now; NULL: there is none. It is the
 * attester's; it is given out again unless attester_written() says that it is durable. */
struct audit_entry *attester_take(struct attester *a, const struct audit_point *head);
void attester_written(struct attester *a);

/* Has the head signed if that is due, and nothing is on its way; `now`: whatever is due. Never
 * blocks. */
void attester_sign(struct attester *a, const struct audit_point *head, bool now);

/* When (steady) attester_take() or attester_sign() will have something to do without more records;
 * ATTESTER_NEVER. */
int64_t attester_due_ms(const struct attester *a);

/* Whether waiting makes sense: records are left, and the last try has not failed. */
bool attester_is_waiting(const struct attester *a);

#endif
