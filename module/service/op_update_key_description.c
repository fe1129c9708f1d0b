/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: UpdateKeyDescription. */
#include "base/mem.h"
#include "base/text.h"
#include "service/input.h"
#include "service/key_change.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"Description", &shape_description, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", "Description", NULL};

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	struct view description = input_text(work, "Description");
	*changed = !view_equal_text(description, key->description);
	if (!*changed)
		return OK;
	char *text = NULL;
	TRY(text_new(description, &text));
	mem_free(key->description);
	key->description = text;
	return OK;
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

const struct operation op_update_key_description = {
	.name = "UpdateKeyDescription",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_KEPT,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:UpdateKeyDescription", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.audit = key_change_audit,
};
