/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation is one file (op_*.c, admin_*.c) that ends in one `const struct operation`. What a
 * call needs before its handler may run - door, action, keys, states, usages - stands in that row
 * and is enforced by the pipeline; a handler without a row cannot be reached.
 */
#ifndef HOLDFAST_SERVICE_OPERATION_H
#define HOLDFAST_SERVICE_OPERATION_H

#include "codec/json.h"
#include "codec/xml_out.h"
#include "kms/grant.h"
#include "kms/key.h"
#include "service/schema.h"
#include "service/work.h"

/* Bits for masks of key states. */
#define STATES_ENABLED STATE_BIT(KMS_STATE_ENABLED)
#define STATES_DISABLED STATE_BIT(KMS_STATE_DISABLED)
#define STATES_UNAVAILABLE STATE_BIT(KMS_STATE_UNAVAILABLE)
#define STATES_PENDING_DELETION STATE_BIT(KMS_STATE_PENDING_DELETION)
#define STATES_KEPT /* all but those of a key that is still made or soon gone */  \
	(STATES_ENABLED | STATES_DISABLED | STATE_BIT(KMS_STATE_PENDING_IMPORT) | \
	 STATES_UNAVAILABLE)
#define STATES_ALL (STATE_BIT(KMS_STATE_COUNT) - 1)
#define USAGES_ALL 0xffffffffU

enum operation_flag {
	OPERATION_BLOCKS = 1 << 0,       /* runs where waiting is allowed: mutations, lists */
	OPERATION_SECRET_REPLY = 1 << 1, /* the reply carries a plaintext: built in locked memory */
	OPERATION_ALIASES = 1 << 2,      /* an alias may name the key */
	OPERATION_INVALID_ARN =
		1 << 3, /* declares InvalidArnException; others say NotFoundException */
	OPERATION_CIPHERTEXT_KEY =
		1 << 4, /* CiphertextBlob names keys[0]; its member must only agree */
	OPERATION_USES_KEY =
		1 << 5, /* GetKeyLastUsage tells of it (KeyLastUsageTrackingOperation) */
	OPERATION_FOR_ALL = 1 << 6, /* whoever is authenticated may: no permission is asked for */
	OPERATION_CROSS_ACCOUNT =
		1 << 7, /* KMS API: "Cross-account use: Yes". Without it, keys of other accounts are
			   refused, whatever their policies say */
	OPERATION_ANCHORED = 1 << 8, /* takes rights away: answered only when the token remembers it
					(anchoring.h) */
};

/* One key of an operation (ReEncrypt has two). */
struct operation_key {
	const char *action;      /* kms:Encrypt; on the key, or on "*" without one */
	const char *member;      /* that names the key; NULL: the operation has none, or: */
	const char *alias;       /* member that names an alias, on which the action is needed too.
				    Without `member`, the key is the one that the alias stands for,
				    and work->alias is the alias */
	const char *context;     /* member with the encryption context, or NULL */
	const char *given;       /* the action is needed only with this member in the request; NULL:
				    always. Without key and alias it is asked on every key of the
				    account */
	const char *constraints; /* member of GrantConstraints: its context is what conditions on
				    the encryption context are about; or NULL */
	const char *algorithm;   /* member with the encryption algorithm, or NULL */
	uint32_t grant;          /* enum kms_grant_operation: a grant may permit it */
	bool optional;           /* without `member` in the request there is no key */
	bool any_state;          /* the operation's `states` are not asked of this key */
};

/*
 * A condition key that the request itself answers (auth/condition_key.def): from a member, or, when
 * that is not there, `otherwise` (NULL: the key is absent then). Keys that every request has, and
 * those that the KMS key answers, are filled in for all operations: request_context.c.
 */
struct operation_condition {
	enum auth_condition_key key;
	const char *member;
	const char *otherwise;
};

/* Handlers; NULL where there is nothing to do. All of them may fail with work_refuse(). */
struct operation {
	const char *name;
	enum call_door door;
	enum call_protocol protocol; /* of the public door */
	bool read_only;
	uint32_t flags;                   /* enum operation_flag */
	uint32_t states;                  /* of every key of the call */
	uint32_t usages;                  /* likewise */
	const struct schema_shape *input; /* a structure */
	struct operation_key keys[WORK_KEYS_MAX];
	const struct operation_condition *conditions; /* a row without member at the end; or NULL */
	const char *const *audited; /* members copied into requestParameters; NULL at the end */

	/* After validation: what no schema can say; fills work->in. May run twice. */
	NODISCARD struct err (*decode)(struct call_work *work);
	/* May the caller, where that is not asked of keys: in place of their actions. Fills
	 * work->verdict; E_ACCESS_DENIED. May run twice. */
	NODISCARD struct err (*authorise)(struct call_work *work);
	/* Does it, or prepares work->op for the token (verb != 0: the pipeline submits it). May
	 * answer E_WOULD_BLOCK and is then run again. */
	NODISCARD struct err (*execute)(struct call_work *work);
	/* After the token has answered OK. */
	NODISCARD struct err (*finish)(struct call_work *work);
	/* The members of the reply. NULL: an empty body. */
	void (*encode)(struct call_work *work, struct json_out *out);
	/* The same for CALL_PROTOCOL_QUERY: what stands in <NameResult>. */
	void (*encode_xml)(struct call_work *work, struct xml_out *out);
	/* responseElements of the audit record. NULL: null. */
	void (*audit)(struct call_work *work, struct json_out *out);
};

/*
 * By name, of this door and protocol. E_UNSUPPORTED_OPERATION for an operation of the KMS model
 * that is not built, E_UNKNOWN_OPERATION for any other name.
 */
NODISCARD struct err operation_find(enum call_door door, enum call_protocol protocol,
				    struct view name, const struct operation **out);

/* All rows, for tests and fuzzing. */
const struct operation *operation_at(size_t index); /* NULL: no more */

#endif
