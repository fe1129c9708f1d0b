/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation UpdateAccessKey (IAM API): an inactive key is refused from the next request on.
 */
#include "service/access_key_change.h"
#include "service/core.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"AccessKeyId", &shape_access_key_id, true},
	{"Status", &shape_access_key_status, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"AccessKeyId", "Status", NULL};

static struct err write(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct auth_access_key *key = &work->out.identity->keys[0].key;
	bool active = view_equal_text(input_text(work, "Status"), "Active");
	key->status = active ? AUTH_KEY_ACTIVE : AUTH_KEY_INACTIVE;
	return identities->access_key_update(identities->self, key, record);
}

static struct err attempt(struct call_work *work)
{
	return access_key_change(work, write);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_update_access_key = {
	.name = "UpdateAccessKey",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:UpdateAccessKey"}},
	.audited = audited,
	.execute = execute,
	.audit = identity_reply_audit,
};
