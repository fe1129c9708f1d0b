/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies a folder of audit segments with nothing but the public key: that every line follows from
 * the one before, that no segment is missing or out of order, and which lines the token has signed
 * for. Needs no daemon, store or token; changes nothing.
 *
 * A log that went on with another token has signatures of several keys, each in use behind the one
 * before it. A key that signs again after another had replaced it is what a stolen token would do:
 * that is a problem, unless a record of the service (resumption.h) says that it went back to it;
 * then it is told (`returns`), as whoever has the stolen token can write that record, too.
 *
 * What it cannot tell by itself: how much was cut off at the end, as nothing behind it remembers.
 * `expected` does: a head that is remembered elsewhere. And a tail that nothing attests may have
 * been written by anybody: see `unattested`.
 */
#ifndef HOLDFAST_AUDIT_VERIFY_H
#define HOLDFAST_AUDIT_VERIFY_H

#include "audit/chain.h"

#define AUDIT_PROBLEM_TEXT 256

enum audit_problem_kind {
	AUDIT_PROBLEM_NONE,
	AUDIT_PROBLEM_LINE,      /* a line is no record, or has no place in a chain */
	AUDIT_PROBLEM_CHANGED,   /* a line does not follow from the one before it */
	AUDIT_PROBLEM_GAP,       /* lines are missing */
	AUDIT_PROBLEM_REORDERED, /* lines or segments stand in another order */
	AUDIT_PROBLEM_SEGMENT,   /* a segment is missing */
	AUDIT_PROBLEM_SIGNATURE, /* an attestation is not by this key, or of another head */
	AUDIT_PROBLEM_CHAIN,     /* a second chain begins, or none does */
	AUDIT_PROBLEM_SHORT,     /* the log ends before the head that was expected */
	AUDIT_PROBLEM_COUNT
};

/* "changed line", ...; NULL for what is none. */
const char *audit_problem_name(enum audit_problem_kind kind);

struct audit_problem {
	enum audit_problem_kind kind;
	char segment[64]; /* file name */
	uint64_t line;    /* in the segment, 1.. */
	uint64_t sequence;
	char event[AUDIT_EVENT_ID_LEN + 1]; /* eventID of the line, when it tells one */
	char text[AUDIT_PROBLEM_TEXT];      /* for people: what is wrong there */
};

#define AUDIT_VERIFY_KEYS_MAX 16
#define AUDIT_TURNS_MAX 32 /* that a report has; all are judged */
#define AUDIT_UNPROVEN_MAX 32

struct audit_verify_options {
	const char *directory;
	const uint8_t *public_keys;         /* of all tokens that have signed the log, in any order:
					       key_count times AUDIT_POINT_LEN bytes */
	size_t key_count;                   /* 1..AUDIT_VERIFY_KEYS_MAX */
	const struct audit_point *expected; /* a head that the log must contain; no chain named:
					       of any; or NULL */
	void (*progress)(void *user, uint64_t bytes, uint64_t all);
	void *user;
};

/* Signatures by one key, with none by another between them. */
struct audit_turn {
	size_t key;        /* index */
	uint64_t from, to; /* lines that it was in use for; `to` is attested */
	uint64_t first;    /* sequence of its first signature */
	uint64_t last;     /* of its last */
	uint64_t signatures;
	bool recorded; /* a record of the service says that it took over there */
	bool returned; /* it had been replaced before */
};

/* Lines that the service found at a start, with nothing that spoke for them. */
struct audit_unproven {
	uint64_t from, to;
	uint64_t told; /* sequence of the record that says so */
	bool behind_stop;
};

struct audit_verify_report {
	struct audit_problem first; /* NONE: all is well */
	uint64_t problems;
	uint64_t segments, lines, records, attestations;
	uint64_t bytes;
	uint64_t unchained;          /* lines from before there was a chain, at the beginning */
	uint64_t removed_segments;   /* that retention removed, and the log says so */
	struct audit_point begin;    /* the first line's place */
	struct audit_point head;     /* the last line's */
	struct audit_point attested; /* the last line that a signature attests; sequence 0: none */
	int64_t attested_ms;
	uint64_t unattested;       /* records behind it */
	int64_t unattested_ms;     /* time of the first of them; 0: there is none */
	int64_t first_ms, last_ms; /* times of the first and the last record; 0: none */
	struct audit_turn turns[AUDIT_TURNS_MAX];
	uint64_t turn_count; /* all */
	uint64_t returns;
	struct audit_unproven unproven[AUDIT_UNPROVEN_MAX];
	uint64_t unproven_count; /* all */
	uint64_t unproven_lines, behind_stops;
};

/* OK: it could be read; see report->first. E_AUDIT, E_NOMEM, E_FORMAT (a key), E_BOUNDS. */
NODISCARD struct err audit_verify(const struct audit_verify_options *options,
				  struct audit_verify_report *report);

#endif
