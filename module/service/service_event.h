/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of what the service does by itself (CloudTrail: eventType AwsServiceEvent): RotateKey,
 * DeleteKey, DeleteExpiredKeyMaterial, and CreateKey of a service's key.
 */
#ifndef HOLDFAST_SERVICE_SERVICE_EVENT_H
#define HOLDFAST_SERVICE_SERVICE_EVENT_H

#include "base/buf.h"
#include "kms/store.h"
#include "service/service.h"

/* Views are borrowed. */
struct service_event {
	const char *name; /* eventName */
	int64_t time_ms;
	const struct kms_scope *scope; /* of the key: its account is told */
	const struct kms_key_id *key_id;
	const char *alias_arn;        /* a second resource; NULL */
	struct view invoked_by;       /* empty: "AWS Internal", as AWS writes it */
	const char *request_id;       /* of the call that it is a part of; NULL */
	struct view response_members; /* empty: null */
	struct view detail_members;   /* serviceEventDetails; empty: left out */
	struct view decided_by;       /* why it was done */
};

/* A record on its way: written before the commit, told after it. service_event_cleanup(). */
struct service_event_record {
	char event_id[KMS_EVENT_ID_LEN + 1];
	struct buf line;
	struct kms_outbox_record outbox; /* for the commit; borrows from `line` */
};
void service_event_cleanup(struct service_event_record *record);

/* Draws the event id and writes the line. E_BOUNDS, E_NOMEM. */
NODISCARD struct err service_event_write(const struct service_event *event,
					 struct service_event_record *out);

/* After the commit: the line goes to the audit log (waited for where `wait`; else within a second),
 * the event to the sinks. Never fails: what the log refuses is kept, as the store's outbox does. */
void service_event_tell(struct service *service, struct service_event_record *record, bool wait);

#endif
