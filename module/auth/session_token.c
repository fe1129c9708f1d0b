/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session_token.h"

#include "crypto/digest.h"

NODISCARD struct err auth_token_hash(struct view token, uint8_t out[AUTH_TOKEN_HASH_LEN])
{
	_Static_assert(AUTH_TOKEN_HASH_LEN == SHA256_LEN, "one digest");
	return digest_sha256(&token, 1, out);
}
