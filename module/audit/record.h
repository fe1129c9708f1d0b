/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One audit record: what happened, as values, and its one line of CloudTrail-shaped JSON. There is
 * no member for a plaintext, a secret or a signature.
 */
#ifndef HOLDFAST_AUDIT_RECORD_H
#define HOLDFAST_AUDIT_RECORD_H

#include "base/writer.h"

#define AUDIT_EVENT_ID_LEN 36
#define AUDIT_RECORD_MAX (128 << 10) /* bytes of one line */
#define AUDIT_RESOURCES_MAX 3        /* UpdateAlias: the alias, its key and its new key */
#define AUDIT_VERSION "1.11"         /* eventVersion */

struct audit_context_pair {
	struct view key;
	struct view value;
};

/* Types of resources, as CloudFormation and CloudTrail name them. */
#define AUDIT_TYPE_KEY "AWS::KMS::Key"
#define AUDIT_TYPE_ALIAS "AWS::KMS::Alias"
#define AUDIT_TYPE_ROLE "AWS::IAM::Role"

struct audit_resource {
	char account[13];
	char arn[384];
	const char *type; /* AUDIT_TYPE_KEY, ... */
};

/* CloudTrail record contents: sessionIssuer. */
struct audit_issuer {
	struct view principal_id, arn, account, user_name;
};

/* Views are borrowed until the line has been written. Empty ones are left out. */
struct audit_record {
	char event_id[AUDIT_EVENT_ID_LEN + 1];
	char request_id[AUDIT_EVENT_ID_LEN + 1];
	int64_t time_ms;
	const char *event_source; /* kms.amazonaws.com; holdfast.admin for the admin socket */
	struct view event_name;   /* Encrypt */
	const char *event_type;   /* AwsApiCall, AwsServiceEvent */
	struct view region;
	struct view recipient_account;
	struct view source_address;
	struct view user_agent;
	bool read_only;

	/* userIdentity */
	const char *identity_type; /* Root, IAMUser, AssumedRole, AWSService, Operator, Unknown */
	struct view principal_id, principal_arn, account, access_key_id, user_name;
	struct view invoked_by;     /* the service that acts: AWSService, or for somebody */
	int64_t session_issued_ms;  /* sessionContext, of temporary credentials; 0: none */
	struct audit_issuer issuer; /* sessionIssuer: the role; without `arn` none */

	/* errorCode and errorMessage; empty when the call succeeded */
	struct view error_code, error_message;

	/* requestParameters and responseElements: members of a JSON object, without its braces;
	 * empty: null */
	struct view request_members;
	struct view response_members;

	/* additionalEventData: what decided (authorisation), versions, and the like */
	struct view decided_by;
	struct view additional_members;

	/* serviceEventDetails, of an AwsServiceEvent: members without braces; empty: left out */
	struct view detail_members;

	/* tlsDetails: members without braces; empty: left out */
	struct view tls_members;

	struct audit_resource resources[AUDIT_RESOURCES_MAX];
	size_t resource_count;
};

/* Appends the record as one line of JSON without its newline. E_BOUNDS, E_NOMEM. */
NODISCARD struct err audit_record_write(const struct audit_record *record, struct writer *out);

#endif
