/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tokens: they name a grant, and are authenticated by the token under the row-seal key, so
 * that a made-up one is refused. They give no right: a grant is in force as soon as CreateGrant
 * answers. Opaque to clients; two for one grant differ. What takes a sealer blocks.
 */
#ifndef HOLDFAST_SERVICE_GRANT_TOKEN_H
#define HOLDFAST_SERVICE_GRANT_TOKEN_H

#include "kms/grant.h"
#include "kms/sealer.h"
#include "service/work.h"

#define GRANT_TOKEN_TEXT 160 /* characters, with the NUL */

/* Which grant, of a key of which account. */
struct grant_token {
	struct kms_key_id key_id;
	char account[KMS_ACCOUNT_LEN + 1];
	char grant_id[KMS_GRANT_ID_LEN + 1];
};

NODISCARD struct err grant_token_make(const struct kms_sealer *sealer,
				      const struct grant_token *token, char out[GRANT_TOKEN_TEXT]);

/* E_KMS_GRANT_TOKEN; what the sealer answers. Whether the grant is still there is not asked. */
NODISCARD struct err grant_token_read(const struct kms_sealer *sealer, struct view text,
				      struct grant_token *out);

/* Every one in GrantTokens, of an operation that has this member. E_KMS_GRANT_TOKEN; E_WOULD_BLOCK;
 * what the sealer answers. */
NODISCARD struct err grant_tokens_check(const struct call_work *work);

#endif
