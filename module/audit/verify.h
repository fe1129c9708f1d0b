/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifies a folder of audit segments with nothing but the public key: that every line follows from
 * the one before, that no segment is missing or out of order, and which lines the token has signed
 * for. Needs no daemon, store or token; changes nothing.
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

struct audit_verify_options {
	const char *directory;
	const uint8_t *public_key;          /* AUDIT_POINT_LEN bytes */
	const struct audit_point *expected; /* a head that the log must contain; no chain named:
					       of any; or NULL */
	void (*progress)(void *user, uint64_t bytes, uint64_t all);
	void *user;
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
};

/* OK: it could be read; see report->first. E_AUDIT, E_NOMEM, E_FORMAT (the key). */
NODISCARD struct err audit_verify(const struct audit_verify_options *options,
				  struct audit_verify_report *report);

#endif
