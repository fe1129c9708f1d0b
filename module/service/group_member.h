/* SPDX-License-Identifier: Apache-2.0 */
/* What AddUserToGroup and RemoveUserFromGroup take: a user, and a group of the same account. */
#ifndef HOLDFAST_SERVICE_GROUP_MEMBER_H
#define HOLDFAST_SERVICE_GROUP_MEMBER_H

#include "service/operation.h"

extern const struct schema_shape group_member_input;
extern const char *const group_member_audited[];

/* For `decode`: the user into work->in.identity. E_VALIDATION for a name that is none. */
NODISCARD struct err group_member_decode(struct call_work *work);

#endif
