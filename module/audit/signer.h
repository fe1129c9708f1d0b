/* SPDX-License-Identifier: Apache-2.0 */
/* Port: signs heads of the chain with the token's audit-signing key. Implemented in service/. */
#ifndef HOLDFAST_AUDIT_SIGNER_H
#define HOLDFAST_AUDIT_SIGNER_H

#include "audit/chain.h"

/* One signature on its way: the caller's until `done` is called, once, on any thread; it must not
 * block. */
struct audit_signing {
	uint8_t digest[AUDIT_HASH_LEN];
	uint8_t signature[AUDIT_SIGNATURE_LEN]; /* r, then s */
	void (*done)(struct audit_signing *signing, struct err result);
	void *user;
};

struct audit_signer {
	/* Never blocks; failures (E_HSM_...) arrive through `done`: the head is signed later. */
	void (*sign)(void *self, struct audit_signing *signing);
	void *self;
	const uint8_t *public_key;      /* AUDIT_POINT_LEN bytes; lives as long as the port */
	char key[AUDIT_KEY_ID_LEN + 1]; /* audit_key_id() of its public key */
};

#endif
