/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of imported material (KMS API: ImportKeyMaterial, ValidTo: "When the key material
 * expires, AWS KMS deletes the key material, and the KMS key becomes unusable"): key_expiry_run().
 * The version keeps its row, for the id of its material.
 */
#include "base/log.h"
#include "base/text.h"
#include "codec/timestamp.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/key_deletion.h"
#include "service/key_unmaking.h"
#include "service/scheduler.h"

#define WHY_TEXT 64

static bool is_over(const struct kms_version *version, int64_t now_ms)
{
	return version->material == KMS_MATERIAL_PRESENT && version->valid_to_ms != 0 &&
	       version->valid_to_ms <= now_ms;
}

/* As for deletions: by the very reading of the clock that is believed. */
static struct err may_begin(struct service *service, const struct kms_version *version, bool *out)
{
	int64_t now_ms = clock_real_ms(service->options.clock);
	*out = false;
	if (!is_over(version, now_ms))
		return OK;
	TRY(clock_trust_check(service->clock_trust, &now_ms));
	*out = is_over(version, now_ms);
	return OK;
}

static struct err update(struct service *service, struct kms_key *key,
			 const struct kms_version *version, const struct kms_outbox_record *outbox)
{
	const struct kms_store *store = &service->options.store;
	key->revision++;
	struct err e = store->ops->material_update(store->self, key, version, outbox);
	/* Failed or not: it may be in the store all the same. */
	key_unmaking_forget(service, &key->id);
	return e;
}

/* A key that waits for its deletion goes on waiting, without this material. */
static struct err begin(struct service *service, struct kms_key *key, struct kms_version *version)
{
	version->material = KMS_MATERIAL_GOING;
	if (key->state == KMS_STATE_ENABLED || key->state == KMS_STATE_DISABLED)
		TRY(kms_key_move(key, KMS_STATE_PENDING_IMPORT));
	return update(service, key, version, NULL);
}

static struct err describe(const struct service *service, const struct kms_key *key,
			   const struct kms_version *version, char why[WHY_TEXT],
			   struct key_unmaking_record *record)
{
	char date[TIMESTAMP_ISO_TEXT];
	timestamp_iso(version->valid_to_ms, false, date);
	TRY(text_format(why, WHY_TEXT, "schedule: material valid to %s", date));
	record->event = (struct service_event){
		.name = "DeleteExpiredKeyMaterial",
		.time_ms = clock_real_ms(service->options.clock),
		.decided_by = view_of_text(why),
	};
	return key_unmaking_write(key, version, 1, record);
}

static struct err end(struct service *service, struct kms_key *key, struct kms_version *version,
		      bool *done)
{
	CLEANUP(key_unmaking_record_cleanup) struct key_unmaking_record record = {.response = ""};
	char why[WHY_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&key->id, id);
	TRY(describe(service, key, version, why, &record));
	version->material = KMS_MATERIAL_GONE;
	TRY(update(service, key, version, &record.line.outbox));
	service_event_tell(service, &record.line, true);
	log_event(LOG_INFO, "key.material_expired", LOG_TEXT("account", key->scope.account),
		  LOG_TEXT("key", id), LOG_NUMBER("version", version->number));
	*done = true;
	return OK;
}

static struct err run_once(struct service *service, const struct kms_scope *scope,
			   const struct kms_key_id *key_id, uint32_t number, bool *done)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct err e = store->ops->key_load(store->self, scope, key_id, &full);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	struct kms_version *version = kms_key_full_version(&full, number);
	bool begins = false;
	/* What is being deleted takes its material along. */
	if (version == NULL || full.key.destroying)
		return OK;
	if (version->material != KMS_MATERIAL_GOING)
		TRY(may_begin(service, version, &begins));
	if (begins)
		TRY(begin(service, &full.key, version));
	if (version->material != KMS_MATERIAL_GOING)
		return OK;
	TRY(scheduler_rest(service->scheduler));
	TRY(key_unmaking_destroy(service, version));
	return end(service, &full.key, version, done);
}

NODISCARD struct err key_expiry_run(struct service *service, const struct kms_scope *scope,
				    const struct kms_key_id *key_id, uint32_t number, bool *done)
{
	*done = false;
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	struct err e = OK;
	for (unsigned attempt = 0; attempt < KEY_UNMAKING_ATTEMPTS; attempt++) {
		e = run_once(service, scope, key_id, number, done);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}
