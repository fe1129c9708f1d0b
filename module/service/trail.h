/* SPDX-License-Identifier: Apache-2.0 */
/* From a call to its audit record. */
#ifndef HOLDFAST_SERVICE_TRAIL_H
#define HOLDFAST_SERVICE_TRAIL_H

#include "kms/store.h"
#include "service/operation.h"

/* Writes work->line from what is known of the call now; over an earlier one. E_NOMEM, E_BOUNDS. */
NODISCARD struct err trail_write(struct call_work *work);

/*
 * For a change: the finished line of the call, as if it had succeeded, for the change's own
 * transaction. After the commit the caller sets work->committed.
 */
NODISCARD struct err trail_outbox(struct call_work *work, struct kms_outbox_record *out);

#endif
