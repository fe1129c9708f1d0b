/* SPDX-License-Identifier: Apache-2.0 */
#include "service/identity_text.h"

#include "base/text.h"

void identity_user_id(const struct auth_principal *principal, char out[IDENTITY_USER_ID_TEXT])
{
	bool session = principal->type == AUTH_ROLE_SESSION;
	struct err e = text_format(out, IDENTITY_USER_ID_TEXT, "%s%s%.*s", principal->id,
				   session ? ":" : "", session ? AUTH_SESSION_NAME_MAX : 0,
				   principal->name);
	(void)e; /* fits: both parts are bounded */
}
