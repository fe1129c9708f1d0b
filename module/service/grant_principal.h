/* SPDX-License-Identifier: Apache-2.0 */
/* Principals as grants name them: a user, a role, a session, an account or a service. */
#ifndef HOLDFAST_SERVICE_GRANT_PRINCIPAL_H
#define HOLDFAST_SERVICE_GRANT_PRINCIPAL_H

#include "auth/grant.h"
#include "kms/grant.h"
#include "service/work.h"

/* Who that is. E_KMS_INVALID_ARN for what is no principal's name and for one that is not there.
 * Blocks. */
NODISCARD struct err grant_principal_find(struct call_work *work, struct view name,
					  struct auth_principal *out);

/* What a grant keeps of it: users and roles by id; "" for the others. */
const char *grant_principal_id(const struct auth_principal *principal);

/* How a name in a grant stands to somebody who asks. */
enum grant_relation {
	GRANT_TO_NOBODY = 0, /* not to this one */
	GRANT_TO_PRINCIPAL,
	GRANT_TO_ROLE,
	GRANT_TO_ACCOUNT,
};
enum grant_relation grant_relation_of(const char *name, const char *id,
				      const struct auth_principal *principal);

/* For encoders: whether it is the name of a service. */
bool grant_principal_is_service(const char *name);

#endif
