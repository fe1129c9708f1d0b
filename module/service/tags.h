/* SPDX-License-Identifier: Apache-2.0 */
/* Tags in requests: their shape and AWS's rules for them. */
#ifndef HOLDFAST_SERVICE_TAGS_H
#define HOLDFAST_SERVICE_TAGS_H

#include "service/operation.h"

#define TAGS_MAX 50

extern const struct schema_shape shape_tags;

/* E_KMS_TAG for tags that AWS refuses; E_UNSUPPORTED_OPERATION for any others: there is no place
 * for them yet. OK without tags. */
NODISCARD struct err tags_check(struct call_work *work, const char *member);

#endif
