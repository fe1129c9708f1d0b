/* SPDX-License-Identifier: Apache-2.0 */
/* The folder's own header: attestations as lines, and what is signed. */
#ifndef HOLDFAST_AUDIT_ATTESTATION_H
#define HOLDFAST_AUDIT_ATTESTATION_H

#include "audit/chain.h"
#include "codec/timestamp.h"

#define ATTESTATION_MAX 320 /* bytes of one as a line, without its place in the chain */

struct attestation {
	char time[TIMESTAMP_ISO_TEXT]; /* as it is written and signed */
	uint64_t sequence;             /* of the line that it attests */
	char key[AUDIT_KEY_ID_LEN + 1];
	uint8_t signature[AUDIT_SIGNATURE_LEN];
};

/* What is signed of the attested line's place. E_SYSTEM. */
NODISCARD struct err attestation_digest(const struct audit_point *attested, const char *time,
					uint8_t digest[AUDIT_HASH_LEN]);

/* The same for another statement about a place; `domain` keeps them apart. */
NODISCARD struct err attestation_digest_of(const char *domain, const struct audit_point *point,
					   const char *time, uint8_t digest[AUDIT_HASH_LEN]);

/* A line without newline, and without its place in the chain. */
NODISCARD struct err attestation_write(const struct attestation *attestation, struct writer *w);

/* Of a line's link->record. E_FORMAT: it is none of ours. */
NODISCARD struct err attestation_parse(struct view record, struct attestation *out);

#endif
