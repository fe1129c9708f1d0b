/* SPDX-License-Identifier: Apache-2.0 */
/* Looking through the identities of an account: who is in a group, what hangs on one. */
#ifndef HOLDFAST_SERVICE_IDENTITY_SCAN_H
#define HOLDFAST_SERVICE_IDENTITY_SCAN_H

#include "service/identity_told.h"

/*
 * Calls `each` for every identity of a kind in an account, in order of names, page by page, until
 * it fails or sets *stop. Blocks. What `each` and the store answer. The pages are of several
 * moments: under the lock of identity_change.h they are of one.
 */
typedef struct err identity_scan_fn(void *user, const struct auth_identity *identity,
				    const struct auth_details *details, bool *stop);
NODISCARD struct err identity_scan(struct service *service, enum auth_identity_kind kind,
				   const char *account, identity_scan_fn *each, void *user);

/* Whether the identity may go, as IAM has it: E_IAM_DELETE_CONFLICT, and the text says what is in
 * the way. Under the lock of identity_change.h. Blocks. */
NODISCARD struct err identity_scan_conflicts(struct call_work *work,
					     const struct identity_told *told);

#endif
