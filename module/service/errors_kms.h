/* SPDX-License-Identifier: Apache-2.0 */
/* How an error looks to a client of the AWS KMS protocol; rows of other protocols are alike. */
#ifndef HOLDFAST_SERVICE_ERRORS_KMS_H
#define HOLDFAST_SERVICE_ERRORS_KMS_H

#include "base/buf.h"
#include "base/err.h"

struct error_kms {
	const char *type;    /* __type */
	uint16_t status;     /* HTTP */
	const char *message; /* when the call has no text of its own; NULL: no member at all */
	bool own_text;       /* whether the call's own text may be shown */
};

/* Never NULL; what has no row of its own is KMSInternalException. */
const struct error_kms *error_kms_of(struct err failure);

/* The text that the client gets: the call's own, or the row's; empty: no member. */
struct view error_kms_text(struct err failure, const struct buf *own);

/* The text of a row: the call's own where it may be shown, or the row's. */
struct view error_row_text(const struct error_kms *row, const struct buf *own);

/* {"__type":...,"message":...} appended. E_NOMEM. */
NODISCARD struct err error_row_write(const struct error_kms *row, const struct buf *own,
				     struct buf *body);
NODISCARD struct err error_kms_write(struct err failure, const struct buf *own, struct buf *body);

#endif
