/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pipeline keeps of one call, from service_handle() to reply(). One thread at a time has
 * it: the door's, one of the pool, the token's or the audit log's.
 */
#ifndef HOLDFAST_SERVICE_WORK_H
#define HOLDFAST_SERVICE_WORK_H

#include "audit/log.h"
#include "audit/record.h"
#include "auth/authorize.h"
#include "auth/identity.h"
#include "auth/principal.h"
#include "base/buf.h"
#include "codec/json.h"
#include "hsm/hsm.h"
#include "kms/alias.h"
#include "kms/ciphertext.h"
#include "kms/manifest.h"
#include "kms/store.h"
#include "service/call.h"
#include "service/clock_trust.h"
#include "service/schema.h"

#define WORK_KEYS_MAX 2
#define WORK_REPLY_MAX (512 << 10) /* bytes of a reply; the largest: 1,000 keys of ListKeys */

struct form;
struct grant_answer;
struct grant_request;
struct identity_told;
struct keyring_entry;
struct last_use_answer;
struct operation;
struct service;
struct session_made;
struct subject;

/* The identity that an admin operation is about: identity_input.h. */
struct work_identity {
	enum auth_identity_kind kind;
	char account[AUTH_ACCOUNT_LEN + 1]; /* "" of a service: in whatever account it is */
	char name[AUTH_NAME_MAX + 1];
};

/* What the body says, taken apart. Borrows from `document`. */
struct work_input {
	struct form *form; /* the body, of CALL_PROTOCOL_QUERY; form_free() */
	struct json *document;
	struct buf ciphertext;        /* CiphertextBlob, decoded */
	struct kms_ciphertext sealed; /* the same, taken apart; after key resolution */
	struct secret *plaintext;
	struct buf contexts[WORK_KEYS_MAX]; /* canonical */
	size_t length;                      /* bytes of a data key */
	struct grant_request *grant;        /* CreateGrant; grant_request_free() */
	bool dry_run;
	bool ignore_ciphertext;     /* a dry run that asks for permissions alone */
	struct err mismatch;        /* what is wrong with a ciphertext for the key that the request
				       names: told once permission is given */
	const struct json *assumed; /* Explain alone: further condition keys; borrowed. Or NULL */
	struct work_identity identity; /* admin operations on identities */
};

/* A page of a list: listing.h. */
struct work_list {
	void *items; /* mem_free() */
	size_t count;
	char *marker; /* of the next page; NULL: this is the last */
};

/* What a handler leaves for its encoder. */
struct work_output {
	struct buf ciphertext; /* header and sealed part */
	uint32_t version[WORK_KEYS_MAX];
	uint8_t material[WORK_KEYS_MAX][KMS_MATERIAL_ID_LEN];
	struct kms_key_full made; /* CreateKey; key_change(): the key as changed */
	struct work_list list;
	struct buf written; /* JSON of the reply that was written while it was collected */
	struct last_use_answer *last_use; /* GetKeyLastUsage; mem_free() */
	struct grant_answer *grant;       /* CreateGrant, RetireGrant; mem_free() */
	struct call *explained;           /* Explain: the request that it is about; call_free() */
	struct session_made *session;    /* AssumeRole, CreateSession: secrets; wiped, mem_free() */
	struct identity_told *identity;  /* as stored, or as it shall be; identity_told_free() */
	struct backup *backup;           /* BackupStore; mem_free() */
	struct kms_survey *survey;       /* VerifyStore; kms_survey_cleanup(), mem_free() */
	struct clock_trust_report clock; /* DescribeClock; AcceptClock: as it was before */
};

struct call_work {
	struct service *service;
	struct call *call;
	struct call_work *next; /* in the pool's queue */
	unsigned step;
	bool may_block; /* on a thread of the pool */
	int64_t time_ms;
	int64_t began_ns; /* of the call, and of the wait that it is in; metric_now_ns() */
	int64_t waits_ns;

	/* who, what, on which keys */
	bool authenticated;
	struct auth_principal principal;
	char *session_policy;        /* of temporary credentials; mem_free(); NULL without */
	struct kms_scope home;       /* Region of the installation, account of the principal */
	struct subject *subject;     /* with its policies; once permission is asked for */
	struct auth_verdict verdict; /* the last: the one that denied, or that of the last key */
	struct view operation_name;  /* borrowed from the target or form */
	const struct operation *operation;
	struct work_input in;
	struct keyring_entry *keys[WORK_KEYS_MAX];
	struct kms_alias *alias; /* that the call changes, as it is stored; mem_free() */

	/* the token */
	struct hsm_op op;
	uint8_t headers[WORK_KEYS_MAX][KMS_CIPHERTEXT_HEADER_LEN];

	struct work_output out;

	/* why not; the text for the client may be empty */
	struct err failure;
	struct buf message;

	/* the audit record */
	char event_id[AUDIT_EVENT_ID_LEN + 1];
	struct buf line;
	bool offered;   /* a line under event_id was given to the store, whatever came of it */
	bool committed; /* the line is in the outbox of a committed change */
	struct audit_entry entry;
};

/* Gives everything back but the work itself. */
void work_cleanup(struct call_work *work);

/* Notes the text that the client gets with this failure, in place of an earlier one, and returns
 * the failure. Text that does not fit is cut. */
NODISCARD struct err work_refuse(struct call_work *work, struct err failure, const char *format,
				 ...) PRINTF_LIKE(3, 4);

/* The ARN of a key of the call. */
void work_key_arn(const struct call_work *work, size_t which, char out[KMS_KEY_ARN_TEXT]);

/* The deadline of a token operation that begins now. */
int64_t work_deadline_ms(const struct call_work *work);

#endif
