/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record ResumeAuditLog: what a service found that opened a log, where that is for people to
 * look at. It stands behind what was found and before anything that is written and signed since:
 * lines at the end that neither a signature nor the store had spoken for, and that the token signs
 * with another key than before. serviceEventDetails:
 *
 *   "previousKey":"<16 hex>","key":"<16 hex>"   of the last signature that was found, and of those
 *                                               that follow (audit/chain.h); the first may lack
 *   "firstUnproven":N,"lastUnproven":M          sequences; lacking: there were none
 *   "behindStop":true                           the last line that was attested is StopAuditLog
 *   "wrongSignatures":N                         in the name of `key` that it has not made
 *
 * And the record StopAuditLog: the service ends in good order, and writes nothing behind it but the
 * signature.
 */
#ifndef HOLDFAST_AUDIT_RESUMPTION_H
#define HOLDFAST_AUDIT_RESUMPTION_H

#include "audit/log.h"

struct audit_resumption {
	uint64_t from, to; /* lines that nothing had proven; 0: none */
	bool behind_stop;
	uint64_t wrong;
	char previous_key[AUDIT_KEY_ID_LEN + 1]; /* "": none */
	char key[AUDIT_KEY_ID_LEN + 1];
};

bool audit_resumption_switches(const struct audit_resumption *resumption);

/* Waits until the record is on disk. E_AUDIT, E_NOMEM. */
NODISCARD struct err audit_resumption_append(struct audit_log *log, int64_t time_ms,
					     const char *region, const char *account,
					     const struct audit_resumption *resumption);

/* Of a line; *is false: it is another record. Cheap for those. E_NOMEM. */
NODISCARD struct err audit_resumption_parse(struct view line, struct audit_resumption *out,
					    bool *is);

/* The last record that is written. Waits until it is on disk. E_AUDIT, E_NOMEM. */
NODISCARD struct err audit_stop_append(struct audit_log *log, int64_t time_ms, const char *region,
				       const char *account);
/* Whether a line is that. E_NOMEM. */
NODISCARD struct err audit_stop_parse(struct view line, bool *is);

#endif
