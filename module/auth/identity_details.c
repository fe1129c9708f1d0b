/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document of an identity: what may change of it, as the store keeps it. One order of members,
 * none for what is empty, lists in order of bytes: the same details are always the same text.
 *
 *   {"Description","Document","PermissionsBoundary","Policies":[{"Name","Document"}],
 *    "Tags":[{"Key","Value"}],"AttachedPolicies":[],"Groups":[],"MaxSessionDuration"}
 *
 * What a policy's text says is not known here: policy.h.
 */
#include "auth/identity.h"
#include "auth/policy.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"

#define DESCRIPTION_MAX 4096  /* bytes; IAM allows 1,000 characters */
#define INLINE_MAX 256        /* policies; their size in all is bounded long before */
#define TAG_KEY_BYTES_MAX 512 /* 128 characters */
#define TAG_VALUE_BYTES_MAX 1024

/* A list of pairs: names of its two members, and bounds. */
struct pairs_form {
	const char *list, *name, *text;
	size_t count_max, name_max, text_max;
	bool text_may_be_empty;
};
static const struct pairs_form policies_form = {.list = "Policies",
						.name = "Name",
						.text = "Document",
						.count_max = INLINE_MAX,
						.name_max = AUTH_NAME_MAX,
						.text_max = AUTH_POLICY_BYTES_MAX};
static const struct pairs_form tags_form = {.list = "Tags",
					    .name = "Key",
					    .text = "Value",
					    .count_max = AUTH_TAGS_MAX,
					    .name_max = TAG_KEY_BYTES_MAX,
					    .text_max = TAG_VALUE_BYTES_MAX,
					    .text_may_be_empty = true};

struct names_form {
	const char *list;
	size_t count_max, name_max;
};
static const struct names_form attached_form = {"AttachedPolicies", AUTH_ATTACHED_MAX,
						AUTH_ARN_MAX};
static const struct names_form groups_form = {"Groups", AUTH_GROUPS_MAX, AUTH_NAME_MAX};

static const char *const known[] = {
	"Description",      "Document", "PermissionsBoundary", "Policies", "Tags",
	"AttachedPolicies", "Groups",   "MaxSessionDuration"};

/* --- memory --- */

static void pairs_free(struct auth_named_text **pairs, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		mem_free((*pairs)[i].name);
		mem_free((*pairs)[i].text);
	}
	mem_free(TAKE(*pairs));
	*count = 0;
}

static void names_free(char ***names, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		mem_free((*names)[i]);
	mem_free(TAKE(*names));
	*count = 0;
}

void auth_details_cleanup(struct auth_details *details)
{
	mem_free(TAKE(details->description));
	mem_free(TAKE(details->document));
	mem_free(TAKE(details->boundary));
	pairs_free(&details->policies, &details->policy_count);
	pairs_free(&details->tags, &details->tag_count);
	names_free(&details->attached, &details->attached_count);
	names_free(&details->groups, &details->group_count);
}

/* --- rules, the same for what is read and for what is written --- */

static struct err check_text(const char *text, size_t max, bool may_be_empty)
{
	REQUIRE(text != NULL, E_FORMAT);
	size_t length = view_of_text(text).len;
	REQUIRE(length <= max, E_BOUNDS);
	REQUIRE(length > 0 || may_be_empty, E_FORMAT);
	return OK;
}

static bool ascends(const char *before, const char *after)
{
	return view_compare(view_of_text(before), view_of_text(after)) < 0;
}

static struct err check_pairs(const struct pairs_form *form, const struct auth_named_text *pairs,
			      size_t count)
{
	REQUIRE(count <= form->count_max, E_BOUNDS);
	for (size_t i = 0; i < count; i++) {
		TRY(check_text(pairs[i].name, form->name_max, false));
		TRY(check_text(pairs[i].text, form->text_max, form->text_may_be_empty));
		REQUIRE(i == 0 || ascends(pairs[i - 1].name, pairs[i].name), E_FORMAT);
	}
	return OK;
}

