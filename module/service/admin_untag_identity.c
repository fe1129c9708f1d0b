/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation UntagIdentity (IAM API: UntagUser and its kin). A tag that is not there is no
 * failure. */
#include "service/identity_change.h"
#include "service/identity_edit.h"
#include "service/identity_input.h"
#include "service/identity_reply.h"
#include "service/input.h"

static const struct schema_member members[] = {
	{"Kind", &shape_kind_tags, true},
	{"Account", &shape_account, false},
	{"Name", &shape_identity_name, true},
	{"TagKeys", &shape_iam_tag_keys, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Kind", "Account", "Name", "TagKeys", NULL};

static bool remove_tag(struct auth_details *details, struct view key)
{
	for (size_t i = 0; i < details->tag_count; i++) {
		if (!view_equal_ignore_case(view_of_text(details->tags[i].name), key))
			continue;
		identity_edit_remove(details->tags, &details->tag_count, i);
		return true;
	}
	return false;
}

static struct err apply(struct call_work *work, struct identity_told *told, bool *changed)
{
	const struct json *list = input_member(work, "TagKeys");
	*changed = false;
	for (size_t i = 0; i < json_count(list); i++)
		*changed |=
			remove_tag(&told->details, identity_input_tag_key(json_element(list, i)));
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

const struct operation admin_untag_identity = {
	.name = "UntagIdentity",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:UntagIdentity"}},
	.audited = audited,
	.decode = identity_input_decode,
	.execute = execute,
	.audit = identity_reply_audit,
};
