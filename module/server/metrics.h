/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics says. */
#ifndef HOLDFAST_SERVER_METRICS_H
#define HOLDFAST_SERVER_METRICS_H

#include "base/buf.h"
#include "service/service.h"

/* Names the labels of the doors' metrics; once. */
void metrics_name(void);

/* Appends METRIC_TEXT_TYPE to the body. Takes no lock that a call needs. E_NOMEM. */
NODISCARD struct err metrics_answer(struct service *service, struct buf *body);

#endif
