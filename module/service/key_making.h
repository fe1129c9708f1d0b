/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a version key on the token, in two phases with the store: an intent is committed first,
 * so that whatever a crash leaves on the token is known to be ours. All of it blocks.
 */
#ifndef HOLDFAST_SERVICE_KEY_MAKING_H
#define HOLDFAST_SERVICE_KEY_MAKING_H

#include "kms/store.h"
#include "service/service.h"

#define KEY_MAKING_LEASE_MS 60000

/*
 * `scope` is the key's. Generates the token object for version->key_id and ->number, reads its
 * attributes back and tries it; fills the rest of *version. On failure nothing is left but, at
 * worst, the intent and what it names, which reconciliation settles.
 */
NODISCARD struct err key_making_begin(struct service *service, const struct kms_scope *scope,
				      struct kms_version *version);

/* The commit failed: takes object and intent away again, unless the commit happened after all. */
void key_making_abandon(struct service *service, const struct kms_scope *scope,
			const struct kms_version *version);

/* Seals and opens once under the version, on the token. E_HSM_... */
NODISCARD struct err key_making_try(struct service *service, const struct kms_version *version);

/* Destroys the object that the intent names, when the store has no such version, and the intent. */
NODISCARD struct err key_making_settle(struct service *service, const struct kms_intent *intent);

#endif
