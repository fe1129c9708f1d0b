/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service_event.h"

#include "audit/record.h"
#include "base/text.h"
#include "codec/uuid.h"
#include "service/core.h"
#include "service/event_told.h"
#include "service/outbox.h"

#define OURSELVES "AWS Internal" /* as CloudTrail names the service itself */

void service_event_cleanup(struct service_event_record *record)
{
	buf_cleanup(&record->line);
}

static struct err add_resource(struct audit_record *record, const struct kms_scope *scope,
			       const char *type, const char *arn)
{
	struct audit_resource *resource = &record->resources[record->resource_count++];
	resource->type = type;
	TRY(text_copy(resource->account, sizeof resource->account, view_of_text(scope->account)));
	return text_copy(resource->arn, sizeof resource->arn, view_of_text(arn));
}

static struct err describe(const struct service_event *event, struct audit_record *record)
{
	char key_arn[KMS_KEY_ARN_TEXT];
	struct view account = view_of_text(event->scope->account);
	struct view invoked_by =
		event->invoked_by.len > 0 ? event->invoked_by : VIEW_LITERAL(OURSELVES);
	kms_key_arn_format(event->scope, event->key_id, key_arn);
	record->time_ms = event->time_ms;
	record->event_source = "kms.amazonaws.com";
	record->event_name = view_of_text(event->name);
	record->event_type = "AwsServiceEvent";
	record->region = view_of_text(event->scope->region);
	record->recipient_account = account;
	record->source_address = invoked_by;
	record->user_agent = invoked_by;
	record->identity_type = event->invoked_by.len > 0 ? "AWSService" : "";
	record->account = account;
	record->invoked_by = invoked_by;
	record->response_members = event->response_members;
	record->detail_members = event->detail_members;
	record->decided_by = event->decided_by;
	if (event->request_id != NULL)
		TRY(text_copy(record->request_id, sizeof record->request_id,
			      view_of_text(event->request_id)));
	TRY(add_resource(record, event->scope, AUDIT_TYPE_KEY, key_arn));
	if (event->alias_arn != NULL)
		TRY(add_resource(record, event->scope, AUDIT_TYPE_ALIAS, event->alias_arn));
	return OK;
}

NODISCARD struct err service_event_write(const struct service_event *event,
					 struct service_event_record *out)
{
	struct audit_record record = {0};
	struct writer w;
	TRY(uuid_make(out->event_id));
	TRY(describe(event, &record));
	TRY(text_copy(record.event_id, sizeof record.event_id, view_of_text(out->event_id)));
	buf_cleanup(&out->line);
	buf_init(&out->line, AUDIT_RECORD_MAX);
	writer_init_buf(&w, &out->line);
	TRY(audit_record_write(&record, &w));
	TRY(writer_end(&w));
	TRY(text_copy(out->outbox.event_id, sizeof out->outbox.event_id,
		      view_of_text(out->event_id)));
	out->outbox.line = buf_view(&out->line);
	return OK;
}

void service_event_tell(struct service *service, struct service_event_record *record, bool wait)
{
	event_told_post(service->options.events, buf_view(&record->line));
	struct err e = wait ? audit_log_append_wait(service->options.audit, buf_view(&record->line))
			    : ERR(E_WOULD_BLOCK);
	if (err_failed(e))
		outbox_keep(service->outbox, record->event_id, &record->line);
	else
		outbox_note_done(service->outbox, record->event_id);
}
