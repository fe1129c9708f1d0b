/* SPDX-License-Identifier: Apache-2.0 */
#include "service/managed_key.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/service_event.h"

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
	char alias_arn[KMS_ALIAS_ARN_TEXT], response[RESPONSE_MAX];
	struct service_event event;
	struct service_event_record record;
};

static void making_cleanup(struct making *making)
{
	kms_key_cleanup(&making->key);
	service_event_cleanup(&making->record);
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

/* CloudTrail: the service makes the key, not the one that it acts for; whom that is the record of
 * the call itself tells, under the same request id. */
static struct err write_record(const struct call_work *work, struct making *making)
{
	char key_arn[KMS_KEY_ARN_TEXT];
	const struct kms_scope *home = &work->home;
	kms_key_arn_format(home, &making->key.id, key_arn);
	kms_alias_arn_format(home, view_of_text(making->alias.name), making->alias_arn);
	TRY(text_format(making->response, sizeof making->response, "\"keyId\":\"%s\"", key_arn));
	making->event = (struct service_event){
		.name = "CreateKey",
		.time_ms = work->time_ms,
		.scope = home,
		.key_id = &making->key.id,
		.alias_arn = making->alias_arn,
		.invoked_by = view_of_text(work->principal.via_service),
		.request_id = work->call->request_id,
		.response_members = view_of_text(making->response),
		.decided_by = VIEW_LITERAL("service: first use of its key in the account"),
	};
	return service_event_write(&making->event, &making->record);
}

static struct err commit(struct service *service, struct making *making)
{
	const struct kms_store *store = &service->options.store;
	const struct kms_new_key made = {
		.key = &making->key, .version = &making->version, .alias = &making->alias};
	struct err e = store->ops->key_create(store->self, &made, &making->record.outbox);
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
	TRY(fill(work, alias, &making));
	TRY(write_record(work, &making));
	TRY(key_making_begin(service, &making.key.scope, &making.version));
	struct err e = commit(service, &making);
	if (err_is(e, E_EXISTS))
		return find(work, alias, out);
	TRY(e);
	/* The record is durable in the store's outbox; the log has it within a second. */
	service_event_tell(service, &making.record, false);
	*out = making.key.id;
	log_event(LOG_INFO, "key.made_for_service", LOG_VIEW("alias", alias),
		  LOG_TEXT("account", work->home.account));
	return OK;
}
