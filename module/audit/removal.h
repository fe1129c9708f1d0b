/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: what the record of a segment that retention removed says of the chain
 * (DeleteAuditSegment, serviceEventDetails): the place of the segment's last line, signed by the
 * token. So a log whose beginning was removed can be told from one whose beginning was cut off:
 * who can write to the log cannot write such a record.
 */
#ifndef HOLDFAST_AUDIT_REMOVAL_H
#define HOLDFAST_AUDIT_REMOVAL_H

#include "audit/chain.h"

#define REMOVAL_MEMBERS_MAX 512
#define REMOVAL_EVENT "DeleteAuditSegment"

struct removal {
	struct audit_point last; /* of what was removed */
	char key[AUDIT_KEY_ID_LEN + 1];
	uint8_t signature[AUDIT_SIGNATURE_LEN];
};

/* What is signed. E_SYSTEM. */
NODISCARD struct err removal_digest(const struct audit_point *last, uint8_t digest[AUDIT_HASH_LEN]);

/* The members of serviceEventDetails, without braces. */
NODISCARD struct err removal_write(const struct removal *removal, struct writer *w);

/* Of a line; *is false: it is another record, or says nothing of a chain. Cheap for those. */
NODISCARD struct err removal_parse(struct view line, struct removal *out, bool *is);

#endif
