/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: TagResource. */
#include "service/core.h"
#include "service/key_change.h"
#include "service/operation.h"
#include "service/shapes.h"
#include "service/tags.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"Tags", &shape_tags, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "Tags", NULL};

static const struct operation_condition conditions[] = {
	{AUTH_AWS_TAG_KEYS, "Tags", NULL},
	{0, NULL, NULL},
};

static struct err decode(struct call_work *work)
{
	return tags_check(work, "Tags");
}

static struct err execute(struct call_work *work)
{
	return tags_change(work, "Tags", work->service->options.catalog.ops->tags_put);
}

const struct operation op_tag_resource = {
	.name = "TagResource",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:TagResource", .member = "KeyId"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.audit = key_change_audit,
};
