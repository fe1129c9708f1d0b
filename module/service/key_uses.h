/* SPDX-License-Identifier: Apache-2.0 */
/* When each long-lived access key was last used, and for which service (IAM API:
 * AccessKeyLastUsed): by a call that was authenticated, whatever came of it. Written to the store
 * once a minute (notes.h). Advisory. */
#ifndef HOLDFAST_SERVICE_KEY_USES_H
#define HOLDFAST_SERVICE_KEY_USES_H

#include "auth/identities.h"

struct key_uses;

struct key_uses_options {
	struct auth_identities identities;
	uint32_t interval_ms; /* 0: 60,000; between two writes */
};

/* *out owned by the caller, key_uses_stop(), which writes what is left. E_SYSTEM. */
NODISCARD struct err key_uses_start(const struct key_uses_options *options, struct key_uses **out);
void key_uses_stop(struct key_uses **uses);

/* Notes a use, unless a later one of the key is noted. Never blocks for long; thread-safe. */
void key_uses_note(struct key_uses *uses, const struct auth_key_use *use);

/* The later of what is noted and what is stored. Blocks. E_NOT_FOUND when it was never used; what
 * the store answers. */
NODISCARD struct err key_uses_find(struct key_uses *uses, struct view access_key_id,
				   struct auth_key_use *out);

#endif
