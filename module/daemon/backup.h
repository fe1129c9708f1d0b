/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups of the store: files in a folder of their own. Each is verified as a start would verify it
 * before it gets its name, so that one that has its name can be restored. There is nothing secret
 * in it that the store has not: API secrets are sealed by the token, and so are the rows.
 */
#ifndef HOLDFAST_DAEMON_BACKUP_H
#define HOLDFAST_DAEMON_BACKUP_H

#include "daemon/wiring.h"
#include "service/backups.h"

/* Over what is open in `w`, which outlives the port. */
struct service_backups backup_port(struct wiring *w);

#endif
