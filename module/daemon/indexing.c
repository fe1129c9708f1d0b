/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/indexing.h"

#include <sys/stat.h>

#include "audit/folder.h"
#include "base/log.h"
#include "base/text.h"

static struct err add(struct indexing *indexing, const struct audit_indexes_options *options)
{
	TRY(audit_indexes_start(options, &indexing->logs[indexing->count]));
	indexing->count++;
	return OK;
}

static bool is_same_folder(const char *one, const char *other)
{
	struct stat a = {0}, b = {0};
	return text_equal(one, other) || (stat(one, &a) == 0 && stat(other, &b) == 0 &&
					  a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static struct err refuse(const char *path, const char *why)
{
	log_event(LOG_ERROR, "audit.also_lookup_wrong", LOG_TEXT("folder", path),
		  LOG_TEXT("why", why), LOG_TEXT("action", "correct also_lookup in [audit]"));
	return ERR(E_SETTINGS);
}

static struct err add_other(struct indexing *indexing, struct view folder,
			    const struct audit_index_sealer *sealer)
{
	settings_text path;
	TRY(text_copy(path, sizeof path, folder));
	if (indexing->count == AUDIT_LOGS_MAX)
		return refuse(path, "there are more logs than 16 with this daemon's own");
	for (size_t i = 0; i < indexing->count; i++)
		if (is_same_folder(path, audit_indexes_path(indexing->logs[i])))
			return refuse(path,
				      i == 0 ? "it is this daemon's own" : "it is named twice");
	return add(indexing, &(struct audit_indexes_options){
				     .directory = path, .others = true, .sealer = *sealer});
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

void indexing_check(const struct indexing *indexing, struct service_checks *out)
{
	for (size_t i = 1; i < indexing->count; i++) {
		struct err e = audit_indexes_look(indexing->logs[i]);
		if (!err_failed(e))
			continue;
		service_check_add(out, "event history", SERVICE_LEVEL_WARNING,
				  "make the folder readable, mount it, or take it out of "
				  "also_lookup in [audit]; it is found again by itself",
				  "LookupEvents is refused: %.200s: %s",
				  audit_indexes_path(indexing->logs[i]), audit_folder_why(e));
		return;
	}
	if (indexing->count > 1)
		service_check_add(out, "event history", SERVICE_LEVEL_OK, "",
				  "out of this daemon's audit log and those of %zu more",
				  indexing->count - 1);
}

void indexing_stop(struct indexing *indexing)
{
	for (size_t i = 0; i < indexing->count; i++)
		audit_indexes_stop(&indexing->logs[i]);
	indexing->count = 0;
}
