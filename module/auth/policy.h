/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy documents, compiled once (IAM User Guide: "Grammar of the IAM JSON policy language"). A
 * compiled policy is immutable, needs no memory to be evaluated and may be used by any number of
 * threads.
 */
#ifndef HOLDFAST_AUTH_POLICY_H
#define HOLDFAST_AUTH_POLICY_H

#include "auth/context.h"
#include "auth/principal.h"

#define AUTH_POLICY_BYTES_MAX 32768 /* of a document; key policies have the largest */
#define AUTH_POLICY_STATEMENTS_MAX 1024
#define AUTH_POLICY_VALUES_MAX 4096 /* actions, resources, principals, condition values in all */
#define AUTH_POLICY_SINGLES_MAX                                           \
	512 /* question marks and variables in all: what follows a `*` is \
	       searched for at once, but these are tried at every place */
#define AUTH_POLICY_MESSAGE_MAX 512
#define AUTH_SID_MAX 256 /* characters of a statement's name that are kept */

/* Which elements a document must and may have. */
enum auth_policy_kind {
	AUTH_POLICY_KEY = 1,  /* a key's: Principal or NotPrincipal, Resource */
	AUTH_POLICY_IDENTITY, /* an identity's, a boundary, a session's: Resource, no Principal */
	AUTH_POLICY_TRUST     /* a role's: Principal or NotPrincipal, no Resource */
};

struct auth_policy;

/*
 * Compiles a document. *out owned by the caller, auth_policy_free(). E_KMS_MALFORMED_POLICY, and
 * `message` says what is wrong and where, for the one who wrote it ("Statement 2 (Sid ReadKeys):
 * unknown condition operator StringLik"); E_NOMEM.
 */
NODISCARD struct err auth_policy_compile(enum auth_policy_kind kind, struct view document,
					 struct auth_policy **out,
					 char message[AUTH_POLICY_MESSAGE_MAX]);
void auth_policy_free(struct auth_policy **policy);

/* Bits: the policy has a condition on, or a variable of, something that is costly to have ready. */
enum auth_policy_need { AUTH_NEEDS_RESOURCE_TAGS = 1 << 0, AUTH_NEEDS_RESOURCE_ALIASES = 1 << 1 };
uint32_t auth_policy_needs(const struct auth_policy *policy);

/* A principal that the policy names, for whoever checks that it exists. */
struct auth_policy_principal {
	enum { AUTH_NAMES_AWS = 1, AUTH_NAMES_SERVICE, AUTH_NAMES_EVERYBODY } kind;
	struct view text; /* ARN, account id, unique id or service name; borrowed */
	size_t statement; /* from 0 */
};
/* Number `at` of them; false: no more. */
bool auth_policy_principal_at(const struct auth_policy *policy, size_t at,
			      struct auth_policy_principal *out);

/* How a statement speaks of the one who asks. The higher, the closer. */
enum auth_naming {
	AUTH_NAMED_NOT = 0,
	AUTH_NAMED_ACCOUNT,   /* by its account, which thereby delegates to identity policies */
	AUTH_NAMED_EVERYBODY, /* by "*" */
	AUTH_NAMED_ROLE,      /* a session by its role */
	AUTH_NAMED_ITSELF     /* by its own ARN, or the service by its name */
};

/* What one policy says of one request. */
struct auth_question {
	const struct auth_principal *principal;
	struct view action;   /* kms:Encrypt */
	struct view resource; /* ARN or "*" */
	const struct auth_context *context;
};

/* A statement that applies, by number and name. */
struct auth_statement {
	size_t number;   /* from 1, as people count */
	struct view sid; /* borrowed from the policy; empty without */
};

/*
 * `denied`: a Deny applies. `allowed`: an Allow applies; of policies with principals for each way
 * of naming, since what it is worth depends on it. Identity policies answer in [AUTH_NAMED_ITSELF].
 */
struct auth_answer {
	bool denied;
	bool allowed[AUTH_NAMED_ITSELF + 1];
	struct auth_statement deny;                         /* the first */
	struct auth_statement allow[AUTH_NAMED_ITSELF + 1]; /* the first of each */
};
void auth_policy_ask(const struct auth_policy *policy, const struct auth_question *question,
		     struct auth_answer *out);

#endif
