/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_adoption.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "service/core.h"
#include "service/key_making.h"
#include "service/keyring.h"
#include "service/material_id.h"
#include "service/service_event.h"

#define ATTEMPTS 4 /* when others change the same key meanwhile */
#define RESPONSE_MAX 256
#define DETAILS_MAX 512
#define MATERIAL_TEXT (2 * KMS_MATERIAL_ID_LEN + 1)

/* One on its way. adoption_cleanup(). */
struct adoption {
	struct kms_scope scope;
	struct kms_key_full full; /* the key as it is */
	struct kms_version version;
	const char *why;
	char response[RESPONSE_MAX], details[DETAILS_MAX];
	struct service_event_record record;
};

static void adoption_cleanup(struct adoption *adoption)
{
	kms_key_full_cleanup(&adoption->full);
	service_event_cleanup(&adoption->record);
}

/* --- may it be --- */

/* Why the object cannot be a version of this key; NULL: it can. */
static const char *fault_of(const struct kms_key_full *full, const struct hsm_object *object,
			    uint32_t number)
{
	if (kms_key_full_version(full, number) != NULL)
		return "another object of the token is this version";
	if (full->key.origin != KMS_ORIGIN_AWS_KMS || full->key.spec != KMS_SPEC_SYMMETRIC_DEFAULT)
		return "keys of this kind have no versions that the token makes";
	if (full->key.current_version == 0)
		return "the key has no material";
	if (full->version_count >= KMS_VERSIONS_MAX)
		return "the key has as many versions as one may have";
	if (object->role != HSM_ROLE_VERSION || object->suite == HSM_SUITE_NONE)
		return "the object is not made for a version";
	return object->sound ? NULL : "it lacks an attribute that a version must have";
}

/* Somebody is making or destroying it: theirs to end. */
static struct err is_intended(struct service *service, const struct hsm_key_id *id, bool *out)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	*out = false;
	TRY(store->ops->intent_list(store->self, INT64_MAX, &intents, &count));
	for (size_t i = 0; i < count; i++)
		*out |= mem_equal(intents[i].token_id.bytes, id->bytes, sizeof id->bytes);
	return OK;
}

/* What the store says of the key that the label names. */
static struct err look_up(struct service *service, const struct hsm_object *object,
			  struct adoption *adoption)
{
	const struct kms_store *store = &service->options.store;
	struct kms_version *version = &adoption->version;
	bool intended = false;
	TRY(kms_version_label_parse(service->options.installation.id, object->label,
				    &version->key_id, &version->number));
	/* Before the key is loaded: what was made meanwhile is then seen there. */
	TRY(is_intended(service, &object->id, &intended));
	if (intended)
		adoption->why = "a version that is being made or destroyed";
	struct err e = store->ops->key_locate(store->self, &version->key_id, &adoption->scope);
	if (!err_failed(e))
		e = store->ops->key_load_lacking(store->self, &adoption->scope, &version->key_id,
						 &adoption->full);
	if (err_is(e, E_NOT_FOUND))
		adoption->why = "the store does not know the key";
	else if (err_is(e, E_STORE_SEAL))
		adoption->why = "the store's row of the key does not carry its seal";
	else
		TRY(e);
	if (adoption->why == NULL)
		adoption->why = fault_of(&adoption->full, object, version->number);
	return OK;
}

/* --- taking it --- */

static struct err fill(struct service *service, const struct hsm_object *object,
		       struct kms_version *version)
{
	const struct kms_sealer sealer = service_sealer_port(&service->sealer);
	version->token_id = object->id;
	version->suite = object->suite;
	/* When it was made nobody knows any more. */
	version->created_ms = clock_real_ms(service->options.clock);
	/* Nor how many messages: as if its budget were used up. Only decryption needs it. */
	if (object->suite == HSM_SUITE_DIRECT)
		version->messages_reserved = service->options.direct_messages_max;
	return material_id_make(&sealer, version);
}

