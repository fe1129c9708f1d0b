/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interrupted run left: audit records in the outbox, intents, half-made objects. A token
 * object is destroyed only when an intent of ours names it; a version that only the token knows is
 * adopted; one that nobody knows is reported. What a deletion or an expiry left is not touched: it
 * is due, and goes on by itself.
 */
#include "service/reconcile.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "kms/key.h"
#include "service/core.h"
#include "service/event_told.h"
#include "service/key_adoption.h"
#include "service/key_making.h"
#include "service/key_numbers.h"
#include "service/refused.h"
#include "service/scheduler.h"

#define OBJECTS_MAX 1000000 /* on one token */

/* --- the outbox --- */

struct outbox_page {
	struct kms_outbox_record *records;
	size_t count;
};

static void outbox_page_cleanup(struct outbox_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		mem_free((void *)(uintptr_t)page->records[i].line.ptr); /* ours: store.h */
	mem_free(page->records);
	*page = (struct outbox_page){0};
}

/*
 * Told, and appended unless the log has it already; then out of the outbox. The sinks may have
 * heard of it before, under the same id.
 */
static struct err append(struct service *service, const struct kms_outbox_record *record)
{
	const struct kms_store *store = &service->options.store;
	bool found = false;
	event_told_post(service->options.events, record->line);
	if (service->options.audit_directory != NULL)
		TRY(audit_log_contains(service->options.audit_directory, record->event_id, &found));
	if (!found)
		TRY(audit_log_append_wait(service->options.audit, record->line));
	char ids[1][KMS_EVENT_ID_LEN + 1];
	TRY(text_copy(ids[0], sizeof ids[0], view_of_text(record->event_id)));
	return store->ops->outbox_done(store->self, ids, 1);
}

static struct err append_page(struct service *service, size_t *count)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(outbox_page_cleanup) struct outbox_page page = {0};
	TRY(store->ops->outbox_list(store->self, &page.records, &page.count));
	for (size_t i = 0; i < page.count; i++)
		TRY(append(service, &page.records[i]));
	*count = page.count;
	return OK;
}

static struct err append_outbox(struct service *service)
{
	size_t total = 0;
	for (size_t count = 1; count > 0; total += count)
		TRY(append_page(service, &count));
	if (total > 0)
		log_event(LOG_INFO, "reconcile.outbox", LOG_NUMBER("records", total));
	return OK;
}

/* --- intents --- */

static struct err settle(struct service *service, const struct kms_intent *intent)
{
	const struct kms_store *store = &service->options.store;
	int64_t lease_ms = clock_real_ms(service->options.clock) + KEY_MAKING_LEASE_MS;
	TRY(store->ops->intent_claim(store->self, intent, service->owner, lease_ms));
	return key_making_settle(service, intent);
}

static void report_settled(const struct kms_intent *intent, struct err result)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&intent->key_id, id);
	bool raced = err_is(result, E_STORE_CONFLICT) || err_is(result, E_NOT_FOUND);
	if (raced)
		return;
	log_event(err_failed(result) ? LOG_WARNING : LOG_INFO,
		  err_failed(result) ? "reconcile.intent_left" : "reconcile.intent_settled",
		  LOG_TEXT("key", id), LOG_NUMBER("version", intent->number), LOG_ERR(result));
}

/* A token that does not answer would be waited for once more for each intent that is left. */
static bool is_hopeless(const struct service *service, struct err e)
{
	return service_is_stopping(service) || err_category(e) == ERR_UNAVAILABLE;
}

static struct err settle_all(struct service *service)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	TRY(store->ops->intent_list(store->self, clock_real_ms(service->options.clock), &intents,
				    &count));
	struct err e = OK;
	for (size_t i = 0; i < count && !is_hopeless(service, e); i++) {
		if (intents[i].kind != KMS_INTENT_MAKE)
			continue;
		e = settle(service, &intents[i]);
		report_settled(&intents[i], e);
	}
	return OK;
}

void reconcile_intents(struct service *service)
{
	struct err e = settle_all(service);
	if (err_failed(e))
		log_event(LOG_WARNING, "reconcile.intents_unread", LOG_ERR(e));
}

/* --- identities --- */

/* The store says how many it adopted. */
static struct err adopt_identities(struct service *service)
{
	const struct auth_identities *identities = &service->options.identities;
	const struct kms_scope *home = &service->options.installation.scope;
	return identities->adopt(identities->self, home->partition, home->account,
				 clock_real_ms(service->options.clock));
}

/* --- versions against the token --- */

struct inventory {
	struct service *service;
	struct map objects; /* CKA_ID to struct found: everything on the token */
	size_t versions, unsound, unknown, adopted;
};

struct found {
	struct hsm_object object;
	bool known; /* a version of the store names it */
};

static void inventory_cleanup(struct inventory *inventory)
{
	size_t at = 0;
	for (void *found = NULL; (found = map_next(&inventory->objects, &at)) != NULL;)
		mem_free(found);
	map_cleanup(&inventory->objects);
}

static struct err note_object(struct inventory *inventory, const struct hsm_object *object)
{
	REQUIRE(inventory->objects.count < OBJECTS_MAX, E_BOUNDS);
	CLEANUP(mem_free_at) struct found *found = NULL;
	TRY(MEM_NEW(&found));
	found->object = *object;
	void *old = NULL;
	TRY(map_put(&inventory->objects, VIEW_ARRAY(found->object.id.bytes), found, &old));
	(void)TAKE(found);
	mem_free(old);
	return OK;
}

