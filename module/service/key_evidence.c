/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_evidence.h"

#include <time.h>

#include "base/mem.h"
#include "base/metric.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"
#include "kms/rotation.h"
#include "service/core.h"
#include "service/grant_listing.h"
#include "service/key_metadata.h"
#include "service/last_use.h"
#include "service/refused.h"

#define PAGE_MAX 1000 /* aliases or tags of one key: there are 50 at most */
#define NS_PER_S INT64_C(1000000000)
#define NAP_MAX_NS (NS_PER_S / 4) /* a token that is slow once does not stop the report */
#define SHARE_WHOLE 100

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

void key_evidence_time(struct json_out *out, const char *name, int64_t unix_ms)
{
	char text[TIMESTAMP_ISO_TEXT];
	if (unix_ms == 0)
		return;
	timestamp_iso(unix_ms, true, text);
	put_text(out, name, text);
}

/* ---- the key ---- */

static struct err put_aliases(struct service *service, const struct kms_key *key,
			      struct json_out *out)
{
	const struct kms_catalog *catalog = &service->options.catalog;
	const struct kms_page_query query = {
		.scope = &key->scope, .key_id = &key->id, .limit = PAGE_MAX};
	struct kms_alias_page page = {0};
	TRY(catalog->ops->alias_list(catalog->self, &query, &page));
	CLEANUP(mem_free_at) struct kms_alias *aliases = page.aliases;
	json_out_begin_array(out, "Aliases");
	for (size_t i = 0; i < page.count; i++)
		put_text(out, NULL, aliases[i].name);
	json_out_end_array(out);
	return OK;
}

static struct err put_tags(struct service *service, const struct kms_key *key, struct json_out *out)
{
	const struct kms_catalog *catalog = &service->options.catalog;
	const struct kms_page_query query = {
		.scope = &key->scope, .key_id = &key->id, .limit = PAGE_MAX};
	struct kms_tag_page page = {0};
	TRY(catalog->ops->tags_list(catalog->self, &query, &page));
	CLEANUP(mem_free_at) struct kms_tag *tags = page.tags;
	json_out_begin_array(out, "Tags");
	for (size_t i = 0; i < page.count; i++) {
		json_out_begin_object(out, NULL);
		put_text(out, "Key", tags[i].key);
		put_text(out, "Value", tags[i].value);
		json_out_end_object(out);
	}
	json_out_end_array(out);
	return OK;
}

static struct err put_last_use(struct service *service, const struct kms_key *key,
			       struct json_out *out)
{
	CLEANUP(mem_free_at) struct last_use_answer *answer = NULL;
	TRY(MEM_NEW(&answer));
	TRY(last_use_find(service->last_use, &key->scope, &key->id, answer));
	json_out_begin_object(out, "LastUse");
	if (answer->used) {
		put_text(out, "Operation", answer->use.operation);
		key_evidence_time(out, "Time", answer->use.time_ms);
		put_text(out, "EventId", answer->use.event_id);
	}
	key_evidence_time(out, "TrackedSince", MAX_OF(key->created_ms, answer->since_ms));
	json_out_end_object(out);
	return OK;
}

static struct err put_policy(const struct kms_key *key, struct json_out *out)
{
	uint8_t digest[SHA256_LEN];
	struct view policy = view_of_text(key->policy);
	TRY(digest_sha256(&policy, 1, digest));
	json_out_text(out, "Policy", policy);
	json_out_hex(out, "PolicySha256", VIEW_ARRAY(digest));
	return OK;
}

static void put_rotation(const struct service *service, const struct kms_key *key,
			 struct json_out *out)
{
	struct kms_rotation_status status;
	kms_rotation_status(key, &service->options.rotation, &status);
	json_out_begin_object(out, "RotationSettings");
	json_out_bool(out, "Possible", kms_rotation_possible(key));
	json_out_bool(out, "Enabled", status.enabled);
	if (status.enabled)
		json_out_integer(out, "PeriodDays", status.period_days);
	key_evidence_time(out, "Next", status.next_ms);
	key_evidence_time(out, "OnDemandSince", status.on_demand_ms);
	json_out_end_object(out);
}

static void put_metadata(const struct kms_key *key, struct json_out *out)
{
	char id[KMS_KEY_ID_TEXT + 1], arn[KMS_KEY_ARN_TEXT];
	kms_key_id_format(&key->id, id);
	kms_key_arn_format(&key->scope, &key->id, arn);
	put_text(out, "KeyId", id);
	put_text(out, "Arn", arn);
	put_text(out, "Account", key->scope.account);
	put_text(out, "Description", key->description);
	put_text(out, "State", kms_state_name(key->state));
	put_text(out, "Usage", kms_usage_name(key->usage));
	put_text(out, "Spec", kms_spec_name(key->spec));
	put_text(out, "Origin", kms_origin_name(key->origin));
	put_text(out, "Manager", kms_manager_name(key->manager));
	json_out_bool(out, "MultiRegion", key->multi_region);
	key_evidence_time(out, "Created", key->created_ms);
	key_evidence_time(out, "DeletionDate", key->deletion_ms);
	json_out_integer(out, "CurrentVersion", key->current_version);
	json_out_integer(out, "Revision", (int64_t)key->revision);
}

