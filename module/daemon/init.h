/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd --init. */
#ifndef HOLDFAST_DAEMON_INIT_H
#define HOLDFAST_DAEMON_INIT_H

#include "daemon/arguments.h"
#include "daemon/wiring.h"

/* Makes the installation and leaves the administrator's credentials; says on standard error what
 * was made or what is wrong. Blocks. */
NODISCARD struct err init_run(struct wiring *w, const struct arguments *arguments);

#endif
