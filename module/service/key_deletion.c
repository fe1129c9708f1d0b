/* SPDX-License-Identifier: Apache-2.0 */
/* The end of keys; that of imported material: key_expiry.c. */
#include "service/key_deletion.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/timestamp.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/key_unmaking.h"
#include "service/scheduler.h"

#define WHY_TEXT 64

static bool is_over(const struct kms_key *key, int64_t now_ms)
{
	return key->state == KMS_STATE_PENDING_DELETION && key->deletion_ms <= now_ms;
}

/* Whether the window is over by the very reading of the clock that is believed. */
static struct err may_begin(struct service *service, const struct kms_key *key, bool *out)
{
	int64_t now_ms = clock_real_ms(service->options.clock);
	*out = false;
	if (!is_over(key, now_ms)) /* whatever the clock is worth */
		return OK;
	TRY(clock_trust_check(service->clock_trust, &now_ms));
	*out = is_over(key, now_ms);
	return OK;
}

/* From here there is no way back: CancelKeyDeletion changes the same row, and one of the two comes
 * first. */
static struct err begin(struct service *service, struct kms_key *key)
{
	const struct kms_store *store = &service->options.store;
	key->destroying = true;
	key->revision++;
	struct err e = store->ops->key_update(store->self, key, NULL);
	/* Failed or not: it may be in the store all the same. */
	key_unmaking_forget(service, &key->id);
	return e;
}

/* One that was destroyed by an interrupted run is not there, which is as good. An object that only
 * an intent names, of a version that was being made, is left to reconciliation. */
static struct err destroy_versions(struct service *service, const struct kms_key_full *full)
{
	for (size_t i = 0; i < full->version_count; i++) {
		const struct kms_version *version = &full->versions[i];
		if (version->material == KMS_MATERIAL_GONE)
			continue;
		TRY(scheduler_rest(service->scheduler));
		TRY(key_unmaking_destroy(service, version));
	}
	return OK;
}

/* Tens of thousands of grants are not taken out in one transaction, for which others would wait. */
static struct err clear(struct service *service, const struct kms_key *key)
{
	const struct kms_store *store = &service->options.store;
	for (bool more = true; more;) {
		TRY(store->ops->key_clear(store->self, key, &more));
		if (more)
			TRY(scheduler_rest(service->scheduler));
	}
	return OK;
}

static struct err describe(const struct service *service, const struct kms_key_full *full,
			   char why[WHY_TEXT], struct key_unmaking_record *record)
{
	char date[TIMESTAMP_ISO_TEXT];
	timestamp_iso(full->key.deletion_ms, false, date);
	TRY(text_format(why, WHY_TEXT, "schedule: deletion date %s", date));
	record->event = (struct service_event){
		.name = "DeleteKey",
		.time_ms = clock_real_ms(service->options.clock),
		.decided_by = view_of_text(why),
	};
	return key_unmaking_write(&full->key, full->versions, full->version_count, record);
}

/* Row and record go in one transaction: of two daemons one finds the key, and tells it. */
static struct err end(struct service *service, const struct kms_key_full *full, bool *done)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(key_unmaking_record_cleanup) struct key_unmaking_record record = {.response = ""};
	char why[WHY_TEXT], id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&full->key.id, id);
	TRY(describe(service, full, why, &record));
	struct err e = store->ops->key_delete(store->self, &full->key, &record.line.outbox);
	key_unmaking_forget(service, &full->key.id);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	service_event_tell(service, &record.line, true);
	log_event(LOG_INFO, "key.deleted", LOG_TEXT("account", full->key.scope.account),
		  LOG_TEXT("key", id), LOG_NUMBER("versions", full->version_count));
	*done = true;
	return OK;
}

static struct err run_once(struct service *service, const struct kms_scope *scope,
			   const struct kms_key_id *key_id, bool *done)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct err e = store->ops->key_load(store->self, scope, key_id, &full);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	bool begins = false;
	if (!full.key.destroying)
		TRY(may_begin(service, &full.key, &begins));
	if (begins)
		TRY(begin(service, &full.key));
	if (!full.key.destroying)
		return OK;
	TRY(destroy_versions(service, &full));
	e = clear(service, &full.key);
	if (err_is(e, E_NOT_FOUND)) /* another daemon has ended it */
		return OK;
	TRY(e);
	return end(service, &full, done);
}

NODISCARD struct err key_deletion_run(struct service *service, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, bool *done)
{
	*done = false;
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	struct err e = OK;
	for (unsigned attempt = 0; attempt < KEY_UNMAKING_ATTEMPTS; attempt++) {
		e = run_once(service, scope, key_id, done);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}
