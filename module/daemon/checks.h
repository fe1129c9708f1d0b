/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `holdfast status` that the service cannot know: disks, certificates, settings, logs,
 * the sandbox. */
#ifndef HOLDFAST_DAEMON_CHECKS_H
#define HOLDFAST_DAEMON_CHECKS_H

#include "daemon/reload.h"

struct checks_context {
	struct reload *reload;
	struct wiring *w;
};

/* A service_options.more_checks; user: struct checks_context, borrowed. */
void checks_collect(void *user, struct service_checks *out);

#endif
