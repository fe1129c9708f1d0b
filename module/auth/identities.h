/* SPDX-License-Identifier: Apache-2.0 */
/* Port: identities and their access keys, with wrapped secrets. store/ implements it; service/
 * unwraps. */
#ifndef HOLDFAST_AUTH_IDENTITIES_H
#define HOLDFAST_AUTH_IDENTITIES_H

#include "auth/principal.h"
#include "base/buf.h"
#include "base/secret.h"

#define AUTH_WRAPPED_MAX 256 /* bytes of a wrapped secret access key, header included */

enum auth_access_key_status { AUTH_KEY_ACTIVE = 1, AUTH_KEY_INACTIVE = 2 };

/* One access key with the principal that it belongs to. */
struct auth_access_key {
	struct auth_principal principal; /* access_key_id filled */
	enum auth_access_key_status status;
	int64_t created_ms;
	uint8_t wrapped[AUTH_WRAPPED_MAX]; /* sealed by the token; AAD account ‖ principal id ‖
					      access key id */
	size_t wrapped_len;
};

/*
 * Rows, sealed and verified as kms/store.h says (same errors). Blocks.
 */
struct auth_identities {
	NODISCARD struct err (*access_key_load)(void *self, struct view access_key_id,
						struct auth_access_key *out); /* E_NOT_FOUND */
	/* The principal when it is new, and the access key: one transaction. E_EXISTS. */
	NODISCARD struct err (*access_key_add)(void *self, const struct auth_access_key *key);
	/* Removes every identity: only for an --init that repeats an interrupted one. */
	NODISCARD struct err (*clear)(void *self);
	void *self;
};

#endif
