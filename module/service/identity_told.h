/* SPDX-License-Identifier: Apache-2.0 */
/* An identity with its document taken apart, and what else is told of it. How it is written:
 * identity_reply.h. */
#ifndef HOLDFAST_SERVICE_IDENTITY_TOLD_H
#define HOLDFAST_SERVICE_IDENTITY_TOLD_H

#include "auth/identities.h"
#include "service/work.h"

#define IDENTITY_MEMBERS_MAX 2000 /* of a group that are told */

struct identity_told_key {
	struct auth_access_key key;
	struct auth_key_use use; /* time_ms 0: never used */
};

struct identity_told {
	struct auth_identity identity;
	struct auth_details details;
	char **members; /* of a group: names of its users, in order */
	size_t member_count;
	bool more_members; /* than are told */
	struct identity_told_key keys[AUTH_ACCESS_KEYS_MAX];
	size_t key_count;
};
void identity_told_free(struct identity_told **told);

/* The identity that the call is about, into work->out.identity (in place of an earlier one).
 * E_IAM_NO_SUCH_ENTITY with its text; what the store answers. Blocks. */
NODISCARD struct err identity_told_load(struct call_work *work);

/* Whether there is such an identity, which is not told of: the same. */
NODISCARD struct err identity_told_check(struct call_work *work, const struct work_identity *which);

/* Access keys, with their last use. Blocks. */
NODISCARD struct err identity_told_add_keys(struct call_work *work, struct identity_told *told);

/* Members of a group. Blocks. */
NODISCARD struct err identity_told_add_members(struct call_work *work, struct identity_told *told);

#endif
