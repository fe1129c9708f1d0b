/* SPDX-License-Identifier: Apache-2.0 */
/* CloudTrail API 2013-11-01, of which LookupEvents is built: AWS JSON 1.1 with targets of its own.
 */
#ifndef HOLDFAST_SERVICE_CLOUDTRAIL_H
#define HOLDFAST_SERVICE_CLOUDTRAIL_H

#include "service/operation.h"

/* Targets begin with the service's name; SDKs write it with its namespace, or without. */
#define CLOUDTRAIL_TARGET "CloudTrail_20131101."
#define CLOUDTRAIL_TARGET_LONG "com.amazonaws.cloudtrail.v20131101." CLOUDTRAIL_TARGET

/* Whether a value of X-Amz-Target names an operation of CloudTrail. */
static inline bool cloudtrail_has_target(struct view target)
{
	return view_starts_with(target, VIEW_LITERAL(CLOUDTRAIL_TARGET)) ||
	       view_starts_with(target, VIEW_LITERAL(CLOUDTRAIL_TARGET_LONG));
}

/* Fills work->operation_name and work->operation. E_UNSUPPORTED_OPERATION for what CloudTrail has
 * and we have not, E_UNKNOWN_OPERATION. */
NODISCARD struct err cloudtrail_find_operation(struct call_work *work);

#endif
