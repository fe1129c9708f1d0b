/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the line, by tables of members. What is not in a table is passed over; what breaks
 * the grammar on the way is no record.
 */
#include "audit/event.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"

#define DEPTH_MAX JSON_DEPTH_MAX

struct scan {
	const uint8_t *at, *end;
	struct audit_event *event;
	struct view line;
	struct err failure;
};

struct member;
typedef void member_reader(struct scan *scan, const struct member *member, void *into);

/* A member that counts, what reads it, and where that puts it. */
struct member {
	const char *name;
	member_reader *read;
	size_t offset;
	const struct member *members; /* of an object */
};

/* --- The grammar. --- */

static void fail(struct scan *scan, struct err failure)
{
	if (!err_failed(scan->failure))
		scan->failure = failure;
	scan->at = scan->end;
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
}

/* The next byte that is no blank, not taken; 0 at the end. */
static uint8_t peek(struct scan *scan)
{
	skip_blanks(scan);
	return scan->at < scan->end ? *scan->at : 0;
}

static bool accept(struct scan *scan, uint8_t byte)
{
	if (peek(scan) != byte)
		return false;
	scan->at++;
	return true;
}

static void expect(struct scan *scan, uint8_t byte)
{
	if (!accept(scan, byte))
		fail(scan, ERR(E_FORMAT));
}

/* A string as it stands, without its quotes. */
static struct view take_raw(struct scan *scan, bool *escaped)
{
	expect(scan, '"');
	const uint8_t *start = scan->at;
	*escaped = false;
	while (scan->at < scan->end && *scan->at != '"') {
		size_t step = *scan->at == '\\' ? 2 : 1;
		*escaped = *escaped || step == 2;
		scan->at += MIN_OF(step, (size_t)(scan->end - scan->at));
	}
	struct view raw = view_of(start, (size_t)(scan->at - start));
	expect(scan, '"');
	return err_failed(scan->failure) ? VIEW_NONE : raw;
}

/* What an escaped string stands for, kept in the event's scratch: never longer than the line, so
 * that the scratch does not move. */
static struct err unescape(struct scan *scan, struct view raw, struct view *out)
{
	struct buf *scratch = &scan->event->scratch;
	CLEANUP(json_free) struct json *value = NULL;
	TRY(json_parse(view_of(raw.ptr - 1, raw.len + 2), &value));
	if (scratch->cap == 0)
		TRY(buf_reserve(scratch, scan->line.len));
	struct view text = json_string_of(value);
	size_t at = scratch->len;
	REQUIRE(text.len <= scratch->cap - at, E_FORMAT);
	TRY(buf_append(scratch, text));
	*out = view_part(buf_view(scratch), at, text.len);
	return OK;
}

static struct view take_text(struct scan *scan)
{
	bool escaped = false;
	struct view text = take_raw(scan, &escaped);
	if (!escaped || err_failed(scan->failure))
		return text;
	struct err e = unescape(scan, text, &text);
	if (err_failed(e)) {
		fail(scan, err_is(e, E_NOMEM) ? e : ERR(E_FORMAT));
		return VIEW_NONE;
	}
	return text;
}

static void skip_word(struct scan *scan)
{
	const uint8_t *start = scan->at;
	while (scan->at < scan->end && *scan->at != ',' && *scan->at != '}' && *scan->at != ']' &&
	       *scan->at != ' ')
		scan->at++;
	if (scan->at == start)
		fail(scan, ERR(E_FORMAT));
}

/* Any value. Brackets are counted, not matched: records are written by us, and what is shown of one
 * is parsed in full. */
static void skip_value(struct scan *scan)
{
	unsigned depth = 0;
	bool escaped = false;
	do {
		uint8_t next = peek(scan);
		if (next == '"')
			(void)take_raw(scan, &escaped);
		else if (next == '{' || next == '[')
			depth++, scan->at++;
		else if (depth > 0 && (next == '}' || next == ']'))
			depth--, scan->at++;
		else if (depth > 0 && (next == ',' || next == ':'))
			scan->at++;
		else
			skip_word(scan);
		if (depth > DEPTH_MAX)
			fail(scan, ERR(E_FORMAT));
	} while (depth > 0 && !err_failed(scan->failure));
}

static const struct member *find_member(const struct member *members, struct view name)
{
	for (; members->name != NULL; members++)
		if (view_equal_text(name, members->name))
			return members;
	return NULL;
}

static void walk_object(struct scan *scan, const struct member *members, void *into)
{
	bool escaped = false;
	expect(scan, '{');
	if (accept(scan, '}'))
		return;
	do {
		struct view name = take_raw(scan, &escaped);
		expect(scan, ':');
		const struct member *member = find_member(members, name);
		if (member != NULL && peek(scan) != 'n')
			member->read(scan, member, (uint8_t *)into + member->offset);
		else
			skip_value(scan);
	} while (accept(scan, ','));
	expect(scan, '}');
}

