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

NODISCARD struct err service_open_installation(struct hsm *hsm,
					       const struct kms_installation_store *store,
					       struct service_sealer *sealer,
					       struct kms_installation *out)
{
	struct kms_installation row;
	struct err e = store->load(store->self, &row);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_NOT_INITIALISED);
	TRY(e);
	REQUIRE(row.ready, E_NOT_INITIALISED);
	/* Waits for a token that is still starting. Another token lacks the keys, too: say which.
	 */
	struct err keys = check_keys(hsm, sealer->clock, &row);
	TRY(init_check_token(hsm, &row));
	TRY(keys);
	sealer->key = row.row_seal;
	TRY(store->verify(store->self));
	*out = row;
	return OK;
}
