/* SPDX-License-Identifier: Apache-2.0 */
/* What UpdateAccessKey and DeleteAccessKey share. */
#ifndef HOLDFAST_SERVICE_ACCESS_KEY_CHANGE_H
#define HOLDFAST_SERVICE_ACCESS_KEY_CHANGE_H

#include "service/identity_change.h"

/*
 * For an attempt of identity_change.h: the access key that AccessKeyId names into
 * work->out.identity->keys[0], whose owner the identity is; then `write` stores, as there.
 * E_IAM_NO_SUCH_ENTITY, also when `write` answers E_NOT_FOUND. Blocks.
 */
NODISCARD struct err access_key_change(struct call_work *work, identity_write_fn *write);

#endif
