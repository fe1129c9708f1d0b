/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/disclosure.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "crypto/digest.h"

#define ADMIN_SOURCE "holdfast.admin"
#define UUID_BYTES 16

/* --- Who. --- */

static bool is_account(struct view text)
{
	return text.len == 12 && ascii_consists_of(text, ASCII_DIGIT, VIEW_NONE);
}

/* Both protocols' names of a denial. */
static bool is_denied(const struct audit_event *event)
{
	return view_starts_with(event->error_code, VIEW_LITERAL("AccessDenied"));
}

static void add(struct audit_copy *copies, size_t *count, struct view account)
{
	if (!is_account(account))
		return;
	for (size_t i = 0; i < *count; i++)
		if (view_equal(copies[i].account, account))
			return;
	copies[*count] = (struct audit_copy){.account = account, .caller = *count == 0};
	(*count)++;
}

/*
 * What an operator does concerns the account whose key or identity it is about, and is none of the
 * installation's own account as such.
 */
static size_t list_accounts(const struct audit_event *event, struct audit_copy *copies)
{
	size_t count = 0;
	bool admin = view_equal_text(event->source, ADMIN_SOURCE);
	if (!admin)
		add(copies, &count, event->recipient);
	if (!admin && is_denied(event))
		return count;
	for (size_t i = 0; i < event->resource_count; i++)
		add(copies, &count, event->resources[i].account);
	return count;
}

/* The same at any time, wherever it is derived: a UUID made from a digest (RFC 9562, 5.8). */
static struct err derive_id(const char *purpose, const struct audit_event *event,
			    struct view account, char out[AUDIT_EVENT_ID_LEN + 1])
{
	uint8_t digest[SHA256_LEN];
	const struct view parts[] = {view_of_text(purpose), event->id, account};
	TRY(digest_sha256(parts, ARRAY_LEN(parts), digest));
	digest[6] = (uint8_t)((digest[6] & 0x0f) | 0x80);
	digest[8] = (uint8_t)((digest[8] & 0x3f) | 0x80);
	struct writer w;
	writer_init(&w, out, AUDIT_EVENT_ID_LEN + 1);
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			writer_u8(&w, '-');
		writer_format(&w, "%02x", digest[i]);
	}
	return writer_end_text(&w);
}

static struct err name_copy(const struct audit_event *event, struct audit_copy *copy)
{
	return copy->caller
		       ? text_copy(copy->event_id, sizeof copy->event_id, event->id)
		       : derive_id("holdfast event copy ", event, copy->account, copy->event_id);
}

NODISCARD struct err audit_copies(const struct audit_event *event,
				  struct audit_copy out[AUDIT_COPIES_MAX], size_t *count)
{
	*count = list_accounts(event, out);
	for (size_t i = 0; i < *count; i++) {
		out[i].shared = *count > 1;
		TRY(name_copy(event, &out[i]));
	}
	return OK;
}

NODISCARD struct err audit_copy_of(const struct audit_event *event, struct view account,
				   struct audit_copy *out, bool *found)
{
	struct audit_copy copies[AUDIT_COPIES_MAX];
	size_t count = list_accounts(event, copies);
	*found = false;
	for (size_t i = 0; i < count && !*found; i++) {
		if (!view_equal(copies[i].account, account))
			continue;
		*out = copies[i];
		out->shared = count > 1;
		*found = true;
	}
	return *found ? name_copy(event, out) : OK;
}

/* --- By what it is found. --- */

struct view audit_copy_user(const struct audit_event *event, const struct audit_copy *copy)
{
	bool service = view_equal_text(event->identity_type, "AWSService");
	return copy->caller || service ? audit_event_user(event) : VIEW_NONE;
}

/* Whose it is; to a caller also what it used. That what it was refused is there at all is not for
 * it to know: a record without resources looks as one of a key that does not exist. */
static bool sees(const struct audit_event *event, const struct audit_copy *copy,
		 struct view account)
{
	return view_equal(account, copy->account) || (copy->caller && !is_denied(event));
}

bool audit_copy_sees(const struct audit_event *event, const struct audit_copy *copy,
		     const struct audit_event_resource *resource)
{
	return sees(event, copy, resource->account);
}

void audit_resource_names(const struct audit_event_resource *resource, struct view *arn,
			  struct view *bare)
{
	struct view rest = *arn = resource->arn;
	for (int i = 0; i < 5; i++)
		(void)view_cut(&rest, ':');
	*bare = VIEW_NONE;
	if (view_starts_with(rest, VIEW_LITERAL("alias/")))
		*bare = rest;
	else if (view_starts_with(rest, VIEW_LITERAL("key/")))
		*bare = view_part(rest, 4, rest.len);
}

