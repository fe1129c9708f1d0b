/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a grant permits an operation (KMS API: CreateGrant, GrantConstraints). Pure. */
#ifndef HOLDFAST_AUTH_GRANT_H
#define HOLDFAST_AUTH_GRANT_H

#include "auth/context.h"

enum auth_grant_constraint { AUTH_GRANT_ANY_CONTEXT = 0, AUTH_GRANT_SUBSET, AUTH_GRANT_EQUALS };

/* A grant of the key in question whose grantee is the one who asks, or that one's account. */
struct auth_grant {
	struct view id;
	uint32_t operations; /* bits, as the caller counts them */
	enum auth_grant_constraint constraint;
	struct auth_pairs pairs; /* of the constraint, in ascending order of names */
	bool to_account;         /* the grantee is the account: identity policies must allow, too */
	bool to_role;            /* the grantee is the session's role */
};

/*
 * Constraints hold for operations that take an encryption context alone (KMS Developer Guide:
 * "Using grant constraints"); `takes_context` says whether this one does. `context` in ascending
 * order of names; case counts.
 */
bool auth_grant_permits(const struct auth_grant *grant, uint32_t operation, bool takes_context,
			const struct auth_pairs *context);

/* Whether everything that `child` permits is permitted by `parent` (grant on grant): its operations
 * a subset, its constraint at least as strict. */
bool auth_grant_narrows(const struct auth_grant *parent, const struct auth_grant *child);

#endif
