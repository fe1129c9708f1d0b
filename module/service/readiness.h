/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the service of use? A thread asks the parts, twice a second: a real operation on the token, a
 * read of the store, the audit log. It also looks at the clock (clock_trust.h) and settles intents
 * whose lease has ended.
 */
#ifndef HOLDFAST_SERVICE_READINESS_H
#define HOLDFAST_SERVICE_READINESS_H

#include "service/service.h"

struct readiness;

NODISCARD struct err readiness_start(struct service *service, struct readiness **out);
void readiness_stop(struct readiness **readiness);

/* What was found last; E_HSM_TIMEOUT when that is too long ago to be believed. Never blocks. */
struct readiness_report {
	struct err overall; /* E_DISTRUSTED, or the first of the following that failed */
	struct err token, store, audit;
};
void readiness_read(struct readiness *readiness, struct readiness_report *out);

#endif
