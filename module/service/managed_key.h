/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that services make for an account: alias/aws/<service>, one for each service, account and
 * Region (KMS Developer Guide, "AWS managed keys"). The account sees such a key and uses it through
 * the service; its policy, which nobody can change, allows no more.
 */
#ifndef HOLDFAST_SERVICE_MANAGED_KEY_H
#define HOLDFAST_SERVICE_MANAGED_KEY_H

#include "service/work.h"

/*
 * The key of a reserved alias that is not there: made when the call comes from the service of that
 * name, acting for the caller, else E_NOT_FOUND. Key, alias and a record of their making
 * (CreateKey, a service event) are committed together. Of two that are first at once, one makes it.
 * Blocks. Errors of the token and the store; E_AUDIT while nothing can be recorded.
 */
NODISCARD struct err managed_key_make(struct call_work *work, struct view alias,
				      struct kms_key_id *out);

#endif
