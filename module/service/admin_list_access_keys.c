/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation ListAccessKeys (IAM API; with what GetAccessKeyLastUsed tells). */
#include "service/identity_input.h"
#include "service/identity_reply.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_access_key, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", NULL};

static struct err execute(struct call_work *work)
{
	TRY(identity_told_load(work));
	return identity_told_add_keys(work, work->out.identity);
}

static void encode(struct call_work *work, struct json_out *out)
{
	identity_reply_keys(work->out.identity, out);
}

const struct operation admin_list_access_keys = {
	.name = "ListAccessKeys",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "holdfast:ListAccessKeys"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.encode = encode,
};
