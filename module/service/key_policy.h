/* SPDX-License-Identifier: Apache-2.0 */
/* Key policies as documents: their bounds, their form, and the default one. What they mean is not
 * known here. */
#ifndef HOLDFAST_SERVICE_KEY_POLICY_H
#define HOLDFAST_SERVICE_KEY_POLICY_H

#include "service/operation.h"

#define KEY_POLICY_NAME "default" /* the one name that a key policy can have */

extern const struct schema_shape shape_policy;
extern const struct schema_shape shape_policy_name;

/* The member PolicyName, which may be left out. E_KMS_NOT_FOUND for any other name. */
NODISCARD struct err key_policy_check_name(struct call_work *work);

/* E_KMS_LIMIT above KMS_POLICY_MAX, E_KMS_MALFORMED_POLICY for what is no JSON object. OK without.
 */
NODISCARD struct err key_policy_check(struct call_work *work, const char *member);

/* The document as given, or the default one, under which the account decides. *out: mem_free(). */
NODISCARD struct err key_policy_new(const struct call_work *work, const char *member, char **out);

#endif
