/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of the logs that LookupEvents looks into: the daemon's own, and those of
 * [audit] also_lookup. */
#ifndef HOLDFAST_DAEMON_INDEXING_H
#define HOLDFAST_DAEMON_INDEXING_H

#include "audit/indexes.h"
#include "audit/lookup.h"
#include "config/settings.h"
#include "service/checks.h"

struct indexing {
	struct audit_indexes *logs[AUDIT_LOGS_MAX]; /* the daemon's own is the first */
	size_t count;
};

/* Folders of others that are not there are waited for. indexing_stop() in any case. E_SETTINGS: a
 * folder is named twice, or too many are (the log says so). E_AUDIT, E_NOMEM, E_SYSTEM. */
NODISCARD struct err indexing_start(const struct settings *settings, struct audit_log *log,
				    const struct audit_index_sealer *sealer,
				    struct indexing *indexing);

/* The row "event history" of `holdfast status`, where there are logs of others. */
void indexing_check(const struct indexing *indexing, struct service_checks *out);
void indexing_stop(struct indexing *indexing);

#endif
