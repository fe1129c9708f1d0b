/* SPDX-License-Identifier: Apache-2.0 */
/* Settling what interrupted runs left. service_reconcile() of service.h lives here, too. */
#ifndef HOLDFAST_SERVICE_RECONCILE_H
#define HOLDFAST_SERVICE_RECONCILE_H

#include "service/service.h"

/* Intents whose lease has ended: claims each and settles it. What fails is logged and left for the
 * next time. Blocks. */
void reconcile_intents(struct service *service);

#endif