static struct err check_names(const struct names_form *form, char *const *names, size_t count)
{
	REQUIRE(count <= form->count_max, E_BOUNDS);
	for (size_t i = 0; i < count; i++) {
		TRY(check_text(names[i], form->name_max, false));
		REQUIRE(i == 0 || ascends(names[i - 1], names[i]), E_FORMAT);
	}
	return OK;
}

static struct err check(const struct auth_details *details)
{
	uint32_t seconds = details->session_seconds_max;
	TRY(check_text(details->description, DESCRIPTION_MAX, true));
	if (details->document != NULL)
		TRY(check_text(details->document, AUTH_POLICY_BYTES_MAX, false));
	if (details->boundary != NULL)
		TRY(check_text(details->boundary, AUTH_ARN_MAX, false));
	TRY(check_pairs(&policies_form, details->policies, details->policy_count));
	TRY(check_pairs(&tags_form, details->tags, details->tag_count));
	TRY(check_names(&attached_form, details->attached, details->attached_count));
	TRY(check_names(&groups_form, details->groups, details->group_count));
	REQUIRE(seconds == 0 || (seconds >= AUTH_SESSION_SECONDS_MIN &&
				 seconds <= AUTH_SESSION_SECONDS_MAX),
		E_BOUNDS);
	return OK;
}

/* --- in --- */

static struct err read_text(const struct json *object, const char *name, char **out)
{
	const struct json *value = json_member(object, name);
	REQUIRE(json_type_of(value) == JSON_TYPE_STRING, E_FORMAT);
	return text_new(json_string_of(value), out);
}

static struct err read_optional(const struct json *object, const char *name, char **out)
{
	return json_member(object, name) != NULL ? read_text(object, name, out) : OK;
}

/* The list, and how many it has; an absent one has none. */
static struct err find_list(const struct json *object, const char *name, size_t max,
			    const struct json **list, size_t *count)
{
	*list = json_member(object, name);
	*count = 0;
	if (*list == NULL)
		return OK;
	REQUIRE(json_type_of(*list) == JSON_TYPE_ARRAY, E_FORMAT);
	REQUIRE(json_count(*list) <= max, E_BOUNDS);
	*count = json_count(*list);
	return OK;
}

/* *count grows with what is owned already, so that a failure leaves nothing behind. */
static struct err read_pairs(const struct json *object, const struct pairs_form *form,
			     struct auth_named_text **out, size_t *count)
{
	const struct json *list;
	size_t wanted;
	TRY(find_list(object, form->list, form->count_max, &list, &wanted));
	if (wanted == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(wanted, out));
	for (size_t i = 0; i < wanted; i++) {
		const struct json *pair = json_element(list, i);
		REQUIRE(json_type_of(pair) == JSON_TYPE_OBJECT && json_count(pair) == 2, E_FORMAT);
		(*count)++;
		TRY(read_text(pair, form->name, &(*out)[i].name));
		TRY(read_text(pair, form->text, &(*out)[i].text));
	}
	return OK;
}

static struct err read_names(const struct json *object, const struct names_form *form, char ***out,
			     size_t *count)
{
	const struct json *list;
	size_t wanted;
	TRY(find_list(object, form->list, form->count_max, &list, &wanted));
	if (wanted == 0)
		return OK;
	TRY(MEM_NEW_ARRAY(wanted, out));
	for (size_t i = 0; i < wanted; i++) {
		const struct json *name = json_element(list, i);
		REQUIRE(json_type_of(name) == JSON_TYPE_STRING, E_FORMAT);
		TRY(text_new(json_string_of(name), &(*out)[i]));
		(*count)++;
	}
	return OK;
}

static struct err read_seconds(const struct json *object, uint32_t *out)
{
	const struct json *value = json_member(object, "MaxSessionDuration");
	if (value == NULL)
		return OK;
	REQUIRE(json_type_of(value) == JSON_TYPE_INTEGER, E_FORMAT);
	int64_t seconds = json_integer_of(value);
	REQUIRE(seconds >= AUTH_SESSION_SECONDS_MIN && seconds <= AUTH_SESSION_SECONDS_MAX,
		E_BOUNDS);
	*out = (uint32_t)seconds;
	return OK;
}

