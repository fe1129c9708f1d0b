/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: lines appended to segment files and made durable in groups. A line's `done` runs
 * after the fdatasync(2) that covers it; nothing that the line attests may leave before.
 *
 * The segments, for those who read them: audit-<time>-<sequence>.jsonl, in the order of their
 * sequence, mode 0640. Behind the last line of the one that is being written stand zeros, written
 * ahead to make the sync cheaper: take lines up to the first NUL, and look there again later. The
 * zeros are cut off when a segment is complete, when the log is closed, and at the next start.
 */
#ifndef HOLDFAST_AUDIT_LOG_H
#define HOLDFAST_AUDIT_LOG_H

#include "audit/chain.h"
#include "audit/signer.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct audit_log;
struct audit_sink;

struct audit_log_options {
	const char *directory;             /* made by the caller, 0750; borrowed during the call */
	uint64_t segment_bytes;            /* 0: 256 MiB; a new segment begins at this size */
	uint32_t segment_days;             /* UTC days that a segment is of at most; 0: no bound */
	uint32_t queue_max;                /* 0: 8192 lines waiting; more: E_BUSY */
	uint32_t failures_window_ms;       /* 0: 10,000; aggregation of failed authentications */
	const struct audit_signer *signer; /* of the chain's head; borrowed; outlives the log; NULL:
					      nothing attests it */
	struct audit_sink *sink;     /* gets every line that is durable; borrowed; outlives the log;
					NULL: none */
	uint32_t sign_every_records; /* 0: 16; so many records behind the last attestation... */
	uint32_t sign_every_ms;      /* 0: 100; ...or so old: the head is signed */
	bool sign_later; /* nothing is signed before audit_log_sign(): a log that was forged while
			    nobody wrote it must not get a signature before that is noticed */
	const struct clock *clock;
};

/*
 * Opens the newest segment, cuts a torn last line (it was never acknowledged), starts the writer
 * thread. The chain goes on behind the last line; behind one that has no place in a chain (the log
 * of an older version, or none) a new chain begins. *out owned by the caller, audit_log_close().
 * One process per directory: E_ALREADY_RUNNING. E_AUDIT.
 */
NODISCARD struct err audit_log_open(const struct audit_log_options *options,
				    struct audit_log **out);

/* The log is the one that it should be: its head is signed from now on. Thread-safe. */
void audit_log_sign(struct audit_log *log);

/* Writes what is queued, syncs, waits up to two seconds for a signature of the head, ends the
 * thread. */
void audit_log_close(struct audit_log **log);

/* As in struct audit_log_options, from now on; 0: as it is, but for segment_days. Thread-safe. */
struct audit_log_limits {
	uint64_t segment_bytes;
	uint32_t segment_days;
	uint32_t queue_max;
	uint32_t sign_every_records, sign_every_ms;
};
void audit_log_set_limits(struct audit_log *log, const struct audit_log_limits *limits);

/* One line on its way. The caller's until `done` is called (exactly once, on the writer thread;
 * must not block). */
struct audit_entry {
	struct view line; /* a JSON object without newline, 3..AUDIT_RECORD_MAX, no newline inside;
			     borrowed until done */
	void (*done)(struct audit_entry *entry,
		     struct err result); /* OK: durable. E_AUDIT: it is not, the call must fail */
	void *user;
	struct audit_entry *next; /* the log's own: */
	struct view ending;       /* replaces the line's last brace in the file; empty: a newline */
};

/* Never blocks on the disk; failures arrive through done (E_BUSY, E_AUDIT, E_CANCELLED).
 * Thread-safe. */
void audit_log_append(struct audit_log *log, struct audit_entry *entry);

/* Appends and waits. */
NODISCARD struct err audit_log_append_wait(struct audit_log *log, struct view line);

/*
 * A failed authentication: counted per (source, reason) and written as one record per window, so
 * that junk can neither fill the disk nor force a sync each. Never blocks; bounded memory.
 */
void audit_log_count_failure(struct audit_log *log, struct view source_address,
			     const char *error_code);

/* False after a failed write, until one succeeds again; every second one is tried. Meanwhile lines
 * fail at once, and readiness says no. */
bool audit_log_healthy(struct audit_log *log);

/* The durable head of the chain: the place of the last line; sequence 0: it has none yet. Never
 * blocks on the disk. Thread-safe. */
void audit_log_point(struct audit_log *log, struct audit_point *out);

/*
 * Whether the log has this very line, for the comparison with the head that the store remembers.
 * Looks at few places, in bounded memory, and does not verify the chain. Ask after
 * audit_log_open(); compare point->chain with audit_log_point(), too: a chain that has ended is no
 * better than a line that is missing. E_AUDIT, E_NOMEM.
 */
NODISCARD struct err audit_log_has_point(const char *directory, const struct audit_point *point,
					 bool *found);

/* How the log was found when it was opened. All zero: nothing is signed here, or there was no line.
 */
struct audit_tail {
	struct audit_point head; /* the last line */
	uint64_t last_record;    /* sequence of the last one that is no attestation, or 0 when
				    it is attested */
	uint64_t attested;       /* of the last line that is attested: by the signer's key,
				    which was checked, or as another key's attestation says;
				    0: none */
	char key[AUDIT_KEY_ID_LEN + 1]; /* that attested it; "": none */
	bool stopped;   /* that line is StopAuditLog (resumption.h), and the signature genuine */
	uint64_t wrong; /* attestations behind it in the name of the signer's key, which it has not
			   signed */
};
void audit_log_tail(const struct audit_log *log, struct audit_tail *out);

struct audit_log_figures {
	uint64_t lines, syncs, bytes, failures; /* of records, but for the syncs */
	uint64_t attestations;
	uint64_t unattested;   /* records behind the last line that is attested, as far as known */
	int64_t unattested_ms; /* how long the oldest of them is there */
};
void audit_log_figures(struct audit_log *log, struct audit_log_figures *out);

/*
 * Whether the log has the record of this event, for the outbox at start: what is here need not be
 * appended again. Looks at the newest 512 MiB, in bounded memory. Ask after audit_log_open(), which
 * makes durable what a killed process had written. E_FORMAT: not an event id. E_AUDIT.
 */
NODISCARD struct err audit_log_contains(const char *directory, const char *event_id, bool *found);

#endif
