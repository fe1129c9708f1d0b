/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: records of what the audit log does with itself, in the shape of
 * CloudTrail's service events. What is in them: removal.h, resumption.h.
 */
#ifndef HOLDFAST_AUDIT_OWN_RECORD_H
#define HOLDFAST_AUDIT_OWN_RECORD_H

#include "audit/log.h"
#include "codec/json.h"

#define OWN_RECORD_SOURCE "holdfast.admin"
#define OWN_RECORD_TYPE "AwsServiceEvent"

struct own_record {
	const char *event; /* eventName */
	int64_t time_ms;
	const char *region, *account;
	struct view request_members; /* requestParameters, without braces; empty: null */
	struct view detail_members;  /* serviceEventDetails; empty: left out */
};

/* Waits until it is on disk. E_AUDIT, E_NOMEM. */
NODISCARD struct err own_record_append(struct audit_log *log, const struct own_record *record);

/* Of a line; *out NULL: it is another record. Cheap for those. json_free(). */
NODISCARD struct err own_record_parse(struct view line, const char *event, struct json **out);

#endif
