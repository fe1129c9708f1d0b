/* SPDX-License-Identifier: Apache-2.0 */
#include "service/event_told.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "kms/arn.h"

#define MATERIAL_TEXT 129
#define WORD_TEXT 33

static const struct {
	const char *name; /* eventName */
	enum event_kind kind;
} acts[] = {
	{"RotateKey", EVENT_ROTATION},
	{"DeleteKey", EVENT_DELETION},
	{"DeleteExpiredKeyMaterial", EVENT_EXPIRATION},
};

struct told {
	struct event event;
	char account[KMS_ACCOUNT_LEN + 1], region[KMS_REGION_MAX + 1];
	char arn[KMS_KEY_ARN_TEXT], key_id[KMS_KEY_ID_TEXT + 1];
	char origin[WORD_TEXT], type[WORD_TEXT];
	char previous[MATERIAL_TEXT], current[MATERIAL_TEXT];
};

static enum event_kind kind_of(const struct json *record)
{
	struct view name = json_string_of(json_member(record, "eventName"));
	struct view type = json_string_of(json_member(record, "eventType"));
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (view_equal_text(type, "AwsServiceEvent") && view_equal_text(name, acts[i].name))
			return acts[i].kind;
	return (enum event_kind)0;
}

static struct err take(const struct json *object, const char *name, char *out, size_t cap)
{
	struct view text = json_string_of(json_member(object, name));
	REQUIRE(text.len > 0, E_FORMAT);
	return text_copy(out, cap, text);
}

static struct err take_head(const struct json *record, struct told *told)
{
	struct event *event = &told->event;
	const struct json *key = json_element(json_member(record, "resources"), 0);
	struct view time = json_string_of(json_member(record, "eventTime"));
	struct kms_scope none = {0};
	struct kms_name name;
	TRY(take(record, "eventID", event->id, sizeof event->id));
	TRY(timestamp_parse_iso(time, &event->time_ms));
	TRY(take(key, "accountId", told->account, sizeof told->account));
	TRY(take(record, "awsRegion", told->region, sizeof told->region));
	TRY(take(key, "ARN", told->arn, sizeof told->arn));
	TRY(kms_name_parse(view_of_text(told->arn), &none, &name));
	REQUIRE(name.kind == KMS_NAME_KEY_ARN, E_FORMAT);
	kms_key_id_format(&name.id, told->key_id);
	event->account = told->account;
	event->region = told->region;
	event->key_arn = told->arn;
	event->key_id = told->key_id;
	return OK;
}

/* KMS Developer Guide, "Monitor KMS keys with Amazon EventBridge": rotations alone have more. */
static void take_detail(const struct json *record, struct told *told)
{
	const struct json *details = json_member(record, "serviceEventDetails");
	const struct {
		const char *name;
		char *room;
		size_t cap;
		const char **out;
	} members[] = {
		{"keyOrigin", told->origin, sizeof told->origin, &told->event.key_origin},
		{"rotationType", told->type, sizeof told->type, &told->event.rotation_type},
		{"previousKeyMaterialId", told->previous, sizeof told->previous,
		 &told->event.previous_material_id},
		{"currentKeyMaterialId", told->current, sizeof told->current,
		 &told->event.current_material_id},
	};
	for (size_t i = 0; i < ARRAY_LEN(members) && told->event.kind == EVENT_ROTATION; i++)
		if (!err_failed(take(details, members[i].name, members[i].room, members[i].cap)))
			*members[i].out = members[i].room;
}

static struct err read_record(struct view line, struct told *out)
{
	CLEANUP(json_free) struct json *record = NULL;
	TRY(json_parse(view_trim(line), &record));
	out->event.kind = kind_of(record);
	if (out->event.kind == (enum event_kind)0)
		return OK;
	TRY(take_head(record, out));
	take_detail(record, out);
	return OK;
}

void event_told_post(struct event_bus *events, struct view record)
{
	struct told told = {0};
	if (events == NULL)
		return;
	struct err e = read_record(record, &told);
	if (err_failed(e))
		log_event(LOG_ERROR, "events.record_unread", LOG_ERR(e),
			  LOG_TEXT("effect", "the sinks are not told; the audit log has the act"));
	else if (told.event.kind != (enum event_kind)0)
		event_bus_post(events, &told.event);
}
