/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DeleteIdentity (IAM API: DeleteUser and its kin). Its sessions end with it. */
#include "service/core.h"
#include "service/identity_change.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/identity_scan.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", NULL};

static struct err write(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	return identities->remove(identities->self, &work->out.identity->identity, record);
}

static struct err attempt(struct call_work *work)
{
	TRY(identity_told_load(work));
	TRY(identity_scan_conflicts(work, work->out.identity));
	return identity_change_commit(work, write);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_delete_identity = {
	.name = "DeleteIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DeleteIdentity"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
