/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation CreateAccessKey (IAM API). The secret is told here, and never again. */
#include "base/text.h"
#include "service/core.h"
#include "service/credentials.h"
#include "service/drawing.h"
#include "service/identity_change.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"

#define SECRET_KEY_BYTES 30 /* 40 characters of Base64 */

static const struct schema_member members[] = {
	{"Kind", &shape_kind_access_key, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", NULL};

/* The secret lies where the pipeline keeps plaintexts: locked, told once, wiped. */
static struct err make_key(struct call_work *work, struct auth_access_key *key)
{
	struct service *service = work->service;
	const struct credentials_options wrapping = {
		.hsm = service->options.hsm,
		.identities = service->options.identities,
		.installation = service->options.installation,
		.token_timeout_ms = service->options.token_timeout_ms,
		.clock = service->options.clock,
	};
	const struct auth_identity *owner = &work->out.identity->identity;
	*key = (struct auth_access_key){.status = AUTH_KEY_ACTIVE, .created_ms = work->time_ms};
	struct auth_principal *principal = &key->principal;
	TRY(text_copy(principal->account, sizeof principal->account, view_of_text(owner->account)));
	TRY(text_copy(principal->id, sizeof principal->id, view_of_text(owner->id)));
	TRY(drawing_id("AKIA", AUTH_ACCESS_KEY_ID_LEN, principal->access_key_id));
	secret_free(&work->op.plaintext_out);
	TRY(drawing_secret(service->options.hsm, service_deadline_ms(service), SECRET_KEY_BYTES,
			   &work->op.plaintext_out));
	return credentials_wrap(&wrapping, work->op.plaintext_out, key);
}

/* As IAM calls it, of whatever kind. */
static struct err refuse_third(struct call_work *work)
{
	return work_refuse(work, ERR(E_IAM_LIMIT), "Cannot exceed quota for AccessKeysPerUser: %d",
			   AUTH_ACCESS_KEYS_MAX);
}

static struct err write(struct call_work *work, const struct auth_change_record *record)
{
	const struct auth_identities *identities = &work->service->options.identities;
	struct err e = identities->access_key_add(identities->self,
						  &work->out.identity->keys[0].key, record);
	return err_is(e, E_KMS_LIMIT) ? refuse_third(work) : e;
}

static struct err attempt(struct call_work *work)
{
	TRY(identity_told_load(work));
	struct identity_told *told = work->out.identity;
	TRY(identity_told_add_keys(work, told));
	if (told->key_count >= AUTH_ACCESS_KEYS_MAX)
		return refuse_third(work);
	told->key_count = 1;
	told->keys[0] = (struct identity_told_key){0};
	TRY(make_key(work, &told->keys[0].key));
	return identity_change_commit(work, write);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct auth_access_key *key = &work->out.identity->keys[0].key;
	json_out_begin_object(out, "AccessKey");
	json_out_text(out, "AccessKeyId", view_of_text(key->principal.access_key_id));
	json_out_text(out, "SecretAccessKey", secret_view(work->op.plaintext_out));
	json_out_text(out, "Status", view_of_text(identity_reply_status(key->status)));
	json_out_time(out, "CreateDate", key->created_ms);
	json_out_end_object(out);
}

static void audit(struct call_work *work, struct json_out *out)
{
	const struct auth_access_key *key = &work->out.identity->keys[0].key;
	json_out_begin_object(out, "accessKey");
	json_out_text(out, "accessKeyId", view_of_text(key->principal.access_key_id));
	json_out_end_object(out);
}

const struct operation admin_create_access_key = {
	.name = "CreateAccessKey",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_SECRET_REPLY,
	.input = &input,
	.keys = {{.action = "holdfast:CreateAccessKey"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.encode = encode,
	.audit = audit,
};