static struct err list_page(struct inventory *inventory, struct hsm_key_id *cursor, size_t *count)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_ENUMERATE, .cursor = *cursor};
	TRY(service_token_call(inventory->service, &op));
	for (size_t i = 0; i < op.object_count; i++)
		TRY(note_object(inventory, &op.objects[i]));
	*cursor = op.cursor;
	*count = op.object_count;
	return OK;
}

static struct err list_objects(struct inventory *inventory)
{
	struct hsm_key_id cursor = {0};
	for (size_t count = 1; count > 0;)
		TRY(list_page(inventory, &cursor, &count));
	return OK;
}

static bool is_usable(const struct service *service, const struct kms_version *version,
		      const struct hsm_object *object)
{
	char label[HSM_LABEL_MAX + 1];
	if (err_failed(kms_version_label(service->options.installation.id, &version->key_id,
					 version->number, label)))
		return false;
	return object->sound && object->role == HSM_ROLE_VERSION &&
	       object->suite == version->suite && text_equal(object->label, label);
}

static void report_version(const struct kms_version *version, struct err why)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&version->key_id, id);
	log_event(LOG_ERROR, "reconcile.version_refused", LOG_TEXT("key", id),
		  LOG_NUMBER("version", version->number), LOG_ERR(why));
}

static void report_left(const struct kms_version *version)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&version->key_id, id);
	log_event(
		LOG_WARNING, "reconcile.object_left", LOG_TEXT("key", id),
		LOG_NUMBER("version", version->number),
		LOG_TEXT("meaning", "the token has material that was destroyed as expired"),
		LOG_TEXT("action", "the token was restored from a copy: destroy the object there"));
}

/* Whether the object may be missing: those of a key that is being deleted go one by one. */
static bool is_going(struct service *service, const struct kms_scope *scope,
		     const struct kms_version *version)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	if (version->material == KMS_MATERIAL_GOING)
		return true;
	struct err e = store->ops->key_load(store->self, scope, &version->key_id, &full);
	/* Not found: another daemon was at it. A row that cannot be read is no excuse. */
	return err_failed(e) ? err_is(e, E_NOT_FOUND) : full.key.destroying;
}

static struct err check_version(void *user, const struct kms_scope *scope,
				const struct kms_version *version)
{
	struct inventory *inventory = (struct inventory *)user;
	struct service *service = inventory->service;
	struct found *found = map_get(&inventory->objects, VIEW_ARRAY(version->token_id.bytes));
	inventory->versions++;
	if (found != NULL)
		found->known = true;
	if (version->material == KMS_MATERIAL_GONE) {
		if (found != NULL)
			report_left(version);
		return OK;
	}
	if (found != NULL && is_usable(service, version, &found->object))
		return OK;
	if (found == NULL && is_going(service, scope, version))
		return OK;
	report_version(version, ERR(found != NULL ? E_HSM_ATTRIBUTES : E_HSM_KEY_UNKNOWN));
	inventory->unsound++;
	return refused_add(service->refused, &version->token_id);
}

/* Never destroyed. Ciphertexts may name its number, which is not given to another version. */
static struct err report_unknown(struct inventory *inventory, const struct hsm_object *object,
				 const char *why)
{
	struct kms_key_id key_id;
	uint32_t number = 0;
	TRY(kms_version_label_parse(inventory->service->options.installation.id, object->label,
				    &key_id, &number));
	inventory->unknown++;
	TRY(key_numbers_note(inventory->service->key_numbers, &key_id, number));
	log_event(LOG_WARNING, "reconcile.object_unknown", LOG_TEXT("label", object->label),
		  LOG_TEXT("meaning", "the store does not know this object of the token"),
		  LOG_TEXT("reason", why),
		  LOG_TEXT("action", "restore the store if it is an older copy; the object is left "
				     "alone"));
	return OK;
}

/* Objects under our name that no version knows. */
static struct err adopt_versions(struct inventory *inventory)
{
	struct service *service = inventory->service;
	size_t at = 0;
	for (struct found *found; (found = map_next(&inventory->objects, &at)) != NULL;) {
		struct kms_key_id key_id;
		uint32_t number = 0;
		bool adopted = false;
		const char *why = NULL;
		bool ours = !err_failed(kms_version_label_parse(
			service->options.installation.id, found->object.label, &key_id, &number));
		if (found->known || !ours)
			continue;
		TRY(key_adoption_run(service, &found->object, &adopted, &why));
		inventory->adopted += adopted;
		if (!adopted)
			TRY(report_unknown(inventory, &found->object, why));
	}
	return OK;
}

static struct err check_versions(struct service *service)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(inventory_cleanup) struct inventory inventory = {.service = service};
	TRY(map_init(&inventory.objects));
	TRY(list_objects(&inventory));
	TRY(store->ops->version_each(store->self, check_version, &inventory));
	TRY(adopt_versions(&inventory));
	log_event(LOG_INFO, "reconcile.done", LOG_NUMBER("versions", inventory.versions),
		  LOG_NUMBER("refused", inventory.unsound),
		  LOG_NUMBER("adopted", inventory.adopted),
		  LOG_NUMBER("unknown_objects", inventory.unknown));
	return OK;
}

NODISCARD struct err service_reconcile(struct service *service)
{
	TRY(append_outbox(service));
	TRY(settle_all(service));
	TRY(adopt_identities(service));
	TRY(check_versions(service));
	atomic_store(&service->reconciled, true);
	scheduler_wake(service->scheduler);
	return OK;
}
