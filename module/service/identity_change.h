/* SPDX-License-Identifier: Apache-2.0 */
/* What every admin operation shares that changes an identity or an access key. */
#ifndef HOLDFAST_SERVICE_IDENTITY_CHANGE_H
#define HOLDFAST_SERVICE_IDENTITY_CHANGE_H

#include "auth/identities.h"
#include "service/identity_told.h"
#include "service/operation.h"

/*
 * Runs `attempt` with no other change of identities under way in this process, so that what it has
 * looked at still holds when it writes; again when another process was faster (E_STORE_CONFLICT).
 * Blocks. What `attempt` answers.
 */
typedef struct err identity_attempt_fn(struct call_work *work);
NODISCARD struct err identity_change(struct call_work *work, identity_attempt_fn *attempt);

/*
 * For an attempt: `write` stores what work->out says, with the audit record of the call in the same
 * transaction; afterwards nothing of any identity is left in memory, whatever it answered.
 */
typedef struct err identity_write_fn(struct call_work *work,
				     const struct auth_change_record *record);
NODISCARD struct err identity_change_commit(struct call_work *work, identity_write_fn *write);

/*
 * An attempt that edits: loads the identity of the call, lets `apply` change its details, and
 * stores them. `apply` sets *changed to false when all is as wanted already: nothing is stored
 * then. E_IAM_NO_SUCH_ENTITY, E_IAM_LIMIT, what `apply` and the store answer.
 */
typedef struct err identity_apply_fn(struct call_work *work, struct identity_told *told,
				     bool *changed);
NODISCARD struct err identity_change_edit(struct call_work *work, identity_apply_fn *apply);

/* The details into the document of work->out.identity. E_IAM_LIMIT when they are too large. */
NODISCARD struct err identity_change_write(struct call_work *work);

#endif
