/* SPDX-License-Identifier: Apache-2.0 */
/* What the decision (authorize.c) hands to its wording (verdict.c); private to auth/. */
#ifndef HOLDFAST_AUTH_AUTHORIZE_LOCAL_H
#define HOLDFAST_AUTH_AUTHORIZE_LOCAL_H

#include "auth/authorize.h"

/* One statement of one policy that decides something; or none does. */
struct auth_voice {
	bool speaks;
	const char *policy; /* its name; borrowed */
	struct auth_statement statement;
};

/* What a way in still lacks: the higher, the nearer it came. */
enum auth_lack {
	AUTH_LACKS_RESOURCE = 0, /* neither key policy nor grant lets the caller in */
	AUTH_LACKS_IDENTITY,
	AUTH_LACKS_BOUNDARY,
	AUTH_LACKS_SESSION,
	AUTH_LACKS_NOTHING
};

/* One way in: a naming by the key policy, or a grant; or neither, where there is no key policy. */
struct auth_way {
	enum auth_lack lack;
	enum auth_naming naming;
	const struct auth_grant *grant; /* NULL: by the key policy */
	bool needs_identity;            /* an identity policy has to allow it, too */
};

/* All that the policies say of one request. */
struct auth_evaluation {
	const struct auth_request *request;
	const struct auth_principal *principal;
	bool own_account; /* the resource is in the caller's account */
	bool is_root;
	bool is_service;
	struct auth_answer key;
	struct auth_voice identity; /* that allows it */
	struct auth_voice deny;     /* the first explicit one */
	enum auth_reason deny_of;   /* which kind of policy that is */
	bool boundary_allows;       /* or there is none */
	bool session_allows;
	bool too_costly;     /* the answers are none */
	struct auth_way way; /* the one that let in, or came nearest */
};

static inline const char *auth_policy_name(const struct auth_request *request)
{
	return request->policy_name != NULL ? request->policy_name : "key-policy";
}

/* Fill in reason, decided_by and message; the outcome is set already. */
void auth_verdict_allow_operator(struct auth_verdict *out);
void auth_verdict_allow(const struct auth_evaluation *e, struct auth_verdict *out);
void auth_verdict_deny(const struct auth_evaluation *e, struct auth_verdict *out);

#endif
