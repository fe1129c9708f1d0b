/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/indexing.h"

#include "base/log.h"
#include "base/text.h"

static struct err add(struct indexing *indexing, const struct audit_indexes_options *options)
{
	TRY(audit_indexes_start(options, &indexing->logs[indexing->count]));
	indexing->count++;
	return OK;
}

static struct err add_other(struct indexing *indexing, struct view folder,
			    const struct audit_index_sealer *sealer)
{
	settings_text path;
	TRY(text_copy(path, sizeof path, folder));
	if (indexing->count == AUDIT_LOGS_MAX) {
		log_event(LOG_WARNING, "audit.log_left_out", LOG_TEXT("folder", path),
			  LOG_NUMBER("logs_max", AUDIT_LOGS_MAX));
		return OK;
	}
	struct err e = add(indexing,
			   &(struct audit_indexes_options){.directory = path, .sealer = *sealer});
	if (!err_is(e, E_AUDIT))
		return e;
	log_event(LOG_WARNING, "audit.log_left_out", LOG_TEXT("folder", path), LOG_ERR(e),
		  LOG_TEXT("effect", "LookupEvents does not find its events"),
		  LOG_TEXT("action", "make it readable, or take it out of also_lookup in [audit]"));
	return OK;
}

NODISCARD struct err indexing_start(const struct settings *settings, struct audit_log *log,
				    const struct audit_index_sealer *sealer,
				    struct indexing *indexing)
{
	struct view rest = view_of_text(settings->audit.also_lookup);
	*indexing = (struct indexing){.count = 0};
	TRY(add(indexing, &(struct audit_indexes_options){.directory = settings->audit.directory,
							  .log = log,
							  .sealer = *sealer}));
	while (rest.ptr != NULL) {
		struct view folder = view_trim(view_cut(&rest, ' '));
		if (folder.len > 0)
			TRY(add_other(indexing, folder, sealer));
	}
	return OK;
}

void indexing_stop(struct indexing *indexing)
{
	for (size_t i = 0; i < indexing->count; i++)
		audit_indexes_stop(&indexing->logs[i]);
	indexing->count = 0;
}
