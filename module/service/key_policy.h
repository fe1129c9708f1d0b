/* SPDX-License-Identifier: Apache-2.0 */
/* Key policies in requests: what AWS requires of one before it is stored, and the default one. What
 * they mean is auth/'s. */
#ifndef HOLDFAST_SERVICE_KEY_POLICY_H
#define HOLDFAST_SERVICE_KEY_POLICY_H

#include "service/operation.h"

#define KEY_POLICY_NAME "default" /* the one name that a key policy can have */

extern const struct schema_shape shape_policy;
extern const struct schema_shape shape_policy_name;

/* The member PolicyName, which may be left out. E_KMS_NOT_FOUND for any other name. */
NODISCARD struct err key_policy_check_name(struct call_work *work);

/*
 * The document in `member`, as the policy of `key`: E_KMS_LIMIT above KMS_POLICY_MAX;
 * E_KMS_MALFORMED_POLICY for what cannot be compiled, for a principal that does not exist, and,
 * unless the request bypasses that check, when the caller could not put another policy afterwards.
 * OK without the member. Blocks.
 */
NODISCARD struct err key_policy_check(struct call_work *work, const char *member,
				      const struct kms_key *key);

/* The document as given, or the default one, under which the account decides. *out: mem_free(). */
NODISCARD struct err key_policy_new(const struct call_work *work, const char *member, char **out);

/* The default one, for keys of this account. *out: mem_free(). */
NODISCARD struct err key_policy_default(const struct kms_scope *scope, char **out);

#endif
