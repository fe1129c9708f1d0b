/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chain through an audit log: every line is bound to the line before it, across segments and
 * restarts, and the token signs the head now and then.
 *
 * A line is a record with one member more, the last:
 *
 *   {"eventVersion":...,"chain":{"id":"<uuid>","sequence":N,"previous":"<64 hex>"}}
 *
 * previous  SHA-256 of the line before, as it stands in the file, without its newline; of the first
 *           line of a chain: 64 zeros.
 *
 * Between them stand attestations, lines of the chain as well, which say that the token's
 * audit-signing key has seen the head of the chain when it was at an earlier line:
 *
 *   {"attestation":{"time":"...","sequence":N,"key":"<16 hex of SHA-256 of the point>",
 *    "signature":"<base64>"},"chain":{...}}
 *
 * What is signed is SHA-256 over "holdfast audit head 1", the chain's id, the sequence (64 bits)
 * and hash of the attested line, and the time as it is written, each behind its length in 16 bits.
 * An attestation stands at most AUDIT_ATTESTED_WITHIN lines behind the line that it attests.
 */
#ifndef HOLDFAST_AUDIT_CHAIN_H
#define HOLDFAST_AUDIT_CHAIN_H

#include "audit/record.h"
#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"

#define AUDIT_CHAIN_ID_LEN 36
#define AUDIT_HASH_LEN 32
#define AUDIT_SIGNATURE_LEN 64
#define AUDIT_POINT_LEN 65   /* the public key: SEC 1, uncompressed, P-256 */
#define AUDIT_CHAIN_ROOM 192 /* bytes that the member `chain` takes at most, with a newline */
#define AUDIT_LINE_MAX (AUDIT_RECORD_MAX + AUDIT_CHAIN_ROOM)
#define AUDIT_KEY_ID_LEN 16 /* hex digits */
#define AUDIT_ATTESTED_WITHIN 65536

/* One line's place: sequence 0 is before the first line. */
struct audit_point {
	char chain[AUDIT_CHAIN_ID_LEN + 1];
	uint64_t sequence;
	uint8_t hash[AUDIT_HASH_LEN];
};

/* The member `chain` of a line. */
struct audit_link {
	char chain[AUDIT_CHAIN_ID_LEN + 1];
	uint64_t sequence; /* 1.. */
	uint8_t previous[AUDIT_HASH_LEN];
	struct view record; /* the line before its member `chain`: to be closed by a brace */
};

/* A line without its newline; false: it has no place in a chain. Fast: the record is not parsed. */
bool audit_link_parse(struct view line, struct audit_link *out);

/* What ends the line that follows `head`, in place of its closing brace: the member `chain`, the
 * brace, a newline. E_BOUNDS: the sequence is at its end. */
NODISCARD struct err audit_link_write(const struct audit_point *head, char room[AUDIT_CHAIN_ROOM],
				      size_t *len);

/* Moves `head` to the line that follows it: `record` without its closing brace, then what
 * audit_link_write() wrote. E_SYSTEM. */
NODISCARD struct err audit_point_move(struct audit_point *head, struct view record,
				      struct view ending);

/* The place of a line, as it says itself; E_FORMAT: it has none. */
NODISCARD struct err audit_point_of(struct view line, struct audit_point *out);

/* The hash before the first line of a chain is all zeros. */
void audit_point_begin(struct audit_point *out, const char chain[AUDIT_CHAIN_ID_LEN + 1]);
bool audit_point_equal(const struct audit_point *a, const struct audit_point *b);

/* Whether the line is an attestation rather than a record. */
bool audit_line_attests(struct view line);

/* What an attestation calls the key of this point (AUDIT_POINT_LEN bytes). E_SYSTEM. */
NODISCARD struct err audit_key_id(const uint8_t *public_key, char out[AUDIT_KEY_ID_LEN + 1]);

#endif
