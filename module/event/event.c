/* SPDX-License-Identifier: Apache-2.0 */
/* EventBridge's envelope around what KMS puts into it. */
#include "event/event.h"

#include "codec/json.h"
#include "codec/timestamp.h"

static const char *const names[EVENT_KIND_COUNT] = {
	[EVENT_ROTATION] = "KMS CMK Rotation",
	[EVENT_DELETION] = "KMS CMK Deletion",
	[EVENT_EXPIRATION] = "KMS Imported Key Material Expiration",
};

const char *event_kind_name(enum event_kind kind)
{
	return (unsigned)kind < EVENT_KIND_COUNT && names[kind] != NULL ? names[kind] : "";
}

static void put(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

static void put_detail(struct json_out *out, const struct event *event)
{
	const struct {
		const char *name, *text;
	} members[] = {
		{"key-id", event->key_id},
		{"key-origin", event->key_origin},
		{"rotation-type", event->rotation_type},
		{"previous-key-material-id", event->previous_material_id},
		{"current-key-material-id", event->current_material_id},
	};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].text != NULL)
			put(out, members[i].name, members[i].text);
}

NODISCARD struct err event_write(const struct event *event, struct writer *w)
{
	char time[TIMESTAMP_ISO_TEXT];
	struct json_out out;
	size_t start = w->len;
	timestamp_iso(event->time_ms, false, time);
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	put(&out, "version", "0");
	put(&out, "id", event->id);
	put(&out, "detail-type", event_kind_name(event->kind));
	put(&out, "source", "aws.kms");
	put(&out, "account", event->account);
	put(&out, "time", time);
	put(&out, "region", event->region);
	json_out_begin_array(&out, "resources");
	put(&out, NULL, event->key_arn);
	json_out_end_array(&out);
	json_out_begin_object(&out, "detail");
	put_detail(&out, event);
	json_out_end_object(&out);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	TRY(writer_end(w));
	REQUIRE(w->len - start <= EVENT_LINE_MAX, E_BOUNDS);
	return OK;
}
