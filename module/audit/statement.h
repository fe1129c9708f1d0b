/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the token's audit-signing key says of a bundle of evidence: that this installation gave it
 * out then. Pure; shared by the service, which has it signed, and by those who verify it.
 *
 * What is signed is SHA-256 over "holdfast evidence 1", the installation's id, the time (as in the
 * record: ISO 8601 in UTC with milliseconds) and SHA-256 of the bundle's list of digests, each
 * behind its length in 32 bits, big-endian.
 */
#ifndef HOLDFAST_AUDIT_STATEMENT_H
#define HOLDFAST_AUDIT_STATEMENT_H

#include "base/err.h"
#include "base/view.h"

#define AUDIT_STATEMENT_DOMAIN "holdfast evidence 1"
#define AUDIT_STATEMENT_DIGEST_LEN 32
#define AUDIT_STATEMENT_INSTALLATION_MAX 64 /* characters of the id */
#define AUDIT_STATEMENT_FINGERPRINT_TEXT 65 /* 64 hex digits and a NUL */

struct audit_statement {
	struct view installation; /* its id, borrowed */
	int64_t time_ms;          /* Unix */
	uint8_t digest[AUDIT_STATEMENT_DIGEST_LEN];
};

/* What is signed. E_BOUNDS: an id that is none. */
NODISCARD struct err audit_statement_digest(const struct audit_statement *statement,
					    uint8_t out[AUDIT_STATEMENT_DIGEST_LEN]);

/* A public key's name for people, who compare it: SHA-256 of its point, in hex. */
NODISCARD struct err audit_statement_fingerprint(struct view point,
						 char out[AUDIT_STATEMENT_FINGERPRINT_TEXT]);

#endif
