/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access keys in memory, long-lived (AKIA) and temporary (ASIA): principals, secrets (locked pages)
 * and the days' signing keys, bounded. What is not here is loaded from the store and unwrapped by
 * the token, where blocking is allowed.
 */
#ifndef HOLDFAST_SERVICE_CREDENTIALS_H
#define HOLDFAST_SERVICE_CREDENTIALS_H

#include "auth/identities.h"
#include "base/clock.h"
#include "kms/installation.h"

#define CREDENTIALS_MAX 1024        /* access keys in memory */
#define CREDENTIALS_UNKNOWN_MAX 512 /* access key ids known not to exist */
#define CREDENTIALS_UNKNOWN_MS 1000 /* for how long */
#define CREDENTIALS_SERVICE_MAX 15  /* characters of a service's name in a scope */

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
	struct view date;    /* 8 digits, checked by the caller to be about today's; empty: none */
	struct view service; /* of the signing key: kms, sts; at most CREDENTIALS_SERVICE_MAX */
	struct view session_token; /* as it was sent; empty: none was */
	bool may_block;
};

/* Who it is. `secret` is the signing key of date and service in this installation's Region, or,
 * without a date, the secret access key itself. credentials_found_cleanup(). */
struct credentials_found {
	struct auth_principal principal;
	char *session_policy; /* mem_free(); NULL without */
	struct secret *secret;
};
void credentials_found_cleanup(struct credentials_found *found);

/*
 * The session token is compared before anything else is done with temporary credentials, and again
 * at every use, as is their end. E_AUTH_UNKNOWN_KEY (none, or inactive; a token that is wrong, is
 * missing or came with a long-lived key); E_AUTH_TOKEN_EXPIRED; E_WOULD_BLOCK when it is not in
 * memory and blocking is not allowed; E_BUSY; E_HSM_..., E_STORE_...
 */
NODISCARD struct err credentials_find(struct credentials *credentials,
				      const struct credentials_query *query,
				      struct credentials_found *out);

/* Forgets everything: an identity, an access key or a session may have changed in the store. After
 * the commit, before the reply. */
void credentials_drop(struct credentials *credentials);

/*
 * API secrets at rest: format 1 | suite 1 | nonce 15 | IV 12 | ciphertext | tag 16, under the
 * secret-wrap key; the context is account, principal id and access key id, each with a 16-bit
 * length. Both block. key->wrapped is filled by wrap and read by unwrap; of `key` they look at
 * nothing else but these three, so that it may stand for temporary credentials, too.
 */
NODISCARD struct err credentials_wrap(const struct credentials_options *options,
				      const struct secret *secret_key, struct auth_access_key *key);
NODISCARD struct err credentials_unwrap(const struct credentials_options *options,
					const struct auth_access_key *key, struct secret **out);

#endif