struct visit {
	audit_value_visitor *visit;
	void *user;
};

static void tell(const struct visit *v, enum audit_attribute attribute, struct view value)
{
	if (value.len > 0)
		v->visit(v->user, attribute, value);
}

static void visit_resource(const struct visit *v, const struct audit_event_resource *resource)
{
	struct view arn, bare;
	audit_resource_names(resource, &arn, &bare);
	tell(v, AUDIT_RESOURCE_TYPE, resource->type);
	tell(v, AUDIT_RESOURCE_NAME, arn);
	tell(v, AUDIT_RESOURCE_NAME, bare);
}

void audit_copy_visit(const struct audit_event *event, const struct audit_copy *copy,
		      audit_value_visitor *visit, void *user)
{
	const struct visit v = {visit, user};
	visit(user, AUDIT_ANY, VIEW_NONE);
	tell(&v, AUDIT_EVENT_ID, view_of_text(copy->event_id));
	tell(&v, AUDIT_EVENT_NAME, event->name);
	tell(&v, AUDIT_READ_ONLY, view_of_text(event->read_only ? "true" : "false"));
	tell(&v, AUDIT_USERNAME, audit_copy_user(event, copy));
	tell(&v, AUDIT_EVENT_SOURCE, event->source);
	tell(&v, AUDIT_ACCESS_KEY_ID, copy->caller ? event->access_key_id : VIEW_NONE);
	for (size_t i = 0; i < event->resource_count; i++)
		if (sees(event, copy, event->resources[i].account))
			visit_resource(&v, &event->resources[i]);
}

struct wanted {
	enum audit_attribute attribute;
	struct view value;
	bool found;
};

static void compare(void *user, enum audit_attribute attribute, struct view value)
{
	struct wanted *wanted = user;
	wanted->found = wanted->found ||
			(attribute == wanted->attribute && view_equal(value, wanted->value));
}

bool audit_copy_matches(const struct audit_event *event, const struct audit_copy *copy,
			enum audit_attribute attribute, struct view value)
{
	struct wanted wanted = {.attribute = attribute, .value = value};
	audit_copy_visit(event, copy, compare, &wanted);
	return wanted.found;
}

/* --- What of it. --- */

struct showing {
	const struct audit_event *event;
	const struct audit_copy *copy;
	struct json_out *out;
	bool foreign;     /* accounts besides the caller's have a part in it */
	bool first, last; /* the account has the first key of the call, and the last */
};

static void put_shared_id(const struct showing *s)
{
	char id[AUDIT_EVENT_ID_LEN + 1];
	if (!s->copy->shared)
		return;
	struct err e = derive_id("holdfast shared event ", s->event, VIEW_NONE, id);
	if (err_failed(e))
		writer_fail(s->out->w, e);
	json_out_text(s->out, "sharedEventID", view_of_text(id));
}

/* CloudTrail userIdentity element: AWSAccount, "the request was made by another account". Names of
 * its users, roles and access keys stay its own; a service is nobody's. */
static void put_identity(const struct showing *s, const struct json *value)
{
	if (s->copy->caller || view_equal_text(s->event->identity_type, "AWSService")) {
		json_out_value(s->out, "userIdentity", value);
		return;
	}
	json_out_begin_object(s->out, "userIdentity");
	json_out_text(s->out, "type", VIEW_LITERAL("AWSAccount"));
	json_out_text(s->out, "principalId", s->event->principal_id);
	json_out_text(s->out, "accountId", s->event->account);
	if (s->event->invoked_by.len > 0)
		json_out_text(s->out, "invokedBy", s->event->invoked_by);
	json_out_end_object(s->out);
}

static bool sees_any(const struct showing *s)
{
	for (size_t i = 0; i < s->event->resource_count; i++)
		if (sees(s->event, s->copy, s->event->resources[i].account))
			return true;
	return false;
}

static void put_resources(const struct showing *s, const struct json *value)
{
	if (!sees_any(s))
		return;
	json_out_begin_array(s->out, "resources");
	for (size_t i = 0; i < json_count(value); i++) {
		const struct json *one = json_element(value, i);
		struct view account = json_string_of(json_member(one, "accountId"));
		if (sees(s->event, s->copy, account))
			json_out_value(s->out, NULL, one);
	}
	json_out_end_array(s->out);
}

/* ReEncrypt: what is said of a key is for those whose key it is. */
static bool is_of_other_key(const struct showing *s, struct view name)
{
	return (!s->first && view_starts_with(name, VIEW_LITERAL("source"))) ||
	       (!s->last && view_starts_with(name, VIEW_LITERAL("destination")));
}

