/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_rotation.h"

#include "base/log.h"
#include "base/text.h"
#include "codec/hex.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/key_numbers.h"
#include "service/keyring.h"
#include "service/scheduler.h"
#include "service/service_event.h"

#define ATTEMPTS 4 /* when others change the same key meanwhile, */
#define COMMITS 32 /* and of one object: it takes far longer to make than to commit */
#define ROUNDS_MAX KMS_ROTATION_COUNT
#define RESPONSE_MAX 256
#define DETAILS_MAX 512
#define MATERIAL_TEXT (2 * KMS_MATERIAL_ID_LEN + 1)

/* Why, for the audit record. */
static const struct view reasons[KMS_ROTATION_COUNT] = {
	[KMS_ROTATION_AUTOMATIC] = VIEW_LITERAL("schedule: the rotation period of the key is over"),
	[KMS_ROTATION_ON_DEMAND] = VIEW_LITERAL("request: RotateKeyOnDemand"),
	[KMS_ROTATION_BUDGET] =
		VIEW_LITERAL("service: the message budget of the key material is nearly used up"),
};

/* One rotation on its way. rotation_cleanup(). */
struct rotation {
	struct kms_key_full full; /* before it */
	struct kms_key changed;   /* after it */
	struct kms_version version;
	enum kms_rotation_type type;
	char response[RESPONSE_MAX], details[DETAILS_MAX];
	struct service_event event;
	struct service_event_record record;
};

static void rotation_cleanup(struct rotation *rotation)
{
	kms_key_full_cleanup(&rotation->full);
	kms_key_cleanup(&rotation->changed);
	service_event_cleanup(&rotation->record);
}

static void write_material(const struct kms_version *version, char out[MATERIAL_TEXT])
{
	struct writer w;
	writer_init(&w, out, MATERIAL_TEXT - 1);
	hex_encode(&w, VIEW_ARRAY(version->material_id));
	out[w.len] = '\0';
}

/* KMS Developer Guide, "RotateKey" among the CloudTrail log entries. */
static struct err write_details(struct rotation *rotation)
{
	char id[KMS_KEY_ID_TEXT + 1], arn[KMS_KEY_ARN_TEXT];
	char before[MATERIAL_TEXT] = "", after[MATERIAL_TEXT];
	const struct kms_key *key = &rotation->full.key;
	const struct kms_version *current = kms_rotation_current(&rotation->full);
	kms_key_id_format(&key->id, id);
	kms_key_arn_format(&key->scope, &key->id, arn);
	if (current != NULL)
		write_material(current, before);
	write_material(&rotation->version, after);
	TRY(text_format(rotation->response, sizeof rotation->response, "\"keyId\":\"%s\"", arn));
	return text_format(rotation->details, sizeof rotation->details,
			   "\"rotationType\":\"%s\",\"keyId\":\"%s\",\"keyOrigin\":\"%s\","
			   "\"previousKeyMaterialId\":\"%s\",\"currentKeyMaterialId\":\"%s\"",
			   kms_rotation_name(rotation->type), id, kms_origin_name(key->origin),
			   before, after);
}

static struct err write_record(struct rotation *rotation)
{
	const struct kms_key *key = &rotation->full.key;
	TRY(write_details(rotation));
	rotation->event = (struct service_event){
		.name = "RotateKey",
		.time_ms = rotation->version.created_ms,
		.scope = &key->scope,
		.key_id = &key->id,
		.response_members = view_of_text(rotation->response),
		.detail_members = view_of_text(rotation->details),
		.decided_by = reasons[rotation->type],
	};
	return service_event_write(&rotation->event, &rotation->record);
}

/* DESIGN, "Ciphertext": one above the highest in the store and among the token's labels. */
static uint32_t next_number(struct service *service, const struct kms_key_full *full)
{
	uint32_t highest = key_numbers_highest(service->key_numbers, &full->key.id);
	for (size_t i = 0; i < full->version_count; i++)
		highest = MAX_OF(highest, full->versions[i].number);
	return highest + 1;
}

static struct err make(struct service *service, struct rotation *rotation)
{
	const struct kms_key_full *full = &rotation->full;
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	REQUIRE(full->version_count < KMS_VERSIONS_MAX, E_KMS_LIMIT);
	rotation->version = (struct kms_version){.key_id = full->key.id,
						 .number = next_number(service, full),
						 .rotation = rotation->type};
	ENSURE(rotation->version.number != 0);
	return key_making_begin(service, &full->key.scope, &rotation->version);
}

static struct err prepare(struct service *service, struct rotation *rotation)
{
	const struct kms_version *version = &rotation->version;
	TRY(kms_key_copy(&rotation->full.key, &rotation->changed));
	kms_rotation_done(&rotation->changed, rotation->type, version->number,
			  &service->options.rotation, version->created_ms);
	rotation->changed.revision++;
	TRY(kms_key_check(&rotation->changed));
	return write_record(rotation);
}

