/* SPDX-License-Identifier: Apache-2.0 */
/* What UpdateAccessKey and DeleteAccessKey share. */
#ifndef HOLDFAST_SERVICE_ACCESS_KEY_CHANGE_H
#define HOLDFAST_SERVICE_ACCESS_KEY_CHANGE_H

#include "auth/identities.h"
#include "service/operation.h"

/* The access key that AccessKeyId names; E_IAM_NO_SUCH_ENTITY. Blocks. */
NODISCARD struct err access_key_load(struct call_work *work, struct auth_access_key *out);

/* For what the port answers to a change of it: it may be gone meanwhile. */
NODISCARD struct err access_key_explain(struct call_work *work, struct err failure);

#endif
