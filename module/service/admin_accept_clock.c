/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation AcceptClock: the operator says that the clock is right as it is. What is due by
 * it is destroyed from then on.
 */
#include "service/clock_reply.h"
#include "service/core.h"
#include "service/operation.h"
#include "service/scheduler.h"
#include "service/trail.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static struct err execute(struct call_work *work)
{
	struct clock_trust *trust = work->service->clock_trust;
	struct kms_outbox_record outbox;
	clock_trust_report(trust, &work->out.clock);
	TRY(trail_outbox(work, &outbox));
	struct err e = clock_trust_accept(trust, &outbox);
	work->committed = !err_failed(e);
	scheduler_wake(work->service->scheduler);
	return e;
}

const struct operation admin_accept_clock = {
	.name = "AcceptClock",
	.door = CALL_DOOR_ADMIN,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_ANCHORED,
	.input = &input,
	.keys = {{.action = "holdfast:AcceptClock"}},
	.execute = execute,
	.encode = clock_reply_encode,
	.audit = clock_reply_audit,
};
