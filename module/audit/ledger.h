/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: the chain and its segments, as the writer thread sees them. A group gets
 * its places in the chain, is written and synced; the chain moves only then. While the disk
 * refuses, groups fail at once and the disk is asked again every probe interval. Signatures of the
 * head are asked for behind the replies, and written with a later group.
 *
 * One thread, the writer's; what any thread may ask is said.
 */
#ifndef HOLDFAST_AUDIT_LEDGER_H
#define HOLDFAST_AUDIT_LEDGER_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit/attester.h"
#include "audit/segment.h"

#define LEDGER_GROUP_MAX 1023 /* lines of one sync; an attestation comes on top */
#define LEDGER_NEVER INT64_MAX

struct ledger {
	const struct clock *clock;
	uint32_t probe_ms;
	struct segments segments;
	int64_t probe_at_ms;
	struct audit_point head;
	struct audit_tail tail; /* as it was opened; constant */
	struct attester attester;
	atomic_bool signs;                 /* the head may be signed */
	struct audit_sink *sink;           /* borrowed; NULL: none */
	char (*endings)[AUDIT_CHAIN_ROOM]; /* a row per line of a group */

	pthread_mutex_t lock;
	struct audit_point durable; /* under the lock: the head, for who asks */
	atomic_bool healthy;
	_Atomic uint64_t lines, syncs, bytes, failures;
	_Atomic uint64_t attestations, unattested;
	_Atomic int64_t unattested_since_ms; /* steady */
};

/* Continues the chain, or begins one. E_ALREADY_RUNNING, E_AUDIT. ledger_close() in any case. */
NODISCARD struct err ledger_open(struct ledger *ledger, const struct audit_log_options *options,
				 const struct audit_log_limits *limits,
				 const struct audit_log_tuning *tuning);
void ledger_close(struct ledger *ledger);
void ledger_set_limits(struct ledger *ledger, const struct audit_log_limits *limits);

/* How many of the entries, at most LEDGER_GROUP_MAX, go into one segment together; at least one. */
size_t ledger_fit(const struct ledger *ledger, const struct audit_entry *first, size_t count);

/* Writes so many entries, all of them durable or none. E_AUDIT. */
NODISCARD struct err ledger_write(struct ledger *ledger, struct audit_entry *first, size_t count);

/* Asks a disk that has refused again, when it is time, or now. */
void ledger_probe(struct ledger *ledger, bool now);
/* Writes a signature that nothing takes along, and asks for the next, when it is time. */
void ledger_attest(struct ledger *ledger);
/* When (steady) one of them is due; LEDGER_NEVER. */
int64_t ledger_due_ms(const struct ledger *ledger);
/* The head is attested, when the token answers in time. Blocks. */
void ledger_attest_end(struct ledger *ledger);

/* Any thread. */
void ledger_sign(struct ledger *ledger); /* from now on, if it did not before */
bool ledger_healthy(const struct ledger *ledger);
void ledger_point(struct ledger *ledger, struct audit_point *out);
void ledger_figures(const struct ledger *ledger, struct audit_log_figures *out);

#endif
