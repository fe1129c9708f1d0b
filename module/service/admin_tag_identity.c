/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation TagIdentity (IAM API: TagUser and its kin). Keys that differ in case alone are
 * the same: the new one replaces the old. */
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_tags, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"Tags", &shape_iam_tags, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "Tags", NULL};

static struct err decode(struct call_work *work)
{
	TRY(identity_input_decode(work));
	return identity_input_check_tags(work, "Tags");
}

static void remove_like(struct auth_details *details, struct view key)
{
	for (size_t i = 0; i < details->tag_count; i++) {
		if (!view_equal_ignore_case(view_of_text(details->tags[i].name), key))
			continue;
		identity_edit_remove(details->tags, &details->tag_count, i);
		return;
	}
}

static struct err apply(struct call_work *work, struct identity_told *told, bool *changed)
{
	struct auth_details *details = &told->details;
	const struct json *list = input_member(work, "Tags");
	for (size_t i = 0; i < json_count(list); i++) {
		struct view key = identity_input_tag_key(json_element(list, i));
		remove_like(details, key);
		TRY(identity_edit_put(&details->tags, &details->tag_count, key,
				      identity_input_tag_value(json_element(list, i))));
	}
	if (details->tag_count > AUTH_TAGS_MAX)
		return work_refuse(work, ERR(E_IAM_LIMIT),
				   "The number of tags has reached the maximum limit.");
	*changed = json_count(list) > 0;
	return OK;
}

static struct err attempt(struct call_work *work)
{
	return identity_change_edit(work, apply);
}

static struct err execute(struct call_work *work)
{
	return identity_change(work, attempt);
}

const struct operation admin_tag_identity = {
	.name = "TagIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:TagIdentity"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
