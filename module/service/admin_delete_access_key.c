/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DeleteAccessKey (IAM API): it is refused from the next request on. */
#include "service/access_key_change.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"AccessKeyId", &shape_access_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"AccessKeyId", NULL};

static struct err write(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	return identities->access_key_remove(identities->self, input_text(work, "AccessKeyId"),
					     record);
}

static struct err attempt(struct call_work *work)
{
	return access_key_change(work, write);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_delete_access_key = {
	.name = "DeleteAccessKey",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DeleteAccessKey"}},
	.audited = audited,
	.execute = execute,
	.audit = identity_reply_audit,
};
