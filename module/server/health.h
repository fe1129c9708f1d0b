/* SPDX-License-Identifier: Apache-2.0 */
/* What /healthz and /readyz say. */
#ifndef HOLDFAST_SERVER_HEALTH_H
#define HOLDFAST_SERVER_HEALTH_H

#include "server/route.h"
#include "service/service.h"

/* ROUTE_HEALTH: 200 while the process serves. ROUTE_READY: 200, or 503 and why. */
NODISCARD struct err health_answer(struct service *service, enum route_kind kind, struct buf *body,
				   uint16_t *status);
const char *health_content_type(enum route_kind kind);

#endif
