/* SPDX-License-Identifier: Apache-2.0 */
/* Managed policies that are there without being made: arn:<partition>:iam::aws:policy/<name>. They
 * cannot be changed or deleted, and every account may attach them. */
#ifndef HOLDFAST_AUTH_MANAGED_H
#define HOLDFAST_AUTH_MANAGED_H

#include "auth/principal.h"
#include "base/view.h"

#define AUTH_MANAGED_ADMINISTRATOR "AdministratorAccess"

/* The document of the policy of that name, of static storage; NULL: there is none. */
const char *auth_managed_document(struct view name);

/* E_BOUNDS, when the partition is longer than any. */
NODISCARD struct err auth_managed_arn_format(const char *partition, const char *name,
					     char out[AUTH_ARN_MAX + 1]);

#endif
