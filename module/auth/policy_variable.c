/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy variables (IAM User Guide: "IAM policy elements: Variables and tags"), the keys that they
 * and conditions name, and the values that those have in a request.
 */
#include "auth/policy_build.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define MS_PER_S 1000

/* ${*}, ${?}, ${$}: the sign itself. */
static bool is_sign(struct view name)
{
	return name.len == 1 && (name.ptr[0] == '*' || name.ptr[0] == '?' || name.ptr[0] == '$');
}

/* ", 'text'" behind the name; *at moves behind the closing quote. */
static NODISCARD struct err parse_fallback(struct policy_build *build, struct view text, size_t *at,
					   struct view *out)
{
	size_t start = *at;
	while (start < text.len && text.ptr[start] == ' ')
		start++;
	size_t end = start + 1;
	while (end < text.len && text.ptr[end] != '\'')
		end++;
	if (end >= text.len || text.ptr[start] != '\'')
		return policy_refuse(build, text,
				     "has a variable whose default value is not in single quotes");
	*out = view_of(text.ptr + start + 1, end - start - 1);
	*at = end + 1;
	return OK;
}

NODISCARD struct err policy_reference_parse(struct policy_build *build, struct view text,
					    size_t *at, struct policy_reference *out)
{
	size_t start = *at + 2, end = start;
	*out = (struct policy_reference){0};
	while (end < text.len && text.ptr[end] != '}' && text.ptr[end] != ',')
		end++;
	out->name = view_trim(view_part(text, start, end - start));
	if (end < text.len && text.ptr[end] == ',') {
		end++;
		TRY(parse_fallback(build, text, &end, &out->fallback));
	}
	if (end >= text.len || text.ptr[end] != '}')
		return policy_refuse(build, text, "has a variable that is not closed");
	*at = end + 1;
	if (is_sign(out->name) && out->fallback.ptr == NULL)
		out->literal = out->name;
	else if (view_find(out->name, ':') == out->name.len)
		return policy_refuse(build, text, "has a variable that is no condition key");
	return OK;
}

NODISCARD struct err policy_key_find(struct policy_build *build, struct view name,
				     struct policy_key *out)
{
	struct view member;
	*out = (struct policy_key){.kind = POLICY_KEY_UNKNOWN};
	if (auth_condition_find(name, &out->plain)) {
		out->kind = POLICY_KEY_PLAIN;
		if (out->plain == AUTH_KMS_RESOURCE_ALIASES)
			build->policy->needs |= AUTH_NEEDS_RESOURCE_ALIASES;
	} else if (auth_condition_find_family(name, &out->family, &member)) {
		out->kind = POLICY_KEY_MEMBER;
		if (out->family == AUTH_FAMILY_AWS_RESOURCE_TAG)
			build->policy->needs |= AUTH_NEEDS_RESOURCE_TAGS;
		TRY(policy_arena_copy(&build->policy->arena, member, &out->member));
	}
	return OK;
}

static bool next_plain(struct policy_values *walk, struct policy_value *out)
{
	enum auth_condition_key key = walk->key->plain;
	const struct auth_value *value = &walk->context->values[key];
	if (walk->at >= value->count)
		return false;
	out->type = auth_condition_type_of(key);
	out->epoch = key == AUTH_AWS_EPOCH_TIME;
	out->text = value->texts != NULL ? value->texts[walk->at] : VIEW_NONE;
	out->number = value->number;
	walk->at++;
	return true;
}

/* Names that differ only in case are one condition key (facts of KMS: encryption contexts). */
static bool next_member(struct policy_values *walk, struct policy_value *out)
{
	const struct auth_pairs *family = &walk->context->families[walk->key->family];
	while (walk->at < family->count && auth_context_spend(walk->context, 1)) {
		const struct auth_pair *pair = &family->pairs[walk->at++];
		if (!view_equal_ignore_case(pair->name, walk->key->member))
			continue;
		*out = (struct policy_value){.type = AUTH_TYPE_TEXT, .text = pair->value};
		return true;
	}
	return false;
}

bool policy_values_next(struct policy_values *walk, struct policy_value *out)
{
	switch (walk->key->kind) {
	case POLICY_KEY_PLAIN:
		return next_plain(walk, out);
	case POLICY_KEY_MEMBER:
		return next_member(walk, out);
	case POLICY_KEY_UNKNOWN:
		return false;
	}
	return false;
}

static struct view number_text(int64_t number, char room[POLICY_TEXT_ROOM])
{
	if (err_failed(text_format(room, POLICY_TEXT_ROOM, "%lld", (long long)number)))
		return VIEW_NONE;
	return view_of_text(room);
}

struct view policy_value_text(const struct policy_value *value, char room[POLICY_TEXT_ROOM])
{
	switch (value->type) {
	case AUTH_TYPE_NUMBER:
		return number_text(value->number, room);
	case AUTH_TYPE_BOOL:
		return value->number != 0 ? VIEW_LITERAL("true") : VIEW_LITERAL("false");
	case AUTH_TYPE_TIME:
		if (value->epoch)
			return number_text(value->number / MS_PER_S, room);
		timestamp_iso(value->number, false, room);
		return view_of_text(room);
	case AUTH_TYPE_TEXT:
	case AUTH_TYPE_ARN:
	case AUTH_TYPE_IP:
		break;
	}
	return value->text;
}

bool policy_variable_resolve(const struct policy_variable *variable,
			     const struct auth_context *context, char room[POLICY_TEXT_ROOM],
			     struct view *out)
{
	struct policy_values walk = {.context = context, .key = &variable->key};
	struct policy_value first, second;
	if (!policy_values_next(&walk, &first)) {
		*out = variable->fallback;
		return variable->fallback.ptr != NULL;
	}
	*out = policy_value_text(&first, room);
	return !policy_values_next(&walk, &second);
}
