/* SPDX-License-Identifier: Apache-2.0 */
/* How an error looks to a client of CloudTrail. */
#ifndef HOLDFAST_SERVICE_ERRORS_CLOUDTRAIL_H
#define HOLDFAST_SERVICE_ERRORS_CLOUDTRAIL_H

#include "service/errors_kms.h"

/* Never NULL; what has no row of its own looks as it does to a client of KMS, and what is KMS's
 * alone is InternalFailure. */
const struct error_kms *error_cloudtrail_of(struct err failure);

#endif
