/* SPDX-License-Identifier: Apache-2.0 */
/* What CreateAlias, UpdateAlias and DeleteAlias share: the name's rules, and the commit. */
#ifndef HOLDFAST_SERVICE_ALIAS_CHANGE_H
#define HOLDFAST_SERVICE_ALIAS_CHANGE_H

#include "service/operation.h"

extern const struct schema_shape shape_alias_name;

/* What no schema says of AliasName. E_VALIDATION, E_KMS_ALIAS_RESERVED. */
NODISCARD struct err alias_change_check_name(struct call_work *work);

/* TargetKeyId: an alias stands for a key, not for another alias. E_VALIDATION. */
NODISCARD struct err alias_change_check_target(struct call_work *work);

/*
 * Makes the change, in the store and in memory. `commit` is told the audit record for its
 * transaction; when it answers E_STORE_CONFLICT, because somebody else was faster, the alias and
 * its keys are looked up, authorised and checked again and it is called again. Blocks. What
 * `commit` and those steps answer.
 */
typedef struct err alias_commit_fn(struct call_work *work, const struct kms_outbox_record *outbox);
NODISCARD struct err alias_change(struct call_work *work, alias_commit_fn *commit);

/* For a commit: what the client is told. */
NODISCARD struct err alias_change_refuse_full(struct call_work *work);

#endif
