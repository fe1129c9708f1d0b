/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: UpdateAlias. */
#include "service/alias_change.h"
#include "service/core.h"
#include "service/keyring.h"
#include "service/resolve.h"
#include "service/shapes.h"

enum { CURRENT, TARGET };

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

static struct err check_kind(struct call_work *work)
{
	const struct kms_key *current = &keyring_key(work->keys[CURRENT])->key;
	const struct kms_key *target = &keyring_key(work->keys[TARGET])->key;
	if (kms_alias_may_move(current, target))
		return OK;
	char arn[KMS_ALIAS_ARN_TEXT];
	kms_alias_arn_format(&work->alias->scope, view_of_text(work->alias->name), arn);
	return work_refuse(
		work, ERR(E_VALIDATION),
		"Alias %s cannot be updated: the current KMS key (%s, %s) and the new KMS "
		"key (%s, %s) must be the same type and have the same key usage.",
		arn, kms_spec_name(current->spec), kms_usage_name(current->usage),
		kms_spec_name(target->spec), kms_usage_name(target->usage));
}

static struct err commit(struct call_work *work, const struct kms_outbox_record *outbox)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	const struct kms_key *target = &keyring_key(work->keys[TARGET])->key;
	TRY(check_kind(work));
	struct kms_alias alias = *work->alias;
	alias.key_id = target->id;
	alias.updated_ms = work->time_ms;
	alias.revision++;
	struct err e = catalog->ops->alias_update(catalog->self, &alias, outbox);
	if (err_is(e, E_KMS_LIMIT))
		return alias_change_refuse_full(work);
	return err_is(e, E_NOT_FOUND) ? resolve_refuse_missing(work, &target->id) : e;
}

static struct err execute(struct call_work *work)
{
	return alias_change(work, commit);
}

/* The key that the alias leaves may be in any state. */
const struct operation op_update_alias = {
	.name = "UpdateAlias",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {[CURRENT] = {.action = "kms:UpdateAlias", .alias = "AliasName", .any_state = true},
		 [TARGET] = {.action = "kms:UpdateAlias", .member = "TargetKeyId"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
};
