/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/own_record.h"

#include "audit/record.h"
#include "codec/uuid.h"

/* Where a service's own record tells its event, far before anything of a caller's. */
#define LOOKED_AT 400

NODISCARD struct err own_record_append(struct audit_log *log, const struct own_record *own)
{
	CLEANUP(buf_cleanup) struct buf line;
	struct writer w;
	struct audit_record record = {
		.time_ms = own->time_ms,
		.event_source = OWN_RECORD_SOURCE,
		.event_type = OWN_RECORD_TYPE,
		.event_name = view_of_text(own->event),
		.identity_type = "AWSService",
		.region = view_of_text(own->region),
		.recipient_account = view_of_text(own->account),
		.request_members = own->request_members,
		.detail_members = own->detail_members,
	};
	buf_init(&line, AUDIT_RECORD_MAX);
	TRY(uuid_make(record.event_id));
	writer_init_buf(&w, &line);
	TRY(audit_record_write(&record, &w));
	TRY(writer_end(&w));
	return audit_log_append_wait(log, buf_view(&line));
}

static bool is_own(const struct json *record, const char *event)
{
	return view_equal_text(json_string_of(json_member(record, "eventName")), event) &&
	       view_equal_text(json_string_of(json_member(record, "eventSource")),
			       OWN_RECORD_SOURCE) &&
	       view_equal_text(json_string_of(json_member(record, "eventType")), OWN_RECORD_TYPE);
}

NODISCARD struct err own_record_parse(struct view line, const char *event, struct json **out)
{
	CLEANUP(json_free) struct json *record = NULL;
	struct view front = view_part(line, 0, LOOKED_AT);
	*out = NULL;
	if (view_search(front, view_of_text(event)) == front.len)
		return OK;
	struct err e = json_parse(line, &record);
	if (err_is(e, E_NOMEM))
		return e;
	if (!err_failed(e) && is_own(record, event))
		*out = TAKE(record);
	return OK;
}
