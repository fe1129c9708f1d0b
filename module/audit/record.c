/* SPDX-License-Identifier: Apache-2.0 */
/* A record as CloudTrail shapes it; members in the order of CloudTrail's own records. */
#include "audit/record.h"

#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"

static void put_text(struct json_out *out, const char *name, struct view text)
{
	if (text.len > 0)
		json_out_text(out, name, text);
}

/* Members that were built elsewhere may not end the line, nor break the JSON with raw controls. */
static bool is_one_line(struct view members)
{
	for (size_t i = 0; i < members.len; i++)
		if (members.ptr[i] < 0x20)
			return false;
	return true;
}

static void put_members(struct json_out *out, const char *name, struct view members)
{
	if (members.len == 0) {
		json_out_null(out, name);
		return;
	}
	json_out_begin_object(out, name);
	writer_bytes(out->w, members);
	json_out_end_object(out);
}

static void put_issuer(struct json_out *out, const struct audit_issuer *issuer)
{
	if (issuer->arn.len == 0)
		return;
	json_out_begin_object(out, "sessionIssuer");
	json_out_text(out, "type", VIEW_LITERAL("Role"));
	put_text(out, "principalId", issuer->principal_id);
	put_text(out, "arn", issuer->arn);
	put_text(out, "accountId", issuer->account);
	put_text(out, "userName", issuer->user_name);
	json_out_end_object(out);
}

static void put_session(struct json_out *out, const struct audit_record *record)
{
	if (record->session_issued_ms == 0)
		return;
	char time[TIMESTAMP_ISO_TEXT];
	timestamp_iso(record->session_issued_ms, false, time);
	json_out_begin_object(out, "sessionContext");
	put_issuer(out, &record->issuer);
	json_out_begin_object(out, "attributes");
	json_out_text(out, "creationDate", view_of_text(time));
	json_out_text(out, "mfaAuthenticated", VIEW_LITERAL("false"));
	json_out_end_object(out);
	json_out_end_object(out);
}

static void put_identity(struct json_out *out, const struct audit_record *record)
{
	json_out_begin_object(out, "userIdentity");
	put_text(out, "type", view_of_text(record->identity_type));
	put_text(out, "principalId", record->principal_id);
	put_text(out, "arn", record->principal_arn);
	put_text(out, "accountId", record->account);
	put_text(out, "accessKeyId", record->access_key_id);
	put_text(out, "userName", record->user_name);
	put_session(out, record);
	put_text(out, "invokedBy", record->invoked_by);
	json_out_end_object(out);
}

static void put_event(struct json_out *out, const struct audit_record *record)
{
	char time[TIMESTAMP_ISO_TEXT];
	timestamp_iso(record->time_ms, false, time);
	json_out_text(out, "eventTime", view_of_text(time));
	put_text(out, "eventSource", view_of_text(record->event_source));
	put_text(out, "eventName", record->event_name);
	put_text(out, "awsRegion", record->region);
	put_text(out, "sourceIPAddress", record->source_address);
	put_text(out, "userAgent", record->user_agent);
	put_text(out, "errorCode", record->error_code);
	put_text(out, "errorMessage", record->error_message);
}

static void put_additional(struct json_out *out, const struct audit_record *record)
{
	if (record->decided_by.len == 0 && record->additional_members.len == 0)
		return;
	json_out_begin_object(out, "additionalEventData");
	put_text(out, "decidedBy", record->decided_by);
	if (record->decided_by.len > 0 && record->additional_members.len > 0)
		writer_u8(out->w, ',');
	writer_bytes(out->w, record->additional_members);
	json_out_end_object(out);
}

static void put_details(struct json_out *out, const struct audit_record *record)
{
	if (record->detail_members.len > 0)
		put_members(out, "serviceEventDetails", record->detail_members);
}

static void put_tls(struct json_out *out, const struct audit_record *record)
{
	if (record->tls_members.len > 0)
		put_members(out, "tlsDetails", record->tls_members);
}

static void put_resources(struct json_out *out, const struct audit_record *record)
{
	if (record->resource_count == 0)
		return;
	json_out_begin_array(out, "resources");
	for (size_t i = 0; i < record->resource_count; i++) {
		const struct audit_resource *resource = &record->resources[i];
		json_out_begin_object(out, NULL);
		put_text(out, "accountId", view_of_text(resource->account));
		put_text(out, "type", view_of_text(resource->type));
		put_text(out, "ARN", view_of_text(resource->arn));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

NODISCARD struct err audit_record_write(const struct audit_record *record, struct writer *w)
{
	ENSURE(record->resource_count <= AUDIT_RESOURCES_MAX);
	ENSURE(is_one_line(record->request_members) && is_one_line(record->response_members) &&
	       is_one_line(record->additional_members) && is_one_line(record->detail_members) &&
	       is_one_line(record->tls_members));
	size_t start = w->len;
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "eventVersion", VIEW_LITERAL(AUDIT_VERSION));
	put_identity(&out, record);
	put_event(&out, record);
	put_members(&out, "requestParameters", record->request_members);
	put_members(&out, "responseElements", record->response_members);
	put_additional(&out, record);
	put_text(&out, "requestID", view_of_text(record->request_id));
	json_out_text(&out, "eventID", view_of_text(record->event_id));
	json_out_bool(&out, "readOnly", record->read_only);
	put_resources(&out, record);
	put_text(&out, "eventType", view_of_text(record->event_type));
	json_out_bool(&out, "managementEvent", true);
	put_text(&out, "recipientAccountId", record->recipient_account);
	put_details(&out, record);
	json_out_text(&out, "eventCategory", VIEW_LITERAL("Management"));
	put_tls(&out, record);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	TRY(writer_end(w));
	REQUIRE(w->len - start <= AUDIT_RECORD_MAX, E_BOUNDS);
	return OK;
}
