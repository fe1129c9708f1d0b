/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation GetIdentity: one identity with all that is said of it. */
#include "service/core.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", NULL};

static struct err execute(struct call_work *work)
{
	TRY(identity_told_load(work));
	struct identity_told *told = work->out.identity;
	TRY(identity_told_add_keys(work, told));
	if (told->identity.kind == AUTH_KIND_GROUP)
		TRY(identity_told_add_members(work, told));
	return OK;
}

const struct operation admin_get_identity = {
	.name = "GetIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:GetIdentity"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.encode = identity_reply_encode,
};
