/* SPDX-License-Identifier: Apache-2.0 */
/* CloudTrail API 2013-11-01, of which LookupEvents is built: AWS JSON 1.1 with targets of its own.
 */
#ifndef HOLDFAST_SERVICE_CLOUDTRAIL_H
#define HOLDFAST_SERVICE_CLOUDTRAIL_H

#include "service/operation.h"

/* Whether a value of X-Amz-Target names an operation of CloudTrail. SDKs write the service's name
 * with its namespace, or without. */
bool cloudtrail_has_target(struct view target);

/* Fills work->operation_name and work->operation. E_UNSUPPORTED_OPERATION for what CloudTrail has
 * and we have not, E_UNKNOWN_OPERATION. */
NODISCARD struct err cloudtrail_find_operation(struct call_work *work);

#endif