/* --- What the members are. --- */

static void read_text(struct scan *scan, const struct member *member, void *into)
{
	(void)member;
	*(struct view *)into = take_text(scan);
}

static void read_time(struct scan *scan, const struct member *member, void *into)
{
	(void)member;
	if (err_failed(timestamp_parse_iso(take_text(scan), into)))
		fail(scan, ERR(E_FORMAT));
}

static void read_bool(struct scan *scan, const struct member *member, void *into)
{
	(void)member;
	*(bool *)into = peek(scan) == 't';
	skip_value(scan);
}

static void read_object(struct scan *scan, const struct member *member, void *into)
{
	walk_object(scan, member->members, into);
}

static const struct member resource_members[] = {
	{"accountId", read_text, offsetof(struct audit_event_resource, account), NULL},
	{"type", read_text, offsetof(struct audit_event_resource, type), NULL},
	{"ARN", read_text, offsetof(struct audit_event_resource, arn), NULL},
	{NULL, NULL, 0, NULL},
};

static void read_resources(struct scan *scan, const struct member *member, void *into)
{
	(void)member;
	(void)into;
	struct audit_event *event = scan->event;
	expect(scan, '[');
	if (accept(scan, ']'))
		return;
	do {
		if (event->resource_count < AUDIT_EVENT_RESOURCES_MAX)
			walk_object(scan, resource_members,
				    &event->resources[event->resource_count++]);
		else
			skip_value(scan);
	} while (accept(scan, ','));
	expect(scan, ']');
}

static const struct member identity_members[] = {
	{"type", read_text, offsetof(struct audit_event, identity_type), NULL},
	{"principalId", read_text, offsetof(struct audit_event, principal_id), NULL},
	{"arn", read_text, offsetof(struct audit_event, principal_arn), NULL},
	{"accountId", read_text, offsetof(struct audit_event, account), NULL},
	{"accessKeyId", read_text, offsetof(struct audit_event, access_key_id), NULL},
	{"userName", read_text, offsetof(struct audit_event, user_name), NULL},
	{"invokedBy", read_text, offsetof(struct audit_event, invoked_by), NULL},
	{NULL, NULL, 0, NULL},
};

static const struct member record_members[] = {
	{"userIdentity", read_object, 0, identity_members},
	{"eventTime", read_time, offsetof(struct audit_event, time_ms), NULL},
	{"eventSource", read_text, offsetof(struct audit_event, source), NULL},
	{"eventName", read_text, offsetof(struct audit_event, name), NULL},
	{"sourceIPAddress", read_text, offsetof(struct audit_event, source_address), NULL},
	{"errorCode", read_text, offsetof(struct audit_event, error_code), NULL},
	{"requestID", read_text, offsetof(struct audit_event, request_id), NULL},
	{"eventID", read_text, offsetof(struct audit_event, id), NULL},
	{"readOnly", read_bool, offsetof(struct audit_event, read_only), NULL},
	{"resources", read_resources, 0, NULL},
	{"recipientAccountId", read_text, offsetof(struct audit_event, recipient), NULL},
	{NULL, NULL, 0, NULL},
};

NODISCARD struct err audit_event_read(struct view line, struct audit_event *event)
{
	*event = (struct audit_event){.time_ms = 0};
	buf_init(&event->scratch, AUDIT_RECORD_MAX + AUDIT_RECORD_MAX);
	struct scan scan = {.event = event, .line = line, .failure = OK};
	scan.at = line.ptr;
	scan.end = line.ptr + line.len;
	walk_object(&scan, record_members, event);
	if (!err_failed(scan.failure) && peek(&scan) != 0)
		fail(&scan, ERR(E_FORMAT));
	TRY(scan.failure);
	REQUIRE(scan.at == scan.end && event->id.len == AUDIT_EVENT_ID_LEN, E_FORMAT);
	return OK;
}

void audit_event_cleanup(struct audit_event *event)
{
	buf_cleanup(&event->scratch);
}

struct view audit_event_user(const struct audit_event *event)
{
	struct view session = event->principal_id;
	(void)view_cut(&session, ':'); /* AROA...:session */
	if (view_equal_text(event->identity_type, "Root"))
		return VIEW_LITERAL("root");
	if (view_equal_text(event->identity_type, "AssumedRole"))
		return session;
	if (view_equal_text(event->identity_type, "AWSService"))
		return event->invoked_by;
	if (view_equal_text(event->identity_type, "Operator"))
		return event->principal_id;
	return event->user_name;
}
