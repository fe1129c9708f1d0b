/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation DeleteSession: temporary credentials are refused from the next request on. */
#include "service/core.h"
#include "service/credentials.h"
#include "service/identity_input.h"
#include "service/input.h"
#include "service/trail.h"

static const struct schema_member members[] = {
	{"AccessKeyId", &shape_access_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"AccessKeyId", NULL};

static struct err execute(struct call_work *work)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct view id = input_text(work, "AccessKeyId");
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	const struct auth_change_record record = {.event_id = outbox.event_id, .line = outbox.line};
	struct err e = identities->session_remove(identities->self, id, &record);
	work->committed = !err_failed(e);
	/* Failed or not: what a commit took away must not live on in memory. */
	credentials_drop(work->service->credentials);
	if (err_is(e, E_NOT_FOUND))
		return work_refuse(work, ERR(E_IAM_NO_SUCH_ENTITY),
				   "The session with access key id %.*s cannot be found.",
				   (int)id.len, (const char *)id.ptr);
	return e;
}

const struct operation admin_delete_session = {
	.name = "DeleteSession",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:DeleteSession"}},
	.audited = audited,
	.execute = execute,
};
