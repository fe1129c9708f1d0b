/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of the logs that LookupEvents looks into: the daemon's own, and those of
 * [audit] also_lookup. */
#ifndef HOLDFAST_DAEMON_INDEXING_H
#define HOLDFAST_DAEMON_INDEXING_H

#include "audit/indexes.h"
#include "audit/lookup.h"
#include "config/settings.h"

struct indexing {
	struct audit_indexes *logs[AUDIT_LOGS_MAX]; /* the daemon's own is the first */
	size_t count;
};

/* Folders of others that are not there are left out, and the log says so. indexing_stop() in any
 * case. E_AUDIT, E_NOMEM, E_SYSTEM. */
NODISCARD struct err indexing_start(const struct settings *settings, struct audit_log *log,
				    const struct audit_index_sealer *sealer,
				    struct indexing *indexing);
void indexing_stop(struct indexing *indexing);

#endif
