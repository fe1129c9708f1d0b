/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: judges the lines of a log one after the other, in bounded memory. What
 * reads them, and what follows from all of them together: verify.c.
 */
#ifndef HOLDFAST_AUDIT_INSPECTION_H
#define HOLDFAST_AUDIT_INSPECTION_H

#include "audit/attestation.h"
#include "audit/reader.h"
#include "audit/removal.h"
#include "audit/resumption.h"
#include "audit/segment.h"
#include "audit/verify.h"

/* Where a line stands. */
struct inspection_place {
	char segment[SEGMENT_NAME_MAX];
	uint64_t segment_sequence;
	uint64_t offset;
	uint64_t number;
	uint64_t sequence; /* 0: none */
	bool known;
};

/* One of the last lines, for the attestations that come. */
struct inspection_seen {
	uint64_t sequence;
	uint8_t hash[AUDIT_HASH_LEN];
	uint64_t records;          /* up to this line, itself included */
	uint64_t segment_sequence; /* where it stands */
	uint64_t offset;
};

/* An attestation, believed once its signature was checked. */
struct inspection_claim {
	bool pending;
	struct attestation attestation;
	size_t key;                    /* index */
	struct audit_point point;      /* that it attests */
	uint64_t records;              /* up to there */
	struct inspection_place place; /* of itself */
	struct inspection_place rest;  /* the first line behind what it attests */
};

struct inspection_key {
	const uint8_t *point;
	char id[AUDIT_KEY_ID_LEN + 1];
	uint64_t replaced; /* sequence of the signature by which another took over; 0: none did */
};

struct inspection {
	struct inspection_key keys[AUDIT_VERIFY_KEYS_MAX];
	size_t key_count;
	struct audit_turn turn;             /* that goes on; no signatures: there was none yet */
	struct audit_resumption resumed;    /* the last record since the last signature */
	const struct audit_point *expected; /* or NULL */
	bool strict; /* every signature is checked, not only some and the last one */

	struct audit_verify_report *report;
	bool begun; /* a line with a place was seen */
	bool expected_seen;
	struct inspection_place last;   /* the line before */
	struct inspection_place fault;  /* of report->first */
	uint64_t missing_from, missing; /* of report->first, when that is a gap */
	struct audit_point before;      /* of the log's first line: what it must follow from */
	bool explained;                 /* a removal says that this was the last that went */
	struct inspection_place first;  /* line of the chain */
	struct inspection_place first_record, last_record;
	struct inspection_place rest; /* what nothing attests begins here */
	uint64_t attested_records;
	struct inspection_claim claim;
	uint64_t checked_at;          /* bytes at the last signature that was checked */
	struct inspection_seen *seen; /* AUDIT_ATTESTED_WITHIN of them, by sequence */
};

/* E_NOMEM, E_SYSTEM. inspection_cleanup() in any case. */
NODISCARD struct err inspection_init(struct inspection *in,
				     const struct audit_verify_options *options, bool strict,
				     struct audit_verify_report *report);
void inspection_cleanup(struct inspection *in);

NODISCARD struct err inspection_line(struct inspection *in, const struct audit_line *line);

/* What can be said when the last line was seen. */
NODISCARD struct err inspection_end(struct inspection *in);

/* A problem at a place; the first one is kept. */
void inspection_problem(struct inspection *in, enum audit_problem_kind kind,
			const struct inspection_place *place, const char *format, ...)
	PRINTF_LIKE(4, 5);

#endif
