/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of calls and of the service as a whole: base/metric.h says how they are kept. */
#ifndef HOLDFAST_SERVICE_MEASURE_H
#define HOLDFAST_SERVICE_MEASURE_H

#include "base/err.h"

struct call_work;
struct service;

/* Which result, among the names of AWS errors, each error of ours counts as. */
struct measure {
	uint8_t results[ERR_CODE_COUNT];
};

/* Names the labels. */
void measure_init(struct measure *measure);

/* A call was answered; `failure` and the operation are what they are then. */
void measure_call(const struct call_work *work);

/* A caller could not be authenticated. */
void measure_unauthenticated(struct err failure);

/* What the service looks at now and then, the token's condition and the room for audit records
 * among them. May block as long as the disk does; not on a thread that serves calls. */
void measure_look(struct service *service);

#endif
