/* SPDX-License-Identifier: Apache-2.0 */
#include "service/managed_key.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/uuid.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/outbox.h"

#define ALIAS_PREFIX "alias/aws/"
#define POLICY_MAX 2048
#define RESPONSE_MAX 256

/* Services whose keys go by another name than their own. */
static const struct {
	struct view alias, service;
} others[] = {
	{VIEW_LITERAL("ebs"), VIEW_LITERAL("ec2")},
};

static struct view service_of(struct view alias)
{
	struct view name = view_part(alias, sizeof ALIAS_PREFIX - 1, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (view_equal(name, others[i].alias))
			return others[i].service;
	return name;
}

/* Whether the call comes from just the service that the alias is named after, in this Region. */
static bool is_made_by_caller(const struct call_work *work, struct view alias)
{
	char name[AUTH_NAME_MAX + 1];
	struct view service = service_of(alias);
	struct err e = text_format(name, sizeof name, "%.*s.%s.amazonaws.com", (int)service.len,
				   (const char *)service.ptr, work->home.region);
	return !err_failed(e) && service.len > 0 && text_equal(name, work->principal.via_service);
}

/* As AWS writes it: use through the service, for this account alone; and the account may look. */
static struct err make_policy(const struct call_work *work, char **out)
{
	char text[POLICY_MAX];
	const struct kms_scope *home = &work->home;
	const char *service = work->principal.via_service;
	TRY(text_format(
		text, sizeof text,
		"{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"auto-service-1\",\n"
		"  \"Statement\" : [ {\n"
		"    \"Sid\" : \"Allow access through the service for all principals in the "
		"account "
		"that are authorized to use it\",\n"
		"    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n      \"AWS\" : \"*\"\n    "
		"},\n"
		"    \"Action\" : [ \"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", "
		"\"kms:GenerateDataKey*\", \"kms:CreateGrant\", \"kms:DescribeKey\" ],\n"
		"    \"Resource\" : \"*\",\n    \"Condition\" : {\n      \"StringEquals\" : {\n"
		"        \"kms:CallerAccount\" : \"%s\",\n        \"kms:ViaService\" : \"%s\"\n"
		"      }\n    }\n  }, {\n"
		"    \"Sid\" : \"Allow direct access to key metadata to the account\",\n"
		"    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
		"      \"AWS\" : \"arn:%s:iam::%s:root\"\n    },\n"
		"    \"Action\" : [ \"kms:Describe*\", \"kms:Get*\", \"kms:List*\", "
		"\"kms:RevokeGrant\" ],\n    \"Resource\" : \"*\"\n  } ]\n}",
		home->account, service, home->partition, home->account));
	return text_new(view_of_text(text), out);
}

static struct err make_description(struct view alias, char **out)
{
	char text[KMS_ALIAS_MAX + 128];
	struct view name = view_part(alias, sizeof ALIAS_PREFIX - 1, SIZE_MAX);
	TRY(text_format(text, sizeof text,
			"Default key that protects my %.*s data when no other key is defined",
			(int)name.len, (const char *)name.ptr));
	return text_new(view_of_text(text), out);
}

struct making {
	struct kms_key key; /* kms_key_cleanup() */
	struct kms_version version;
	struct kms_alias alias;
	char event_id[KMS_EVENT_ID_LEN + 1];
	struct buf line;
};

static void making_cleanup(struct making *making)
{
	kms_key_cleanup(&making->key);
	buf_cleanup(&making->line);
}

static struct err fill(const struct call_work *work, struct view alias, struct making *making)
{
	struct kms_key *key = &making->key;
	key->scope = work->home;
	key->state = KMS_STATE_ENABLED;
	key->usage = KMS_USAGE_ENCRYPT_DECRYPT;
	key->spec = KMS_SPEC_SYMMETRIC_DEFAULT;
	key->origin = KMS_ORIGIN_AWS_KMS;
	key->manager = KMS_MANAGER_AWS;
	key->created_ms = work->time_ms;
	key->current_version = 1;
	key->revision = 1;
	TRY(make_description(alias, &key->description));
	TRY(make_policy(work, &key->policy));
	TRY(kms_key_id_make(false, &key->id));
	TRY(kms_key_check(key));
	making->version.key_id = key->id;
	making->version.number = 1;
	making->alias = (struct kms_alias){.scope = key->scope,
					   .key_id = key->id,
					   .created_ms = work->time_ms,
					   .updated_ms = work->time_ms,
					   .revision = 1};
	TRY(text_copy(making->alias.name, sizeof making->alias.name, alias));
	return kms_alias_check(&making->alias);
}

static struct err add_resource(struct audit_record *record, const struct kms_scope *scope,
			       const char *type, const char *arn)
{
	struct audit_resource *resource = &record->resources[record->resource_count++];
	resource->type = type;
	TRY(text_copy(resource->account, sizeof resource->account, view_of_text(scope->account)));
	return text_copy(resource->arn, sizeof resource->arn, view_of_text(arn));
}

/* CloudTrail: the service makes the key, not the one that it acts for; whom that is the record of
 * the call itself tells, under the same request id. */
static struct err write_record(const struct call_work *work, struct making *making)
{
	char key_arn[KMS_KEY_ARN_TEXT], alias_arn[KMS_ALIAS_ARN_TEXT], response[RESPONSE_MAX];
	const struct kms_scope *home = &work->home;
	struct view service = view_of_text(work->principal.via_service);
	kms_key_arn_format(home, &making->key.id, key_arn);
	kms_alias_arn_format(home, view_of_text(making->alias.name), alias_arn);
	TRY(text_format(response, sizeof response, "\"keyId\":\"%s\"", key_arn));
	TRY(uuid_make(making->event_id));
	struct audit_record record = {
		.time_ms = work->time_ms,
		.event_source = "kms.amazonaws.com",
		.event_name = VIEW_LITERAL("CreateKey"),
		.event_type = "AwsServiceEvent",
		.region = view_of_text(home->region),
		.recipient_account = view_of_text(home->account),
		.source_address = service,
		.user_agent = service,
		.identity_type = "AWSService",
		.account = view_of_text(home->account),
		.invoked_by = service,
		.response_members = view_of_text(response),
		.decided_by = VIEW_LITERAL("service: first use of its key in the account"),
	};
	TRY(text_copy(record.event_id, sizeof record.event_id, view_of_text(making->event_id)));
	TRY(text_copy(record.request_id, sizeof record.request_id,
		      view_of_text(work->call->request_id)));
	TRY(add_resource(&record, home, AUDIT_TYPE_KEY, key_arn));
	TRY(add_resource(&record, home, AUDIT_TYPE_ALIAS, alias_arn));
	struct writer w;
	writer_init_buf(&w, &making->line);
	TRY(audit_record_write(&record, &w));
	return writer_end(&w);
}

static struct err commit(struct service *service, struct making *making)
{
	const struct kms_store *store = &service->options.store;
	const struct kms_new_key made = {
		.key = &making->key, .version = &making->version, .alias = &making->alias};
	struct kms_outbox_record outbox = {.line = buf_view(&making->line)};
	TRY(text_copy(outbox.event_id, sizeof outbox.event_id, view_of_text(making->event_id)));
	struct err e = store->ops->key_create(store->self, &made, &outbox);
	/* On a conflict somebody else has claimed the intent, and the object with it. */
	if (err_failed(e) && !err_is(e, E_STORE_CONFLICT))
		key_making_abandon(service, &making->key.scope, &making->version);
	return e;
}

/* Somebody was faster. */
static struct err find(const struct call_work *work, struct view name, struct kms_key_id *out)
{
	const struct kms_catalog *catalog = &work->service->options.catalog;
	struct kms_alias alias;
	TRY(catalog->ops->alias_load(catalog->self, &work->home, name, &alias));
	*out = alias.key_id;
	return OK;
}

NODISCARD struct err managed_key_make(struct call_work *work, struct view alias,
				      struct kms_key_id *out)
{
	struct service *service = work->service;
	REQUIRE(kms_alias_name_is_reserved(alias) && is_made_by_caller(work, alias), E_NOT_FOUND);
	REQUIRE(!work->in.dry_run, E_NOT_FOUND);
	REQUIRE(work->may_block, E_WOULD_BLOCK);
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	CLEANUP(making_cleanup) struct making making = {.version = {.number = 0}};
	buf_init(&making.line, AUDIT_RECORD_MAX);
	TRY(fill(work, alias, &making));
	TRY(write_record(work, &making));
	TRY(key_making_begin(service, &making.key.scope, &making.version));
	struct err e = commit(service, &making);
	if (err_is(e, E_EXISTS))
		return find(work, alias, out);
	TRY(e);
	/* The record is durable in the store's outbox; the log has it within a second. */
	outbox_keep(service->outbox, making.event_id, &making.line);
	*out = making.key.id;
	log_event(LOG_INFO, "key.made_for_service", LOG_VIEW("alias", alias),
		  LOG_TEXT("account", work->home.account));
	return OK;
}
