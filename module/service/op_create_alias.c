/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: CreateAlias. */
#include "base/text.h"
#include "service/alias_change.h"
#include "service/core.h"
#include "service/input.h"
#include "service/keyring.h"
#include "service/resolve.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"AliasName", &shape_alias_name, true},
	{"TargetKeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"AliasName", "TargetKeyId", NULL};

static struct err decode(struct call_work *work)
{
	TRY(alias_change_check_name(work));
	return alias_change_check_target(work);
}

static struct err refuse_taken(struct call_work *work, const struct kms_alias *alias)
{
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(&alias->scope, view_of_text(alias->name), arn);
	return work_refuse(work, ERR(E_KMS_EXISTS), "An alias with the name %s already exists",
			   arn);
}

static struct err commit(struct call_work *work, const struct kms_outbox_record *outbox)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	struct kms_alias alias = {.scope = key->scope,
				  .key_id = key->id,
				  .created_ms = work->time_ms,
				  .updated_ms = work->time_ms,
				  .revision = 1};
	TRY(text_copy(alias.name, sizeof alias.name, input_text(work, "AliasName")));
	TRY(kms_alias_check(&alias));
	struct err e = catalog->ops->alias_create(catalog->self, &alias, outbox);
	if (err_is(e, E_EXISTS))
		return refuse_taken(work, &alias);
	if (err_is(e, E_KMS_LIMIT))
		return alias_change_refuse_full(work);
	return err_is(e, E_NOT_FOUND) ? resolve_refuse_missing(work, &key->id) : e;
}

static struct err execute(struct call_work *work)
{
	return alias_change(work, commit);
}

const struct operation op_create_alias = {
	.name = "CreateAlias",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:CreateAlias", .member = "TargetKeyId", .alias = "AliasName"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
};
