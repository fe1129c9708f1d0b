/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_reply.h"

static void write_text(struct json_out *out, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_out_text(out, name, view_of_text(text));
}

void identity_reply_summary(const struct auth_identity *identity, struct json_out *out)
{
	write_text(out, "Kind", auth_kind_name(identity->kind));
	write_text(out, "Account", identity->account);
	write_text(out, "Name", identity->name);
	write_text(out, "Arn", identity->arn);
	write_text(out, "Id", identity->id);
	json_out_time(out, "CreateDate", identity->created_ms);
}

const char *identity_reply_status(enum auth_access_key_status status)
{
	return status == AUTH_KEY_ACTIVE ? "Active" : "Inactive";
}

static void write_key(const struct identity_told_key *key, struct json_out *out)
{
	json_out_begin_object(out, NULL);
	write_text(out, "AccessKeyId", key->key.principal.access_key_id);
	write_text(out, "Status", identity_reply_status(key->key.status));
	json_out_time(out, "CreateDate", key->key.created_ms);
	if (key->use.time_ms != 0) {
		json_out_time(out, "LastUsedDate", key->use.time_ms);
		write_text(out, "LastUsedService", key->use.service);
	}
	json_out_end_object(out);
}

void identity_reply_keys(const struct identity_told *told, struct json_out *out)
{
	json_out_begin_array(out, "AccessKeys");
	for (size_t i = 0; i < told->key_count; i++)
		write_key(&told->keys[i], out);
	json_out_end_array(out);
}

static void write_pairs(struct json_out *out, const char *const names[3],
			const struct auth_named_text *pairs, size_t count)
{
	if (count == 0)
		return;
	json_out_begin_array(out, names[0]);
	for (size_t i = 0; i < count; i++) {
		json_out_begin_object(out, NULL);
		json_out_text(out, names[1], view_of_text(pairs[i].name));
		json_out_text(out, names[2], view_of_text(pairs[i].text));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void write_names(struct json_out *out, const char *name, char *const *names, size_t count)
{
	if (count == 0)
		return;
	json_out_begin_array(out, name);
	for (size_t i = 0; i < count; i++)
		json_out_text(out, NULL, view_of_text(names[i]));
	json_out_end_array(out);
}

static void write_details(const struct auth_details *details, struct json_out *out)
{
	static const char *const policies[] = {"Policies", "PolicyName", "Document"};
	static const char *const tags[] = {"Tags", "Key", "Value"};
	write_text(out, "Description", details->description);
	write_text(out, "Document", details->document);
	write_text(out, "PermissionsBoundary", details->boundary);
	write_pairs(out, policies, details->policies, details->policy_count);
	write_names(out, "AttachedPolicies", details->attached, details->attached_count);
	write_names(out, "Groups", details->groups, details->group_count);
	write_pairs(out, tags, details->tags, details->tag_count);
	if (details->session_seconds_max != 0)
		json_out_integer(out, "MaxSessionDuration", details->session_seconds_max);
}

void identity_reply_encode(struct call_work *work, struct json_out *out)
{
	const struct identity_told *told = work->out.identity;
	json_out_begin_object(out, "Identity");
	identity_reply_summary(&told->identity, out);
	write_details(&told->details, out);
	write_names(out, "Members", told->members, told->member_count);
	if (told->more_members)
		json_out_bool(out, "MembersTruncated", true);
	if (told->key_count > 0)
		identity_reply_keys(told, out);
	json_out_end_object(out);
}

void identity_reply_audit(struct call_work *work, struct json_out *out)
{
	const struct auth_identity *identity = &work->out.identity->identity;
	json_out_begin_object(out, "identity");
	write_text(out, "kind", auth_kind_name(identity->kind));
	write_text(out, "account", identity->account);
	write_text(out, "name", identity->name);
	write_text(out, "arn", identity->arn);
	write_text(out, "id", identity->id);
	json_out_end_object(out);
}
