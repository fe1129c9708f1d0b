/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_filter.h"

#include <stdio.h>

#include "audit/disclosure.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define AGO_MAX 1000000000 /* of a unit */

static const struct {
	char letter;
	int64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

/* --- Times. --- */

static bool parse_ago(struct view text, int64_t now_ms, int64_t *ms)
{
	int64_t number = 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (text.len < 2 || text.ptr[text.len - 1] != (uint8_t)units[i].letter)
			continue;
		struct view digits = view_part(text, 0, text.len - 1);
		if (err_failed(text_parse_integer(digits, 0, AGO_MAX, &number)))
			return false;
		*ms = now_ms - number * units[i].ms;
		return true;
	}
	return false;
}

/* A date alone is its first second. */
static bool parse_date(struct view text, int64_t *ms)
{
	char whole[TIMESTAMP_ISO_TEXT];
	if (!err_failed(timestamp_parse_iso(text, ms)))
		return true;
	return !err_failed(text_format(whole, sizeof whole, "%.*sT00:00:00Z", (int)text.len,
				       (const char *)text.ptr)) &&
	       !err_failed(timestamp_parse_iso(view_of_text(whole), ms));
}

static struct err parse_time(const struct arguments *arguments, const char *option, int64_t now_ms,
			     int64_t *ms)
{
	const char *text = arguments_text(arguments, option);
	if (text == NULL || parse_ago(view_of_text(text), now_ms, ms) ||
	    parse_date(view_of_text(text), ms))
		return OK;
	(void)fprintf(stderr,
		      "holdfast: --%s takes a time such as 2026-11-22, 2026-11-22T08:00:00Z or 2h "
		      "(s, m, h, d ago), not \"%s\"\n",
		      option, text);
	return ERR(E_USAGE);
}

static struct view text_of(const struct arguments *arguments, const char *option)
{
	const char *text = arguments_text(arguments, option);
	return text != NULL ? view_of_text(text) : VIEW_NONE;
}

NODISCARD struct err audit_filter_init(const struct arguments *arguments, int64_t now_ms,
				       struct audit_filter *filter)
{
	*filter = (struct audit_filter){
		.arguments = arguments,
		.key = text_of(arguments, "key"),
		.user = text_of(arguments, "user"),
		.name = text_of(arguments, "event"),
		.source = text_of(arguments, "source"),
		.request_id = text_of(arguments, "request-id"),
		.event_id = text_of(arguments, "event-id"),
		.ok = arguments_flag(arguments, "ok"),
		.error = arguments_flag(arguments, "error"),
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
	};
	if (filter->ok && filter->error) {
		(void)fputs("holdfast: --ok and --error exclude each other\n", stderr);
		return ERR(E_USAGE);
	}
	TRY(parse_time(arguments, "since", now_ms, &filter->since_ms));
	return parse_time(arguments, "until", now_ms, &filter->until_ms);
}

/* --- What the event says. --- */

static bool is_or_any(struct view wanted, struct view value)
{
	return wanted.len == 0 || view_equal(wanted, value);
}

/* arn:aws:sts::111122223333:assumed-role/ROLE/SESSION: by the role, too. */
static bool has_role(struct view arn, struct view role)
{
	static const struct view mark = {(const uint8_t *)":assumed-role/", 14};
	size_t at = view_search(arn, mark);
	struct view rest = view_part(arn, at + mark.len, arn.len);
	return at < arn.len && view_equal(view_cut(&rest, '/'), role);
}

static bool is_by(const struct audit_event *event, struct view user)
{
	return user.len == 0 || view_equal(audit_event_user(event), user) ||
	       view_equal(event->user_name, user) || view_equal(event->principal_arn, user) ||
	       view_equal(event->principal_id, user) || view_equal(event->invoked_by, user) ||
	       view_equal(event->access_key_id, user) || has_role(event->principal_arn, user);
}

static bool has_resource(const struct audit_event *event, struct view key)
{
	struct view arn, bare;
	for (size_t i = 0; i < event->resource_count; i++) {
		audit_resource_names(&event->resources[i], &arn, &bare);
		if (view_equal(arn, key) || view_equal(bare, key))
			return true;
	}
	return false;
}

static bool event_passes(const struct audit_filter *f, const struct audit_event *event)
{
	bool failed = event->error_code.len > 0;
	return event->time_ms >= f->since_ms && event->time_ms <= f->until_ms &&
	       !(f->ok && failed) && !(f->error && !failed) && is_or_any(f->name, event->name) &&
	       is_or_any(f->source, event->source_address) &&
	       is_or_any(f->request_id, event->request_id) && is_or_any(f->event_id, event->id) &&
	       is_by(event, f->user);
}

/* --- What only its request says. --- */

static const char *const key_members[] = {"keyId", "sourceKeyId", "destinationKeyId", "targetKeyId",
					  "aliasName"};
static const char *const context_members[] = {"encryptionContext", "sourceEncryptionContext",
					      "destinationEncryptionContext"};

/* As the caller named it: by an alias, or another account's key that was refused. */
static bool names_key(const struct json *request, struct view key)
{
	for (size_t i = 0; i < ARRAY_LEN(key_members); i++) {
		struct view named = json_string_of(json_member(request, key_members[i]));
		size_t at = named.len > key.len ? named.len - key.len : 0;
		bool ends = at > 0 && (named.ptr[at - 1] == ':' || named.ptr[at - 1] == '/');
		if (view_equal(named, key) ||
		    (ends && view_equal(view_part(named, at, key.len), key)))
			return true;
	}
	return false;
}

static bool has_pair(const struct json *request, struct view pair)
{
	struct view value = pair;
	struct view name = view_cut(&value, '=');
	for (size_t i = 0; i < ARRAY_LEN(context_members); i++) {
		const struct json *context = json_member(request, context_members[i]);
		const struct json *one;
		struct view key;
		for (size_t at = 0; json_next_member(context, &at, &key, &one);)
			if (view_equal(key, name) && view_equal(json_string_of(one), value))
				return true;
	}
	return false;
}

static bool has_pairs(const struct audit_filter *f, const struct json *request)
{
	for (size_t i = 0; i < f->arguments->count; i++) {
		const struct argument_given *given = &f->arguments->given[i];
		if (given->row->option != NULL && text_equal(given->row->option, "context") &&
		    !has_pair(request, view_of_text(given->text)))
			return false;
	}
	return true;
}

NODISCARD struct err audit_filter_passes(const struct audit_filter *f, struct view line,
					 const struct audit_event *event, bool *passes)
{
	bool keyed = f->key.len == 0 || has_resource(event, f->key);
	bool context = arguments_text(f->arguments, "context") != NULL;
	*passes = event_passes(f, event);
	if (!*passes || (keyed && !context))
		return OK;
	if (!keyed && view_search(line, f->key) == line.len) {
		*passes = false;
		return OK;
	}
	CLEANUP(json_free) struct json *record = NULL;
	TRY(json_parse(line, &record));
	const struct json *request = json_member(record, "requestParameters");
	*passes = (keyed || names_key(request, f->key)) && (!context || has_pairs(f, request));
	return OK;
}
