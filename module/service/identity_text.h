/* SPDX-License-Identifier: Apache-2.0 */
/* What a principal is called where people and policies read it. */
#ifndef HOLDFAST_SERVICE_IDENTITY_TEXT_H
#define HOLDFAST_SERVICE_IDENTITY_TEXT_H

#include "auth/principal.h"

#define IDENTITY_USER_ID_TEXT (AUTH_PRINCIPAL_ID_LEN + 1 + AUTH_SESSION_NAME_MAX + 1)

/* IAM User Guide, aws:userid: the unique id; of a role's session AROA...:session. */
void identity_user_id(const struct auth_principal *principal, char out[IDENTITY_USER_ID_TEXT]);

#endif
