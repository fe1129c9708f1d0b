/* SPDX-License-Identifier: Apache-2.0 */
#include "service/group_member.h"

#include "service/identity_input.h"

static const struct schema_member members[] = {
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"Group", &shape_identity_name, true},
	{NULL, NULL, false},
};
const struct schema_shape group_member_input = {.type = SCHEMA_STRUCTURE, .members = members};

const char *const group_member_audited[] = {"Account", "Name", "Group", NULL};

NODISCARD struct err group_member_decode(struct call_work *work)
{
	TRY(identity_input_decode_as(work, AUTH_KIND_USER));
	return identity_input_check_name(work, AUTH_KIND_GROUP, "Group");
}
