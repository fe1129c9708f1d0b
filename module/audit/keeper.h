/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the audit log's folder in bounds, on a thread of its own: removes complete segments that
 * the rules allow to go, the oldest first, and watches the room on the disk.
 *
 * A segment is removed only after the record that says so is on disk (DeleteAuditSegment, an
 * AwsServiceEvent). The one that is being written is never removed, nor one that may hold the
 * record of a change that is still in an outbox: it is looked for there at the next start.
 */
#ifndef HOLDFAST_AUDIT_KEEPER_H
#define HOLDFAST_AUDIT_KEEPER_H

#include "audit/log.h"
#include "audit/signer.h"

struct audit_keeper;

/* 0 in any: no such rule. */
struct audit_retention {
	uint32_t keep_days;       /* after a segment's last record */
	uint64_t keep_bytes;      /* of all segments */
	uint64_t warn_free_bytes; /* on the disk */
};

#define AUDIT_NOTHING_NEEDED INT64_MAX

struct audit_keeper_options {
	struct audit_log *log;        /* borrowed; outlives the keeper */
	const char *directory;        /* of `log`; borrowed during the call */
	const char *region, *account; /* of the records; borrowed; outlive the keeper */
	struct audit_retention retention;
	uint32_t interval_ms; /* 0: a minute */
	/* Signs where a removed segment's lines ended; borrowed; outlives the keeper. While it
	 * fails nothing is removed, nor while nothing proves that the segment is ours: a signature
	 * in the log of a line behind it (E_AUDIT_CHAIN). NULL: the beginning of the log is not
	 * explained to who verifies it. */
	const struct audit_signer *signer;
	const uint8_t *public_key; /* the signer's, AUDIT_POINT_LEN bytes; borrowed likewise */
	/* Unix time of the oldest event whose record may not be in the log, or
	 * AUDIT_NOTHING_NEEDED; when that cannot be known, an error: nothing is removed. Blocks. */
	NODISCARD struct err (*needed_since)(void *user, int64_t *ms);
	/* While it fails, nothing is removed because of its age: a clock that cannot be trusted
	 * tells none. *now_ms: the reading that was judged, by which ages are told. NULL: the clock
	 * is always trusted. Blocks. */
	NODISCARD struct err (*clock_trusted)(void *user, int64_t *now_ms);
	void *user;
	const struct clock *clock;
};

/* The first round is at once. *out owned by the caller, audit_keeper_stop(). E_NOMEM, E_AUDIT. */
NODISCARD struct err audit_keeper_start(const struct audit_keeper_options *options,
					struct audit_keeper **out);
void audit_keeper_stop(struct audit_keeper **keeper);

/* Other rules from now on, and a round with them at once. Thread-safe. */
void audit_keeper_set(struct audit_keeper *keeper, const struct audit_retention *retention);

/* As of the last round; never blocks. */
struct audit_keeper_report {
	uint64_t segments, bytes;
	int64_t oldest_ms; /* when the oldest segment was begun; 0: none */
	uint64_t removed;  /* since the start */
	uint64_t free_bytes;
	bool nearly_full;
	struct err last; /* why nothing could be removed or looked at, or (E_CLOCK_UNTRUSTED)
			    nothing because of its age; OK otherwise */
};
void audit_keeper_report(struct audit_keeper *keeper, struct audit_keeper_report *out);

#endif
