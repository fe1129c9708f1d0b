/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access keys in memory: principals, secrets (locked pages) and the days' signing keys, bounded.
 * What is not here is loaded from the store and unwrapped by the token, where blocking is allowed.
 */
#ifndef HOLDFAST_SERVICE_CREDENTIALS_H
#define HOLDFAST_SERVICE_CREDENTIALS_H

#include "auth/identities.h"
#include "base/clock.h"
#include "kms/installation.h"

#define CREDENTIALS_MAX 1024        /* access keys in memory */
#define CREDENTIALS_UNKNOWN_MAX 512 /* access key ids known not to exist */
#define CREDENTIALS_UNKNOWN_MS 1000 /* for how long */

struct credentials;

struct credentials_options {
	struct hsm *hsm;
	struct auth_identities identities;
	struct kms_installation installation;
	uint32_t token_timeout_ms;
	const struct clock *clock;
};

NODISCARD struct err credentials_new(const struct credentials_options *options,
				     struct credentials **out);
void credentials_free(struct credentials **credentials);

/* What is asked for; views are borrowed during the call. */
struct credentials_query {
	struct view access_key_id;
	struct view date; /* 8 digits, checked by the caller to be about today's; empty: none */
	bool may_block;
};

/*
 * The principal, and the signing key of the date for this installation's region and the service
 * kms; without a date, the secret access key itself. *secret: secret_free(). E_AUTH_UNKNOWN_KEY
 * (none, or inactive); E_WOULD_BLOCK when it is not in memory and blocking is not allowed; E_BUSY;
 * E_HSM_..., E_STORE_...
 */
NODISCARD struct err credentials_find(struct credentials *credentials,
				      const struct credentials_query *query,
				      struct auth_principal *principal, struct secret **secret);

/* Forgets everything: an identity may have changed in the store. */
void credentials_drop(struct credentials *credentials);

/*
 * API secrets at rest: format 1 | suite 1 | nonce 15 | IV 12 | ciphertext | tag 16, under the
 * secret-wrap key; the context is account, principal id and access key id, each with a 16-bit
 * length. Both block. key->wrapped is filled by wrap and read by unwrap.
 */
NODISCARD struct err credentials_wrap(const struct credentials_options *options,
				      const struct secret *secret_key, struct auth_access_key *key);
NODISCARD struct err credentials_unwrap(const struct credentials_options *options,
					const struct auth_access_key *key, struct secret **out);

#endif
