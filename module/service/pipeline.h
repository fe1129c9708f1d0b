/* SPDX-License-Identifier: Apache-2.0 */
/* The way of one call, in a fixed order. */
#ifndef HOLDFAST_SERVICE_PIPELINE_H
#define HOLDFAST_SERVICE_PIPELINE_H

#include "service/work.h"

/* Takes the work and goes on where it stands; ends, on whatever thread, with call->reply(). */
void pipeline_run(struct call_work *work);

/* For the pool: the same, where blocking is allowed. */
void pipeline_run_blocking(struct call_work *work);

/* Names of the steps in their order; NULL behind the last. For tests. */
const char *pipeline_step_name(size_t index);

#endif
