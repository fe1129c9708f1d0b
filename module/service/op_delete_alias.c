/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: DeleteAlias. */
#include "service/alias_change.h"
#include "service/core.h"

static const struct schema_member members[] = {
	{"AliasName", &shape_alias_name, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"AliasName", NULL};

static struct err commit(struct call_work *work, const struct kms_outbox_record *outbox)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	return catalog->ops->alias_delete(catalog->self, work->alias, outbox);
}

static struct err execute(struct call_work *work)
{
	return alias_change(work, commit);
}

const struct operation op_delete_alias = {
	.name = "DeleteAlias",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:DeleteAlias", .alias = "AliasName"}},
	.audited = audited,
	.decode = alias_change_check_name,
	.execute = execute,
};
