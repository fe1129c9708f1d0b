/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record read back: the members by which records are found again. Read straight from the line,
 * without building its JSON, because searches go through millions of them; showing one is
 * disclosure.h.
 */
#ifndef HOLDFAST_AUDIT_EVENT_H
#define HOLDFAST_AUDIT_EVENT_H

#include "audit/record.h"
#include "base/buf.h"

#define AUDIT_EVENT_RESOURCES_MAX 8 /* more are not looked at; records have AUDIT_RESOURCES_MAX */

struct audit_event_resource {
	struct view account, type, arn;
};

/* Views borrow from the line, or from `scratch` where a text is escaped in the line. */
struct audit_event {
	struct view id, request_id, name, source, error_code, source_address;
	struct view recipient; /* recipientAccountId */
	struct view identity_type, principal_id, principal_arn, account, access_key_id;
	struct view user_name, invoked_by;
	int64_t time_ms;
	bool read_only;
	struct audit_event_resource resources[AUDIT_EVENT_RESOURCES_MAX];
	size_t resource_count;
	struct buf scratch;
};

/* *event: audit_event_cleanup(), in any case. The line outlives it. E_FORMAT: no record (an
 * attestation, a damaged line); E_NOMEM. */
NODISCARD struct err audit_event_read(struct view line, struct audit_event *event);
void audit_event_cleanup(struct audit_event *event);

/*
 * CloudTrail API: Event, Username. A user's name; the name of a role's session; root; the service
 * that acts; empty when it is nobody's.
 */
struct view audit_event_user(const struct audit_event *event);

#endif
