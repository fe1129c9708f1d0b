/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: UntagResource. A key that no tag has is no error. */
#include "service/core.h"
#include "service/key_change.h"
#include "service/operation.h"
#include "service/shapes.h"
#include "service/tags.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"TagKeys", &shape_tag_keys, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "TagKeys", NULL};

static const struct operation_condition conditions[] = {
	{AUTH_AWS_TAG_KEYS, "TagKeys", NULL},
	{0, NULL, NULL},
};

static struct err decode(struct call_work *work)
{
	return tags_check(work, "TagKeys");
}

static struct err execute(struct call_work *work)
{
	return tags_change(work, "TagKeys", work->service->options.catalog.ops->tags_remove);
}

const struct operation op_untag_resource = {
	.name = "UntagResource",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED | OPERATION_INVALID_ARN,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:UntagResource", .member = "KeyId"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.audit = key_change_audit,
};
