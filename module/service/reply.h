/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a reply. One with a plaintext is built in locked memory and nowhere else. */
#ifndef HOLDFAST_SERVICE_REPLY_H
#define HOLDFAST_SERVICE_REPLY_H

#include "service/operation.h"

/* The body of a call that has succeeded, by the row's encoder. */
NODISCARD struct err reply_encode(struct call_work *work);

/* The error body of work->failure, in place of whatever is there. Never fails: without memory the
 * body is empty and the status tells. */
void reply_refuse(struct call_work *work);

#endif
