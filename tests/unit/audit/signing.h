/* SPDX-License-Identifier: Apache-2.0 */
/* A signer of the tests' own, in place of the token: keys, answers at once or when it is told to,
 * failures. */
#ifndef HOLDFAST_TESTS_AUDIT_SIGNING_H
#define HOLDFAST_TESTS_AUDIT_SIGNING_H

#include <stdatomic.h>

#include "audit/signer.h"

struct signing {
	struct audit_signer port;
	void *key; /* EVP_PKEY */
	uint8_t public_key[AUDIT_POINT_LEN];

	atomic_uint fail_with; /* an error's code; 0: it signs */
	atomic_bool hold;      /* what comes is kept until signing_release() */
	_Atomic(struct audit_signing *) held;
	atomic_int asked;
};

void signing_open(struct signing *s);
void signing_close(struct signing *s);

/* Answers what is held. */
void signing_release(struct signing *s);

void signing_sign(struct signing *s, const uint8_t digest[AUDIT_HASH_LEN],
		  uint8_t out[AUDIT_SIGNATURE_LEN]);

#endif
