/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this principal do this? A pure function of values to a verdict and its reason; the reason
 * goes into the audit record and, when denied, to the client in AWS's words.
 *
 * IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Troubleshooting key access": an
 * explicit deny wins; the key policy is the root of trust; identity policies count where the key
 * policy delegates to the account; grants allow; another account needs both sides.
 */
#ifndef HOLDFAST_AUTH_AUTHORIZE_H
#define HOLDFAST_AUTH_AUTHORIZE_H

#include "auth/grant.h"
#include "auth/policy.h"

struct auth_named_policy {
	const char *name; /* for reasons: "user/alice/ReadKeys", "policy/Auditors" */
	const struct auth_policy *policy;
};

/* Who is asking, with what the account says of it. Borrowed. */
struct auth_subject {
	const struct auth_principal *principal;
	const struct auth_named_policy *policies; /* its own, its groups', attached ones */
	size_t policy_count;
	struct auth_named_policy boundary; /* policy NULL: none */
	struct auth_named_policy session;  /* given when the session was made; policy NULL: none */
};

struct auth_request {
	const struct auth_subject *subject;
	struct view action;                   /* kms:Encrypt */
	struct view resource;                 /* ARN of a key or an alias, or "*" */
	struct view resource_account;         /* 12 digits; of "*" the caller's */
	const struct auth_policy *key_policy; /* NULL: the resource is none that has a policy, and
						 identity policies decide alone; for another
						 account nothing does */
	const char *policy_name;              /* its name in reasons; NULL: "key-policy" */
	const struct auth_context *context;

	/* Grants of the key to this principal, its role or its account. They are asked for only
	 * when they can matter: `grants_known` false makes that AUTH_ASK_GRANTS. */
	bool grants_known;
	const struct auth_grant *grants;
	size_t grant_count;
	uint32_t grant_operation; /* 0: no grant permits this action */
	bool takes_context;       /* the operation has an encryption context */
};

enum auth_outcome { AUTH_DENIED = 0, AUTH_ALLOWED, AUTH_ASK_GRANTS };

/* Why. */
enum auth_reason {
	AUTH_BY_NOTHING = 0, /* implicit: nothing allows it */
	AUTH_BY_OPERATOR,
	AUTH_BY_ROOT, /* the account's root, where the key policy delegates to the account */
	AUTH_BY_KEY_POLICY,
	AUTH_BY_IDENTITY_POLICY, /* and a key policy that delegates */
	AUTH_BY_GRANT,
	AUTH_BY_BOUNDARY, /* denied: by the permissions boundary */
	AUTH_BY_SESSION_POLICY
};
const char *auth_reason_name(enum auth_reason reason); /* "key-policy"; "" for none such */

/*
 * What one decision may cost: whoever writes a key policy and sends a request to it chooses both
 * sides of each comparison. A step is one value against one operand, or some 32 bytes; usual
 * decisions take less than a hundred. One that takes more is a denial.
 */
#define AUTH_STEPS_MAX ((uint64_t)1 << 18)

#define AUTH_REASON_MAX 1024
#define AUTH_DECIDED_MAX 512
struct auth_verdict {
	enum auth_outcome outcome;
	bool allowed;       /* outcome is AUTH_ALLOWED */
	bool explicit_deny; /* a statement denies */
	bool unseen;        /* denied by the side of another account: nothing of it may be told */
	enum auth_reason reason;
	/* For the record: "key-policy:1 (Enable IAM User Permissions) + user/alice/ReadKeys:2",
	 * "grant:<id>", "deny key-policy:3 (NoDecrypt)", "default-deny: ..." */
	char decided_by[AUTH_DECIDED_MAX];
	char message[AUTH_REASON_MAX]; /* denied: "User: ... is not authorized to perform: ..." */
};

void auth_decide(const struct auth_request *request, struct auth_verdict *out);

/* The words for a resource that the caller's account cannot see: there or not, it reads the same.
 */
void auth_deny_unseen(const struct auth_principal *principal, struct view action,
		      struct view resource, struct auth_verdict *out);

#endif