static bool is_known(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (view_equal_text(name, known[i]))
			return true;
	return false;
}

/* Something that a later version wrote and this one would lose. */
static struct err check_members(const struct json *object)
{
	struct view name;
	const struct json *value;
	REQUIRE(json_type_of(object) == JSON_TYPE_OBJECT, E_FORMAT);
	for (size_t at = 0; json_next_member(object, &at, &name, &value);)
		REQUIRE(is_known(name), E_FORMAT);
	return OK;
}

static struct err read_details(const struct json *object, struct auth_details *out)
{
	TRY(check_members(object));
	TRY(read_optional(object, "Description", &out->description));
	if (out->description == NULL)
		TRY(text_new(VIEW_LITERAL(""), &out->description));
	TRY(read_optional(object, "Document", &out->document));
	TRY(read_optional(object, "PermissionsBoundary", &out->boundary));
	TRY(read_pairs(object, &policies_form, &out->policies, &out->policy_count));
	TRY(read_pairs(object, &tags_form, &out->tags, &out->tag_count));
	TRY(read_names(object, &attached_form, &out->attached, &out->attached_count));
	TRY(read_names(object, &groups_form, &out->groups, &out->group_count));
	TRY(read_seconds(object, &out->session_seconds_max));
	return check(out);
}

NODISCARD struct err auth_details_parse(struct view document, struct auth_details *out)
{
	CLEANUP(json_free) struct json *parsed = NULL;
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	REQUIRE(document.len <= AUTH_DETAILS_MAX, E_BOUNDS);
	struct err e = json_parse(document, &parsed);
	REQUIRE(!err_is(e, E_UTF8) && !err_is(e, E_DUPLICATE), E_FORMAT);
	TRY(e);
	TRY(read_details(parsed, &details));
	*out = details;
	details = (struct auth_details){0};
	return OK;
}

/* --- out --- */

static void write_text(struct json_out *out, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_out_text(out, name, view_of_text(text));
}

static void write_pairs(struct json_out *out, const struct pairs_form *form,
			const struct auth_named_text *pairs, size_t count)
{
	if (count == 0)
		return;
	json_out_begin_array(out, form->list);
	for (size_t i = 0; i < count; i++) {
		json_out_begin_object(out, NULL);
		json_out_text(out, form->name, view_of_text(pairs[i].name));
		json_out_text(out, form->text, view_of_text(pairs[i].text));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void write_names(struct json_out *out, const struct names_form *form, char *const *names,
			size_t count)
{
	if (count == 0)
		return;
	json_out_begin_array(out, form->list);
	for (size_t i = 0; i < count; i++)
		json_out_text(out, NULL, view_of_text(names[i]));
	json_out_end_array(out);
}

NODISCARD struct err auth_details_write(const struct auth_details *details, char **out)
{
	CLEANUP(buf_cleanup) struct buf text;
	struct writer w;
	struct json_out json;
	buf_init(&text, AUTH_DETAILS_MAX);
	TRY(check(details));
	writer_init_buf(&w, &text);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	write_text(&json, "Description", details->description);
	write_text(&json, "Document", details->document);
	write_text(&json, "PermissionsBoundary", details->boundary);
	write_pairs(&json, &policies_form, details->policies, details->policy_count);
	write_pairs(&json, &tags_form, details->tags, details->tag_count);
	write_names(&json, &attached_form, details->attached, details->attached_count);
	write_names(&json, &groups_form, details->groups, details->group_count);
	if (details->session_seconds_max != 0)
		json_out_integer(&json, "MaxSessionDuration", details->session_seconds_max);
	json_out_end_object(&json);
	TRY(writer_end(&w));
	TRY(json_out_end(&json));
	return text_new(buf_view(&text), out);
}
