/* SPDX-License-Identifier: Apache-2.0 */
/* How the admin operations on the clock tell of it. */
#ifndef HOLDFAST_SERVICE_CLOCK_REPLY_H
#define HOLDFAST_SERVICE_CLOCK_REPLY_H

#include "codec/json.h"
#include "service/work.h"

/* As it is now. */
void clock_reply_encode(struct call_work *work, struct json_out *out);

/* As work->out.clock has it, under names of the audit record. */
void clock_reply_audit(struct call_work *work, struct json_out *out);

#endif
