/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloudTrail API: LookupEvents, over the audit log. Unlike AWS's it has no end after 90 days and no
 * bound of two calls a second; one call reads so much of the log and no more, and a page may
 * therefore be short, or empty, and still have a NextToken.
 */
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/lookup_page.h"

#define VALUE_MAX 2000                   /* characters of an AttributeValue */
#define SECOND_MAX INT64_C(253402300799) /* the last of the year 9999 */
#define MS_PER_S 1000

static const struct schema_shape text = {.type = SCHEMA_STRING};
static const struct schema_shape integer = {.type = SCHEMA_INTEGER};
static const struct schema_shape date = {.type = SCHEMA_TIMESTAMP};

static const struct schema_member attribute_members[] = {
	{"AttributeKey", &text, true},
	{"AttributeValue", &text, true},
	{NULL, NULL, false},
};
static const struct schema_shape attribute = {.type = SCHEMA_STRUCTURE,
					      .members = attribute_members};
static const struct schema_shape attributes = {.type = SCHEMA_LIST, .element = &attribute};

static const struct schema_member members[] = {
	{"LookupAttributes", &attributes, false},
	{"StartTime", &date, false},
	{"EndTime", &date, false},
	{"EventCategory", &text, false},
	{"MaxResults", &integer, false},
	{"NextToken", &text, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"LookupAttributes", "StartTime", "EndTime", "EventCategory",
				      "MaxResults",       "NextToken", NULL};

static const char *const names[AUDIT_ATTRIBUTE_COUNT] = {
	[AUDIT_EVENT_ID] = "EventId",           [AUDIT_EVENT_NAME] = "EventName",
	[AUDIT_READ_ONLY] = "ReadOnly",         [AUDIT_USERNAME] = "Username",
	[AUDIT_RESOURCE_TYPE] = "ResourceType", [AUDIT_RESOURCE_NAME] = "ResourceName",
	[AUDIT_EVENT_SOURCE] = "EventSource",   [AUDIT_ACCESS_KEY_ID] = "AccessKeyId",
};

static bool attribute_named(struct view name, enum audit_attribute *out)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i] == NULL || !view_equal_text(name, names[i]))
			continue;
		*out = (enum audit_attribute)i;
		return true;
	}
	return false;
}

static struct err read_attribute(struct call_work *work, struct audit_wanted *wanted)
{
	const struct json *list = input_member(work, "LookupAttributes");
	if (json_count(list) == 0)
		return OK;
	if (json_count(list) > 1)
		return work_refuse(work, ERR(E_LOOKUP_ATTRIBUTES),
				   "LookupAttributes can contain only one item.");
	const struct json *one = json_element(list, 0);
	struct view name = json_string_of(json_member(one, "AttributeKey"));
	wanted->value = json_string_of(json_member(one, "AttributeValue"));
	if (!attribute_named(name, &wanted->attribute))
		return work_refuse(
			work, ERR(E_LOOKUP_ATTRIBUTES),
			"The attribute key %.*s is not one that events are looked up by.",
			(int)MIN_OF(name.len, (size_t)64), (const char *)name.ptr);
	if (wanted->value.len == 0 || text_length(wanted->value) > VALUE_MAX)
		return work_refuse(work, ERR(E_LOOKUP_ATTRIBUTES),
				   "The value of %s must have 1 to %d characters.",
				   names[wanted->attribute], VALUE_MAX);
	return OK;
}

/* Seconds since 1970, rounded down: records have no fractions. */
static struct err read_time(struct call_work *work, const char *name, int64_t *ms)
{
	const struct json *value = input_member(work, name);
	if (value == NULL)
		return OK;
	double seconds = json_type_of(value) == JSON_TYPE_INTEGER ? (double)json_integer_of(value)
								  : json_number_of(value);
	if (!(seconds >= 0 && seconds <= (double)SECOND_MAX))
		return work_refuse(work, ERR(E_LOOKUP_TIME_RANGE), "%s is out of range.", name);
	*ms = (int64_t)seconds * MS_PER_S;
	return OK;
}

static struct err read_times(struct call_work *work, struct audit_wanted *wanted)
{
	wanted->since_ms = 0;
	wanted->until_ms = SECOND_MAX * MS_PER_S;
	TRY(read_time(work, "StartTime", &wanted->since_ms));
	TRY(read_time(work, "EndTime", &wanted->until_ms));
	if (wanted->since_ms > wanted->until_ms)
		return work_refuse(work, ERR(E_LOOKUP_TIME_RANGE),
				   "StartTime must not be after EndTime.");
	return OK;
}

static struct err read_max(struct call_work *work, size_t *out)
{
	int64_t max = input_integer(work, "MaxResults", LOOKUP_EVENTS_MAX);
	if (max < 1 || max > LOOKUP_EVENTS_MAX)
		return work_refuse(work, ERR(E_LOOKUP_MAX_RESULTS),
				   "MaxResults must be a value between 1 and %d.",
				   LOOKUP_EVENTS_MAX);
	*out = (size_t)max;
	return OK;
}

static struct err read_question(struct call_work *work, struct lookup_question *out)
{
	*out = (struct lookup_question){.wanted = {.account = view_of_text(work->home.account)}};
	TRY(read_attribute(work, &out->wanted));
	TRY(read_times(work, &out->wanted));
	return read_max(work, &out->events_max);
}

/* CloudTrail API: EventCategory, "Valid Values: insight". */
static bool wants_insights(const struct call_work *work)
{
	return view_equal_text(input_text(work, "EventCategory"), "insight");
}

static struct err decode(struct call_work *work)
{
	struct lookup_question question;
	if (input_member(work, "EventCategory") != NULL && !wants_insights(work))
		return work_refuse(work, ERR(E_LOOKUP_CATEGORY),
				   "EventCategory can only be insight.");
	return read_question(work, &question);
}

static struct err execute(struct call_work *work)
{
	struct lookup_question question;
	if (work->service->options.log_count == 0)
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "LookupEvents is not supported without an audit log.");
	if (wants_insights(work))
		return lookup_page_none(work);
	TRY(read_question(work, &question));
	return lookup_page_find(work, &question);
}

const struct operation op_lookup_events = {
	.name = "LookupEvents",
	.door = CALL_DOOR_PUBLIC,
	.protocol = CALL_PROTOCOL_CLOUDTRAIL,
	.read_only = true,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "cloudtrail:LookupEvents"}},
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = lookup_page_encode,
};