static void put_parameters(const struct showing *s, const char *as, const struct json *value)
{
	const struct json *one;
	struct view name;
	char text[64];
	if (s->copy->caller || json_type_of(value) != JSON_TYPE_OBJECT) {
		json_out_value(s->out, as, value);
		return;
	}
	json_out_begin_object(s->out, as);
	for (size_t at = 0; json_next_member(value, &at, &name, &one);)
		if (!is_of_other_key(s, name) && !err_failed(text_copy(text, sizeof text, name)))
			json_out_value(s->out, text, one);
	json_out_end_object(s->out);
}

/* The refusal of a key that is not there looks as that of another account's. */
static bool hides_decision(const struct showing *s, struct view text)
{
	return is_denied(s->event) &&
	       (s->foreign || view_starts_with(text, VIEW_LITERAL("default-deny: not there")));
}

/*
 * "key-policy:2 + identity:1": the key's side, then the caller's. Where two accounts have a part in
 * a call, each learns of its own side alone, and of a refusal nothing.
 */
static void put_decision(const struct showing *s, struct view text)
{
	static const struct view joint = {(const uint8_t *)" + ", 3};
	size_t at = view_search(text, joint);
	if (hides_decision(s, text))
		return;
	if (s->foreign && s->copy->caller)
		text = view_part(text, at + joint.len, text.len);
	else if (s->foreign)
		text = s->last ? view_part(text, 0, at) : VIEW_NONE;
	if (text.len > 0)
		json_out_text(s->out, "decidedBy", text);
}

/* The certificate is the caller's, versions are the key's. */
static bool is_for_caller(struct view name)
{
	return view_starts_with(name, VIEW_LITERAL("clientCertificate"));
}

static bool may_tell(const struct showing *s, struct view name)
{
	if (s->copy->caller)
		return true;
	if (is_for_caller(name) || is_of_other_key(s, name))
		return false;
	return s->first || !view_equal_text(name, "keyVersion");
}

static void put_additional(const struct showing *s, const struct json *value)
{
	const struct json *one;
	struct view name;
	char text[64];
	struct view decision = json_string_of(json_member(value, "decidedBy"));
	if (json_count(value) == 1 && decision.len > 0 && hides_decision(s, decision))
		return; /* nothing would be left */
	json_out_begin_object(s->out, "additionalEventData");
	for (size_t at = 0; json_next_member(value, &at, &name, &one);) {
		if (view_equal_text(name, "decidedBy"))
			put_decision(s, json_string_of(one));
		else if (may_tell(s, name) && !err_failed(text_copy(text, sizeof text, name)))
			json_out_value(s->out, text, one);
	}
	json_out_end_object(s->out);
}

static void put_member(const struct showing *s, const char *name, const struct json *value)
{
	if (text_equal(name, "chain"))
		return;
	if (text_equal(name, "userIdentity"))
		put_identity(s, value);
	else if (text_equal(name, "resources"))
		put_resources(s, value);
	else if (text_equal(name, "requestParameters") || text_equal(name, "responseElements"))
		put_parameters(s, name, value);
	else if (text_equal(name, "additionalEventData"))
		put_additional(s, value);
	else if (text_equal(name, "eventID"))
		json_out_text(s->out, name, view_of_text(s->copy->event_id));
	else if (text_equal(name, "recipientAccountId"))
		json_out_text(s->out, name, s->copy->account);
	else
		json_out_value(s->out, name, value);
}

static bool is_of(const struct audit_event *event, size_t at, const struct audit_copy *copy)
{
	return at < event->resource_count &&
	       view_equal(event->resources[at].account, copy->account);
}

static struct showing begin(const struct audit_event *event, const struct audit_copy *copy,
			    struct json_out *out)
{
	struct showing s = {.event = event, .copy = copy, .out = out};
	for (size_t i = 0; i < event->resource_count; i++)
		s.foreign = s.foreign || !view_equal(event->resources[i].account, event->recipient);
	s.first = is_of(event, 0, copy);
	s.last = event->resource_count > 0 && is_of(event, event->resource_count - 1, copy);
	return s;
}

NODISCARD struct err audit_copy_write(struct view line, const struct audit_event *event,
				      const struct audit_copy *copy, struct writer *w)
{
	CLEANUP(json_free) struct json *record = NULL;
	const struct json *value;
	struct json_out out;
	struct view name;
	char text[64];
	TRY(json_parse(line, &record));
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	const struct showing s = begin(event, copy, &out);
	for (size_t at = 0; json_next_member(record, &at, &name, &value);)
		if (!err_failed(text_copy(text, sizeof text, name)))
			put_member(&s, text, value);
	put_shared_id(&s);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(w);
}
