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
 * audit-signing key has seen the head of the line before them:
 *
 *   {"attestation":{"time":"...","key":"<16 hex of SHA-256 of the point>","signature":"<base64>"},
 *    "chain":{...}}
 *
 * What is signed is SHA-256 over "holdfast audit head 1", the chain's id, the sequence and hash of
 * the attested line, and the time, each behind its length.
 */
#ifndef HOLDFAST_AUDIT_CHAIN_H
#define HOLDFAST_AUDIT_CHAIN_H

#include "base/err.h"
#include "base/view.h"
#include "base/writer.h"

#define AUDIT_CHAIN_ID_LEN 36
#define AUDIT_HASH_LEN 32
#define AUDIT_SIGNATURE_LEN 64
#define AUDIT_POINT_LEN 65   /* the public key: SEC 1, uncompressed, P-256 */
#define AUDIT_CHAIN_ROOM 192 /* bytes that the member `chain` takes at most */

/* One line's place: sequence 0 is before the first line. */
struct audit_point {
	char chain[AUDIT_CHAIN_ID_LEN + 1];
	uint64_t sequence;
	uint8_t hash[AUDIT_HASH_LEN];
};

#endif
