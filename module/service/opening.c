/* SPDX-License-Identifier: Apache-2.0 */
/* service_open_installation(): what every start checks before anything is believed. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/init.h"
#include "service/service.h"

NODISCARD struct err init_key(const struct kms_installation *installation, size_t which,
			      struct hsm_object *out)
{
	const struct {
		const struct hsm_key_id *id;
		enum hsm_role role;
		enum hsm_suite suite;
	} keys[INIT_KEYS] = {
		{&installation->row_seal, HSM_ROLE_ROW_SEAL, HSM_SUITE_NONE},
		{&installation->audit_sign, HSM_ROLE_AUDIT_SIGN, HSM_SUITE_NONE},
		{&installation->secret_wrap, HSM_ROLE_SECRET_WRAP, installation->secret_wrap_suite},
	};
	ENSURE(which < INIT_KEYS);
	*out = (struct hsm_object){
		.id = *keys[which].id, .role = keys[which].role, .suite = keys[which].suite};
	return kms_installation_label(installation->id, out->role, out->label);
}

NODISCARD struct err init_check_key(struct hsm *hsm, const struct clock *clock,
				    const struct hsm_object *wanted)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_KEY_FIND,
			    .deadline_ms = init_deadline_ms(clock),
			    .object = {.id = wanted->id}};
	TRY(hsm_call(hsm, &op));
	REQUIRE(op.object.sound && op.object.role == wanted->role, E_HSM_ATTRIBUTES);
	REQUIRE(op.object.suite == wanted->suite, E_HSM_ATTRIBUTES);
	REQUIRE(text_equal(op.object.label, wanted->label), E_HSM_ATTRIBUTES);
	return OK;
}

NODISCARD struct err init_check_token(struct hsm *hsm, const struct kms_installation *installation)
{
	struct hsm_status token;
	hsm_status(hsm, &token);
	REQUIRE(token.condition == HSM_UP, E_HSM_AWAY);
	REQUIRE(text_equal(token.serial, installation->token_serial), E_HSM_TOKEN_CHANGED);
	return OK;
}

static struct err check_keys(struct hsm *hsm, const struct clock *clock,
			     const struct kms_installation *installation)
{
	for (size_t i = 0; i < INIT_KEYS; i++) {
		struct hsm_object wanted;
		TRY(init_key(installation, i, &wanted));
		struct err e = init_check_key(hsm, clock, &wanted);
		if (err_failed(e))
			log_event(LOG_ERROR, "installation.key_refused",
				  LOG_TEXT("label", wanted.label), LOG_ERR(e));
		TRY(e);
	}
	return OK;
}

NODISCARD struct err service_check_pinned(const struct kms_installation_store *store,
					  const char *pinned)
{
	struct kms_installation row;
	if (pinned == NULL || pinned[0] == '\0' || err_failed(store->load(store->self, &row)))
		return OK;
	if (text_equal(row.id, pinned))
		return OK;
	struct err e = ERR(E_INSTALLATION_OTHER);
	log_event(LOG_ERROR, "installation.another", LOG_TEXT("store_has", row.id),
		  LOG_TEXT("settings_name", pinned), LOG_ERR(e));
	return e;
}

static struct err refuse(struct err cause, const char *why)
{
	struct err e = ERR_DETAIL(E_INSTALLATION, cause.code);
	log_event(LOG_ERROR, "installation.refused", LOG_TEXT("cause", err_name(cause)),
		  LOG_TEXT("why", why), LOG_ERR(e));
	return e;
}

static struct err load(const struct kms_installation_store *store, struct kms_installation *out)
{
	struct err e = store->load(store->self, out);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_NOT_INITIALISED);
	if (err_is(e, E_STORE_SEAL))
		return refuse(e, "there is not one row that can be read");
	TRY(e);
	REQUIRE(out->ready, E_NOT_INITIALISED);
	return OK;
}

/* The token is the one that the row names, or has its keys all the same. */
static struct err judge_keys(struct err keys, struct err token)
{
	if (!err_failed(keys))
		return OK;
	TRY(token); /* another one lacks the keys, too: say which */
	if (err_is(keys, E_HSM_KEY_UNKNOWN) || err_is(keys, E_HSM_ATTRIBUTES))
		return refuse(keys, "the token has not the keys that it names: it was changed, or "
				    "they were removed from the token");
	return keys;
}

NODISCARD struct err service_open_installation(struct hsm *hsm,
					       const struct kms_installation_store *store,
					       struct service_sealer *sealer,
					       struct kms_installation *out)
{
	struct kms_installation row;
	TRY(load(store, &row));
	/* Waits for a token that is still starting. */
	struct err keys = check_keys(hsm, sealer->clock, &row);
	struct err token = init_check_token(hsm, &row);
	TRY(judge_keys(keys, token));
	sealer->key = row.row_seal;
	struct err e = store->verify(store->self);
	if (err_is(e, E_STORE_SEAL))
		return refuse(e, "it does not carry its seal: it was changed");
	TRY(e);
	TRY(token); /* only now: a row that was changed may name another one */
	*out = row;
	return OK;
}