/* An object that is not what it says fails here, whatever its attributes are. */
static struct err try_it(struct service *service, struct adoption *adoption)
{
	struct err e = key_making_try(service, &adoption->version);
	if (err_category(e) == ERR_UNAVAILABLE || err_category(e) == ERR_CAPACITY)
		return e;
	if (err_failed(e))
		adoption->why = "it does not seal and open";
	return OK;
}

static struct err write_record(struct service *service, struct adoption *adoption)
{
	const struct kms_key *key = &adoption->full.key;
	char id[KMS_KEY_ID_TEXT + 1], arn[KMS_KEY_ARN_TEXT], material[MATERIAL_TEXT];
	struct writer w;
	writer_init(&w, material, sizeof material);
	hex_encode(&w, VIEW_ARRAY(adoption->version.material_id));
	TRY(writer_end_text(&w));
	kms_key_id_format(&key->id, id);
	kms_key_arn_format(&key->scope, &key->id, arn);
	TRY(text_format(adoption->response, sizeof adoption->response, "\"keyId\":\"%s\"", arn));
	TRY(text_format(adoption->details, sizeof adoption->details,
			"\"keyId\":\"%s\",\"keyOrigin\":\"%s\",\"version\":%u,"
			"\"keyMaterialId\":\"%s\",\"currentVersion\":%u",
			id, kms_origin_name(key->origin), adoption->version.number, material,
			key->current_version));
	return service_event_write(
		&(struct service_event){
			.name = "AdoptKeyVersion",
			.time_ms = clock_real_ms(service->options.clock),
			.scope = &key->scope,
			.key_id = &key->id,
			.response_members = view_of_text(adoption->response),
			.detail_members = view_of_text(adoption->details),
			.decided_by = VIEW_LITERAL("service: the token has a version of the key "
						   "that the store had not")},
		&adoption->record);
}

static struct err commit(struct service *service, struct adoption *adoption)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(kms_key_cleanup) struct kms_key changed = {0};
	TRY(kms_key_copy(&adoption->full.key, &changed));
	changed.revision++;
	TRY(write_record(service, adoption));
	struct err e = store->ops->version_adopt(store->self, &changed, &adoption->version,
						 &adoption->record.outbox);
	keyring_drop(service->keyring, &changed.id);
	return e;
}

static void tell(struct service *service, struct adoption *adoption)
{
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&adoption->version.key_id, id);
	service_event_tell(service, &adoption->record, true);
	log_event(LOG_WARNING, "key.version_adopted", LOG_TEXT("key", id),
		  LOG_NUMBER("version", adoption->version.number),
		  LOG_TEXT("meaning", "the token had it and the store had not, as after the store "
				      "was put back from an older copy"));
}

/* E_STORE_CONFLICT: somebody changed the key meanwhile; nothing was done. */
static struct err adopt_once(struct service *service, const struct hsm_object *object,
			     const char **why)
{
	CLEANUP(adoption_cleanup) struct adoption adoption = {.why = NULL};
	TRY(look_up(service, object, &adoption));
	if (adoption.why == NULL) {
		TRY(fill(service, object, &adoption.version));
		TRY(try_it(service, &adoption));
	}
	*why = adoption.why;
	if (adoption.why != NULL)
		return OK;
	TRY(commit(service, &adoption));
	tell(service, &adoption);
	return OK;
}

NODISCARD struct err key_adoption_run(struct service *service, const struct hsm_object *object,
				      bool *adopted, const char **why)
{
	struct err e = ERR(E_STORE_CONFLICT);
	*adopted = false;
	*why = NULL;
	REQUIRE(audit_log_healthy(service->options.audit), E_AUDIT);
	for (unsigned i = 0; i < ATTEMPTS && err_is(e, E_STORE_CONFLICT); i++)
		e = adopt_once(service, object, why);
	if (err_is(e, E_EXISTS)) /* by another daemon, this moment */
		*why = "another object of the token is this version";
	*adopted = !err_failed(e) && *why == NULL;
	return err_is(e, E_EXISTS) ? OK : e;
}
