/* SPDX-License-Identifier: Apache-2.0 */
/* How an error looks to a client of STS: the AWS Query protocol, in XML. */
#ifndef HOLDFAST_SERVICE_ERRORS_STS_H
#define HOLDFAST_SERVICE_ERRORS_STS_H

#include "service/errors_kms.h"

#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"

/* Never NULL; what has no row of its own is InternalFailure. */
const struct error_kms *error_sts_of(struct err failure);

/* <ErrorResponse>...</ErrorResponse> appended. E_NOMEM, E_BOUNDS. */
NODISCARD struct err error_sts_write(struct err failure, const struct buf *own,
				     const char *request_id, struct buf *body);

#endif
