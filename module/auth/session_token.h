/* SPDX-License-Identifier: Apache-2.0 */
/* Session tokens are known by their hash alone: whoever reads the store cannot use them. */
#ifndef HOLDFAST_AUTH_SESSION_TOKEN_H
#define HOLDFAST_AUTH_SESSION_TOKEN_H

#include "auth/identities.h"

/* SHA-256 of the token's text. Tokens are random and long: no salt, no stretching. E_SYSTEM. */
NODISCARD struct err auth_token_hash(struct view token, uint8_t out[AUTH_TOKEN_HASH_LEN]);

#endif
