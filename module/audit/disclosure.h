/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which accounts see an event, and what of it.
 *
 * KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail": "Cross-account operations
 * on KMS keys are logged in both the caller account and the KMS key owner account. However,
 * cross-account AWS KMS requests that are rejected because access is denied are logged only in the
 * caller's account." The log has one record of each; the copies are made from it. They share
 * sharedEventID and differ in eventID and recipientAccountId (CloudTrail User Guide, "Example
 * sharedEventID"). The caller's copy has the record's own eventID.
 */
#ifndef HOLDFAST_AUDIT_DISCLOSURE_H
#define HOLDFAST_AUDIT_DISCLOSURE_H

#include "audit/event.h"

/* CloudTrail API: LookupAttributeKey, and what only operators ask for. */
enum audit_attribute {
	AUDIT_ANY, /* every event of the account; its value is empty */
	AUDIT_EVENT_ID,
	AUDIT_EVENT_NAME,
	AUDIT_READ_ONLY,
	AUDIT_USERNAME,
	AUDIT_RESOURCE_TYPE,
	AUDIT_RESOURCE_NAME,
	AUDIT_EVENT_SOURCE,
	AUDIT_ACCESS_KEY_ID,
	AUDIT_ATTRIBUTE_COUNT
};

#define AUDIT_COPIES_MAX (AUDIT_EVENT_RESOURCES_MAX + 1)

/* One account's copy; views borrow from the event. */
struct audit_copy {
	struct view account;
	bool caller; /* its own call, or the only copy there is */
	bool shared; /* there are others */
	char event_id[AUDIT_EVENT_ID_LEN + 1];
};

/* All copies. E_CRYPTO, ... */
NODISCARD struct err audit_copies(const struct audit_event *event,
				  struct audit_copy out[AUDIT_COPIES_MAX], size_t *count);

/* The account's; *found false: it has none. */
NODISCARD struct err audit_copy_of(const struct audit_event *event, struct view account,
				   struct audit_copy *out, bool *found);

/* Every value by which the copy can be found, AUDIT_ANY included. */
typedef void audit_value_visitor(void *user, enum audit_attribute attribute, struct view value);
void audit_copy_visit(const struct audit_event *event, const struct audit_copy *copy,
		      audit_value_visitor *visit, void *user);

bool audit_copy_matches(const struct audit_event *event, const struct audit_copy *copy,
			enum audit_attribute attribute, struct view value);

/* Whether the resource belongs to the copy. */
bool audit_copy_sees(const struct audit_event *event, const struct audit_copy *copy,
		     const struct audit_event_resource *resource);

/* What the requester is called in this copy, empty: nothing that the account may know. */
struct view audit_copy_user(const struct audit_event *event, const struct audit_copy *copy);

/* Names that a resource answers to: its ARN; of a key the bare id, too, and of an alias the bare
 * name. *bare may be empty. */
void audit_resource_names(const struct audit_event_resource *resource, struct view *arn,
			  struct view *bare);

/* The copy as a record: JSON, without the place in the log's chain. `line` is the event's. E_FORMAT
 * (it is no JSON), E_NOMEM, E_BOUNDS. */
NODISCARD struct err audit_copy_write(struct view line, const struct audit_event *event,
				      const struct audit_copy *copy, struct writer *out);

#endif
