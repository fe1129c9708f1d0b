/* SPDX-License-Identifier: Apache-2.0 */
/* What CreateGrant, RetireGrant and RevokeGrant share: one grant by its id, and the commits. */
#ifndef HOLDFAST_SERVICE_GRANT_CHANGE_H
#define HOLDFAST_SERVICE_GRANT_CHANGE_H

#include "kms/grants.h"
#include "service/grant_token.h"
#include "service/operation.h"

/* What a handler leaves for its encoder and its audit record. */
struct grant_answer {
	char id[KMS_GRANT_ID_LEN + 1];
	char token[GRANT_TOKEN_TEXT];
};

/* Into work->out.grant, without a token. E_NOMEM. */
NODISCARD struct err grant_change_answer(struct call_work *work, const char *id);

/* The grant of work->keys[0] with this id. E_KMS_GRANT_ID for what is no id; E_KMS_NOT_FOUND; what
 * the store answers. *out kms_grant_cleanup(). Blocks. */
NODISCARD struct err grant_change_load(struct call_work *work, struct view id,
				       struct kms_grant *out);

/* In the store with the call's audit record, then in memory. Not in a dry run: E_KMS_DRY_RUN.
 * Creating: as struct kms_grants_ops. Removing: E_KMS_NOT_FOUND. Blocks. */
NODISCARD struct err grant_change_create(struct call_work *work, const struct kms_grant *grant);
NODISCARD struct err grant_change_remove(struct call_work *work, const struct kms_grant *grant);

/* For `audit`: the grant of work->out.grant, and its key. */
void grant_change_audit(struct call_work *work, struct json_out *out);

#endif
