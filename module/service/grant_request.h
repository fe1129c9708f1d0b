/* SPDX-License-Identifier: Apache-2.0 */
/* What CreateGrant was asked for: from the request's members to a grant. */
#ifndef HOLDFAST_SERVICE_GRANT_REQUEST_H
#define HOLDFAST_SERVICE_GRANT_REQUEST_H

#include "auth/grant.h"
#include "kms/grant.h"
#include "service/work.h"

struct grant_request {
	struct kms_grant grant; /* `context` borrowed from the next; ids of principals, scope, id
				   and likeness are left to others */
	struct buf context;     /* canonical */
	struct auth_pair pairs[KMS_GRANT_PAIRS_MAX];
	/* The same for authorisation: a caller who may create grants by a grant alone may create
	 * those that narrow it. */
	struct auth_grant child;
};

/* Into work->in.grant. E_VALIDATION; E_UNSUPPORTED_OPERATION (SourceArn). */
NODISCARD struct err grant_request_decode(struct call_work *work);
void grant_request_free(struct grant_request **request);

/* What a parent must permit; NULL for other operations. */
const struct auth_grant *grant_request_child(const struct grant_request *request);

/* Whether operations and constraint fit a key of this kind. E_VALIDATION. */
NODISCARD struct err grant_request_check_key(struct call_work *work, const struct kms_key *key);

/* Of two members that name the same in two ways, the one that is there; both or, unless `optional`,
 * neither is E_VALIDATION. */
struct grant_principal_members {
	const char *principal, *service;
	bool optional;
};
NODISCARD struct err grant_request_principal(struct call_work *work,
					     const struct grant_principal_members *members,
					     struct view *out);

#endif
