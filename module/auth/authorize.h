/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this principal do this? A pure function of values to a verdict and its reason; the reason
 * goes into the audit record and, when denied, to the client in AWS's words.
 *
 * So far one rule: an administrator may do everything in their own account. Everybody else nothing.
 */
#ifndef HOLDFAST_AUTH_AUTHORIZE_H
#define HOLDFAST_AUTH_AUTHORIZE_H

#include "auth/principal.h"
#include "base/view.h"

struct auth_request {
	const struct auth_principal *principal;
	const char *action;           /* kms:Encrypt */
	struct view resource;         /* key ARN, or "*" */
	struct view resource_account; /* 12 digits */
};

#define AUTH_REASON_MAX 1024
struct auth_verdict {
	bool allowed;
	char decided_by[64];           /* "identity:administrator", "default-deny" */
	char message[AUTH_REASON_MAX]; /* denied: "User: ... is not authorized to perform: ..." */
};

void auth_decide(const struct auth_request *request, struct auth_verdict *out);

#endif