NODISCARD struct err key_evidence_write_key(struct service *service,
					    const struct kms_key_full *full, struct json_out *out)
{
	const struct kms_key *key = &full->key;
	json_out_begin_object(out, NULL);
	json_out_begin_object(out, "Key");
	put_metadata(key, out);
	json_out_integer(out, "VersionCount", (int64_t)full->version_count);
	put_rotation(service, key, out);
	TRY(put_policy(key, out));
	TRY(put_aliases(service, key, out));
	TRY(put_tags(service, key, out));
	TRY(put_last_use(service, key, out));
	json_out_end_object(out);
	json_out_end_object(out);
	return OK;
}

/* ---- what the token says ---- */

/* So long that no more than the share of due work has gone into this. */
static struct err rest(struct service *service, int64_t busy_ns)
{
	int64_t share = MAX_OF((int64_t)service->options.due_share_percent, INT64_C(1));
	int64_t nap_ns = MIN_OF(busy_ns * (SHARE_WHOLE - share) / share, NAP_MAX_NS);
	const struct timespec nap = {.tv_nsec = (long)MAX_OF(nap_ns, INT64_C(0))};
	REQUIRE(!service_is_stopping(service), E_CANCELLED);
	(void)nanosleep(&nap, NULL);
	return OK;
}

static void put_attributes(const struct hsm_op *op, struct json_out *out)
{
	const struct hsm_attributes *attributes = &op->attributes;
	put_text(out, "Label", op->object.label);
	if (attributes->answered_by[0] != '\0')
		put_text(out, "AnsweredBy", attributes->answered_by);
	put_text(out, "KeyType", attributes->key_type);
	if (attributes->bits != 0)
		json_out_integer(out, "Bits", attributes->bits);
	json_out_begin_object(out, "Attributes");
	for (enum hsm_attribute i = HSM_ATTRIBUTE_TOKEN; i < HSM_ATTRIBUTE_COUNT; i++)
		if (attributes->known & UINT32_C(1) << i)
			json_out_bool(out, hsm_attribute_name(i),
				      (attributes->set & UINT32_C(1) << i) != 0);
	json_out_end_object(out);
}

NODISCARD struct err key_evidence_write_token(struct service *service,
					      const struct hsm_key_id *token_id,
					      struct json_out *out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_DESCRIBE, .object = {.id = *token_id}};
	int64_t began_ns = metric_now_ns();
	struct err e = service_token_call(service, &op);
	int64_t busy_ns = metric_now_ns() - began_ns;
	json_out_begin_object(out, "Token");
	key_evidence_time(out, "ReadAt", clock_real_ms(service->options.clock));
	if (err_failed(e)) {
		put_text(out, "Error", err_name(e));
		put_text(out, "Reason", err_meaning(e));
	} else {
		put_attributes(&op, out);
	}
	json_out_end_object(out);
	return rest(service, busy_ns);
}

/* ---- versions ---- */

static const char *const materials[KMS_MATERIAL_COUNT] = {
	[KMS_MATERIAL_PRESENT] = "present",
	[KMS_MATERIAL_GOING] = "being destroyed",
	[KMS_MATERIAL_GONE] = "gone",
};

static const char *const makers[KMS_ROTATION_COUNT] = {
	[KMS_ROTATION_NONE] = "CREATION",
	[KMS_ROTATION_AUTOMATIC] = "AUTOMATIC",
	[KMS_ROTATION_ON_DEMAND] = "ON_DEMAND",
	[KMS_ROTATION_BUDGET] = "MESSAGE_BUDGET",
};

NODISCARD struct err key_evidence_write_version(struct service *service,
						const struct kms_key_full *full,
						const struct kms_version *version,
						struct json_out *out)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&version->key_id, id);
	ENSURE(version->material < KMS_MATERIAL_COUNT && version->rotation < KMS_ROTATION_COUNT);
	json_out_begin_object(out, NULL);
	json_out_begin_object(out, "Version");
	put_text(out, "KeyId", id);
	json_out_integer(out, "Number", version->number);
	json_out_bool(out, "Current", version->number == full->key.current_version);
	key_evidence_time(out, "Created", version->created_ms);
	put_text(out, "MadeBy", makers[version->rotation]);
	json_out_integer(out, "Suite", version->suite);
	json_out_hex(out, "TokenId", VIEW_ARRAY(version->token_id.bytes));
	key_metadata_material(version->material_id, "MaterialId", out);
	put_text(out, "Material", materials[version->material]);
	key_evidence_time(out, "ValidTo", version->valid_to_ms);
	if (version->suite == HSM_SUITE_DIRECT)
		json_out_integer(out, "MessagesReserved", (int64_t)version->messages_reserved);
	json_out_bool(out, "Refused", refused_holds(service->refused, &version->token_id));
	if (version->material == KMS_MATERIAL_PRESENT)
		TRY(key_evidence_write_token(service, &version->token_id, out));
	json_out_end_object(out);
	json_out_end_object(out);
	return OK;
}

/* ---- grants ---- */

void key_evidence_write_grant(const struct kms_grant *grant, struct json_out *out)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&grant->key_id, id);
	json_out_begin_object(out, NULL);
	json_out_begin_object(out, "Grant");
	put_text(out, "KeyId", id);
	put_text(out, "GrantId", grant->id);
	if (grant->name[0] != '\0')
		put_text(out, "Name", grant->name);
	key_evidence_time(out, "Created", grant->created_ms);
	put_text(out, "Grantee", grant->grantee);
	if (grant->retiring[0] != '\0')
		put_text(out, "Retiring", grant->retiring);
	put_text(out, "Issuer", grant->issuer);
	grant_listing_write_operations(grant->operations, out);
	grant_listing_write_constraint(grant, out);
	json_out_end_object(out);
	json_out_end_object(out);
}