/* A commit that answers with an error may have happened all the same. */
static bool is_committed(struct service *service, const struct rotation *rotation)
{
	const struct kms_store *store = &service->options.store;
	const struct kms_key *key = &rotation->full.key;
	const struct kms_version *made = &rotation->version;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	if (err_failed(store->ops->key_load(store->self, &key->scope, &key->id, &full)))
		return false;
	const struct kms_version *stored = kms_key_full_version(&full, made->number);
	return stored != NULL &&
	       view_equal(VIEW_ARRAY(stored->token_id.bytes), VIEW_ARRAY(made->token_id.bytes));
}

static struct err commit(struct service *service, const struct rotation *rotation)
{
	const struct kms_store *store = &service->options.store;
	struct err e = store->ops->key_rotate(store->self, &rotation->changed, &rotation->version,
					      &rotation->record.outbox);
	keyring_drop(service->keyring, &rotation->changed.id);
	return err_failed(e) && is_committed(service, rotation) ? OK : e;
}

/* Somebody changed the key. Where it needs the very same rotation all the same, the object that was
 * made for it is good: else who may change a description, and does so all the time, would put the
 * rotation off for ever. E_STORE_CONFLICT: it does not. */
static struct err look_again(struct service *service, struct rotation *rotation)
{
	const struct kms_store *store = &service->options.store;
	const struct kms_key *key = &rotation->full.key;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	TRY(store->ops->key_load(store->self, &key->scope, &key->id, &full));
	enum kms_rotation_type type = kms_rotation_due(&full, &service->options.rotation,
						       clock_real_ms(service->options.clock));
	REQUIRE(type == rotation->type, E_STORE_CONFLICT);
	REQUIRE(next_number(service, &full) == rotation->version.number, E_STORE_CONFLICT);
	kms_key_full_cleanup(&rotation->full);
	rotation->full = full;
	full = (struct kms_key_full){0};
	kms_key_cleanup(&rotation->changed);
	return OK;
}

static struct err try_commit(struct service *service, struct rotation *rotation)
{
	TRY(prepare(service, rotation));
	return commit(service, rotation);
}

/* From the object on the token to the new version in the store. When that fails the object goes,
 * somebody else's intent or not: whoever settles it finds nothing committed and destroys just the
 * same, and to destroy what is gone is no failure. */
static struct err complete(struct service *service, struct rotation *rotation)
{
	struct err e = try_commit(service, rotation);
	for (unsigned i = 1; i < COMMITS && err_is(e, E_STORE_CONFLICT); i++) {
		if (err_failed(look_again(service, rotation)))
			break;
		e = try_commit(service, rotation);
	}
	if (err_failed(e))
		key_making_abandon(service, &rotation->full.key.scope, &rotation->version);
	return e;
}

static void tell(struct service *service, struct rotation *rotation)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&rotation->changed.id, id);
	service_event_tell(service, &rotation->record, true);
	log_event(LOG_INFO, "key.rotated", LOG_TEXT("key", id),
		  LOG_NUMBER("version", rotation->version.number),
		  LOG_VIEW("reason", reasons[rotation->type]));
}

/* E_STORE_CONFLICT: somebody changed the key meanwhile; nothing was done. */
static struct err rotate_once(struct service *service, const struct kms_scope *scope,
			      const struct kms_key_id *key_id, bool *rotated)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(rotation_cleanup) struct rotation rotation = {.type = KMS_ROTATION_NONE};
	*rotated = false;
	struct err e = store->ops->key_load(store->self, scope, key_id, &rotation.full);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	rotation.type = kms_rotation_due(&rotation.full, &service->options.rotation,
					 clock_real_ms(service->options.clock));
	if (rotation.type == KMS_ROTATION_NONE)
		return OK;
	TRY(make(service, &rotation));
	TRY(complete(service, &rotation));
	tell(service, &rotation);
	*rotated = true;
	return OK;
}

static struct err rotate(struct service *service, const struct kms_scope *scope,
			 const struct kms_key_id *key_id, bool *rotated)
{
	struct err e = OK;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		e = rotate_once(service, scope, key_id, rotated);
		if (!err_is(e, E_STORE_CONFLICT))
			return e;
	}
	return e;
}

NODISCARD struct err key_rotation_run(struct service *service, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, unsigned *rotated)
{
	bool again = true;
	*rotated = 0;
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		TRY(rotate(service, scope, key_id, &again));
		if (!again)
			break;
		++*rotated;
		TRY(scheduler_rest(service->scheduler));
	}
	return OK;
}
