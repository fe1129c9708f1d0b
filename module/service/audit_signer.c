/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit_signer.h"

#include "base/mem.h"

#define TIMEOUT_DEFAULT_MS 5000

_Static_assert(AUDIT_HASH_LEN == HSM_DIGEST_LEN && AUDIT_SIGNATURE_LEN == HSM_SIGNATURE_LEN &&
		       AUDIT_POINT_LEN == HSM_POINT_LEN,
	       "audit and token agree on what a signature is");

static int64_t deadline_ms(const struct service_audit_signer *signer)
{
	uint32_t timeout_ms = signer->timeout_ms ? signer->timeout_ms : TIMEOUT_DEFAULT_MS;
	return clock_steady_ms(signer->clock) + timeout_ms;
}

struct flight {
	struct hsm_op op;
	struct audit_signing *signing;
};

static void signed_by_token(struct hsm_op *op, struct err result)
{
	struct flight *flight = (struct flight *)op->user;
	struct audit_signing *signing = flight->signing;
	mem_copy(signing->signature, sizeof signing->signature, op->signature,
		 sizeof op->signature);
	hsm_op_cleanup(op);
	mem_free(flight);
	signing->done(signing, result);
}

static void sign(void *self, struct audit_signing *signing)
{
	const struct service_audit_signer *signer = (const struct service_audit_signer *)self;
	struct flight *flight = NULL;
	struct err e = MEM_NEW(&flight);
	if (err_failed(e)) {
		signing->done(signing, e);
		return;
	}
	flight->signing = signing;
	flight->op = (struct hsm_op){.verb = HSM_SIGN,
				     .deadline_ms = deadline_ms(signer),
				     .from = {.key = signer->key},
				     .done = signed_by_token,
				     .user = flight};
	mem_copy(flight->op.digest, sizeof flight->op.digest, signing->digest,
		 sizeof signing->digest);
	hsm_submit(signer->hsm, &flight->op);
}

NODISCARD struct err service_audit_signer_open(struct service_audit_signer *signer)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_PUBLIC_KEY,
			    .deadline_ms = deadline_ms(signer),
			    .from = {.key = signer->key}};
	TRY(hsm_call(signer->hsm, &op));
	mem_copy(signer->public_key, sizeof signer->public_key, op.point, sizeof op.point);
	signer->port = (struct audit_signer){
		.sign = sign, .self = signer, .public_key = signer->public_key};
	return audit_key_id(signer->public_key, signer->port.key);
}
