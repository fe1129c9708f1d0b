/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_making.h"

#include "base/entropy.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "kms/ciphertext.h"
#include "service/core.h"
#include "service/key_unmaking.h"
#include "service/material_id.h"

#define TRIAL_LEN 32 /* bytes sealed and opened to try a new key */

static struct err label_of(const struct service *service, const struct kms_version *version,
			   char out[HSM_LABEL_MAX + 1])
{
	return kms_version_label(service->options.installation.id, &version->key_id,
				 version->number, out);
}

static struct err add_intent(struct service *service, const struct kms_scope *scope,
			     const struct kms_version *version)
{
	const struct kms_store *store = &service->options.store;
	struct kms_intent intent = {
		.token_id = version->token_id,
		.scope = *scope,
		.key_id = version->key_id,
		.number = version->number,
		.kind = KMS_INTENT_MAKE,
		.lease_ms = clock_real_ms(service->options.clock) + KEY_MAKING_LEASE_MS,
	};
	mem_copy(intent.owner, sizeof intent.owner, service->owner, sizeof service->owner);
	return store->ops->intent_add(store->self, &intent);
}

/* What the token says about the object, when the answer to its making was lost. */
static struct err find(struct service *service, const struct kms_version *version,
		       struct hsm_object *out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_FIND, .object = {.id = version->token_id}};
	TRY(service_token_call(service, &op));
	*out = op.object;
	return OK;
}

static struct err generate(struct service *service, const struct kms_version *version,
			   struct hsm_object *out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_GENERATE,
			    .object = {.id = version->token_id,
				       .role = HSM_ROLE_VERSION,
				       .suite = version->suite}};
	TRY(label_of(service, version, op.object.label));
	struct err e = service_token_call(service, &op);
	/* EXISTS: the id was drawn a moment ago, so it can only be this very call's. */
	if (err_is(e, E_HSM_AWAY) || err_is(e, E_HSM_TIMEOUT) || err_is(e, E_HSM_KEY_EXISTS))
		return find(service, version, out);
	TRY(e);
	*out = op.object;
	return OK;
}

static struct err check_object(const struct service *service, const struct kms_version *version,
			       const struct hsm_object *object)
{
	char label[HSM_LABEL_MAX + 1];
	TRY(label_of(service, version, label));
	REQUIRE(object->sound && object->role == HSM_ROLE_VERSION, E_HSM_ATTRIBUTES);
	REQUIRE(object->suite == version->suite, E_HSM_ATTRIBUTES);
	REQUIRE(text_equal(object->label, label), E_HSM_ATTRIBUTES);
	return OK;
}

NODISCARD struct err key_making_try(struct service *service, const struct kms_version *version)
{
	uint8_t header[KMS_CIPHERTEXT_HEADER_LEN];
	kms_ciphertext_header(version, header);
	const struct hsm_sealing sealing = {.key = version->token_id,
					    .suite = version->suite,
					    .purpose = HSM_PURPOSE_KMS,
					    .header = VIEW_ARRAY(header)};
	CLEANUP(hsm_op_cleanup)
	struct hsm_op made = {.verb = HSM_GENERATE_SEALED,
			      .to = sealing,
			      .length = TRIAL_LEN,
			      .want_plaintext = true};
	TRY(service_token_call(service, &made));
	CLEANUP(hsm_op_cleanup)
	struct hsm_op opened = {
		.verb = HSM_OPEN, .from = sealing, .sealed_in = buf_view(&made.sealed)};
	TRY(service_token_call(service, &opened));
	REQUIRE(secret_equal(made.plaintext_out, opened.plaintext_out), E_HSM_UNSAFE);
	return OK;
}

static struct err is_committed(struct service *service, const struct kms_scope *scope,
			       const struct kms_key_id *key_id, const struct hsm_key_id *token_id,
			       bool *out)
{
	const struct kms_store *store = &service->options.store;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct err e = store->ops->key_load(store->self, scope, key_id, &full);
	*out = false;
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	for (size_t i = 0; i < full.version_count; i++)
		*out |= mem_equal(full.versions[i].token_id.bytes, token_id->bytes,
				  sizeof token_id->bytes);
	return OK;
}

NODISCARD struct err key_making_settle(struct service *service, const struct kms_intent *intent)
{
	const struct kms_store *store = &service->options.store;
	const struct kms_version version = {
		.key_id = intent->key_id, .number = intent->number, .token_id = intent->token_id};
	bool committed = false;
	TRY(is_committed(service, &intent->scope, &intent->key_id, &intent->token_id, &committed));
	if (!committed)
		TRY(key_unmaking_destroy(service, &version));
	struct err e = store->ops->intent_remove(store->self, &intent->token_id);
	return err_is(e, E_NOT_FOUND) ? OK : e;
}

void key_making_abandon(struct service *service, const struct kms_scope *scope,
			const struct kms_version *version)
{
	const struct kms_intent intent = {.token_id = version->token_id,
					  .scope = *scope,
					  .key_id = version->key_id,
					  .number = version->number,
					  .kind = KMS_INTENT_MAKE};
	struct err e = key_making_settle(service, &intent);
	if (err_failed(e))
		log_event(LOG_WARNING, "key.left_to_reconciliation",
			  LOG_NUMBER("version", version->number), LOG_ERR(e));
}

static struct err make_object(struct service *service, const struct kms_version *version)
{
	struct hsm_object object;
	TRY(generate(service, version, &object));
	TRY(check_object(service, version, &object));
	return key_making_try(service, version);
}

/* Whether the generation may still be under way: then only the end of the lease settles it. */
static bool is_unsettled(struct err e)
{
	return err_is(e, E_HSM_AWAY) || err_is(e, E_HSM_TIMEOUT) || err_is(e, E_HSM_KEY_UNKNOWN) ||
	       err_is(e, E_CANCELLED);
}

NODISCARD struct err key_making_begin(struct service *service, const struct kms_scope *scope,
				      struct kms_version *version)
{
	struct hsm_status token;
	hsm_status(service->options.hsm, &token);
	REQUIRE(token.suite != HSM_SUITE_NONE, E_HSM_AWAY);
	version->suite = token.suite;
	version->created_ms = clock_real_ms(service->options.clock);
	TRY(entropy_fill(version->token_id.bytes, sizeof version->token_id.bytes));
	const struct kms_sealer sealer = service_sealer_port(&service->sealer);
	TRY(material_id_make(&sealer, version));
	TRY(add_intent(service, scope, version));
	struct err e = make_object(service, version);
	if (err_failed(e) && !is_unsettled(e))
		key_making_abandon(service, scope, version);
	return err_is(e, E_HSM_KEY_UNKNOWN) ? ERR(E_HSM_TIMEOUT) : e;
}
