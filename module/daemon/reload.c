/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "config/logging.h"
#include "daemon/sandbox.h"

#define CHANGES_MAX 128
#define MIB (UINT64_C(1) << 20)
#define MS_PER_S 1000

static struct err start_log(const struct settings *settings)
{
	/* systemd.exec(5): JOURNAL_STREAM is set when standard error goes to the journal. */
	struct err e =
		logging_start(settings, settings->log.file, getenv("JOURNAL_STREAM") != NULL);
	if (err_failed(e))
		log_event(LOG_ERROR, "log.file_not_opened", LOG_TEXT("file", settings->log.file),
			  LOG_TEXT("action", "make its folder, owned by the service's user, or "
					     "correct file in [log]"),
			  LOG_ERR(e));
	return e;
}

/* ---- what holds something ---- */

/* What a reload is about to swap in. */
struct plan {
	const struct settings *fresh;
	uint32_t admin_uids[SERVER_ADMIN_UIDS_MAX];
	size_t admin_uid_count;
};

static struct err prepare_users(struct plan *plan, struct wiring *w)
{
	(void)w;
	int64_t token_uid = -1;
	return wiring_users(plan->fresh, &token_uid, plan->admin_uids, &plan->admin_uid_count);
}

/* Loads and swaps at once, or refuses and leaves the old ones: so it is the last to prepare. */
static struct err prepare_tls(struct plan *plan, struct wiring *w)
{
	(void)plan;
	return server_tls_reload(w->server);
}

static void commit_doors(struct plan *plan, struct wiring *w)
{
	const struct settings *s = plan->fresh;
	sandbox_descriptors((uint64_t)s->server.connections_max);
	server_set_limits(
		w->server,
		&(struct server_limits){
			.connections_max = (uint32_t)s->server.connections_max,
			.idle_timeout_ms = (uint32_t)(s->server.idle_timeout_s * MS_PER_S),
			.request_timeout_ms = (uint32_t)(s->server.request_timeout_s * MS_PER_S),
			.admin_uids = plan->admin_uids,
			.admin_uid_count = plan->admin_uid_count,
		});
}

static void commit_service(struct plan *plan, struct wiring *w)
{
	const struct settings *s = plan->fresh;
	audit_log_set_limits(w->audit, (uint64_t)s->audit.segment_mib * MIB,
			     (uint32_t)s->service.calls_max + 1);
	service_set_calls_max(w->service, (uint32_t)s->service.calls_max);
}

/* Last of those that can refuse, as the new file is in use at once. */
static struct err prepare_log(struct plan *plan, struct wiring *w)
{
	(void)w;
	return start_log(plan->fresh);
}

/* All are prepared before the first is committed; each may lack either. */
static const struct part {
	const char *name;
	struct err (*prepare)(struct plan *plan, struct wiring *w);
	void (*commit)(struct plan *plan, struct wiring *w);
	void (*discard)(struct plan *plan); /* what was prepared, when another part refused */
} parts[] = {
	{"users", prepare_users, commit_doors, NULL},
	{"service", NULL, commit_service, NULL},
	{"log", prepare_log, NULL, NULL},
	{"tls", prepare_tls, NULL, NULL},
};

static void discard(struct plan *plan, size_t prepared)
{
	while (prepared-- > 0)
		if (parts[prepared].discard != NULL)
			parts[prepared].discard(plan);
}

static struct err prepare(struct plan *plan, struct wiring *w)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct err e = parts[i].prepare != NULL ? parts[i].prepare(plan, w) : OK;
		if (!err_failed(e))
			continue;
		log_event(LOG_ERROR, "settings.not_reloaded", LOG_TEXT("part", parts[i].name),
			  LOG_ERR(e), LOG_TEXT("effect", "nothing has changed"));
		discard(plan, i);
		return e;
	}
	return OK;
}

/* ---- the file ---- */

static struct reload_stamp stamp_of(const char *path)
{
	struct stat st = {0};
	if (stat(path, &st) != 0)
		return (struct reload_stamp){0};
	return (struct reload_stamp){st.st_mtim, st.st_ino, st.st_size};
}

static bool same_stamp(const struct reload_stamp *a, const struct reload_stamp *b)
{
	return a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec && a->inode == b->inode &&
	       a->size == b->size;
}

/* The process will leave the folder that it was started in. */
static struct err make_absolute(const char *path, char out[PATH_MAX])
{
	char here[PATH_MAX] = "";
	if (path[0] == '/')
		return text_copy(out, PATH_MAX, view_of_text(path));
	if (getcwd(here, sizeof here) == NULL)
		return ERR_DETAIL(E_SYSTEM, errno);
	return text_format(out, PATH_MAX, "%s/%s", here, path);
}

NODISCARD struct err reload_begin(struct reload *reload, const char *path,
				  struct settings *in_force)
{
	char message[SETTINGS_MESSAGE_MAX];
	*reload = (struct reload){.in_force = in_force};
	TRY(make_absolute(path, reload->path));
	reload->stamp = stamp_of(reload->path);
	struct err e = settings_read(path, in_force, message);
	if (err_failed(e)) {
		(void)fprintf(stderr, "holdfastd: %s\n", message);
		return e;
	}
	reload->read = *in_force;
	return wiring_check(in_force);
}

static void say_changes(const struct reload *reload)
{
	struct changes_setting changed[CHANGES_MAX];
	size_t found = changes_find(reload->in_force, &reload->read, CHANGES_HOLDFASTD, changed,
				    ARRAY_LEN(changed));
	for (size_t i = 0; i < MIN_OF(found, ARRAY_LEN(changed)); i++)
		log_event(changed[i].applied ? LOG_INFO : LOG_WARNING,
			  changed[i].applied ? "settings.applied" : "settings.needs_restart",
			  LOG_TEXT("section", changed[i].section),
			  LOG_TEXT("setting", changed[i].name));
	log_event(LOG_INFO, "settings.reloaded", LOG_TEXT("file", reload->path),
		  LOG_NUMBER("changed", found));
}

NODISCARD struct err reload_start_log(const struct reload *reload)
{
	return start_log(reload->in_force);
}

NODISCARD struct err reload_again(struct reload *reload, struct wiring *w)
{
	char message[SETTINGS_MESSAGE_MAX];
	struct settings fresh;
	struct plan plan = {.fresh = &fresh};
	reload->stamp = stamp_of(reload->path);
	reload->refused = true;
	struct err e = settings_read(reload->path, &fresh, message);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "settings.not_reloaded", LOG_TEXT("what", message),
			  LOG_TEXT("effect", "nothing has changed"), LOG_ERR(e));
		return e;
	}
	TRY(prepare(&plan, w));
	reload->refused = false;
	reload->read = fresh;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].commit != NULL)
			parts[i].commit(&plan, w);
	say_changes(reload);
	changes_apply(reload->in_force, &fresh);
	return OK;
}

bool reload_is_due(const struct reload *reload)
{
	struct reload_stamp now = stamp_of(reload->path);
	return !same_stamp(&now, &reload->stamp);
}

size_t reload_waiting(const struct reload *reload, struct changes_setting *out, size_t max)
{
	return changes_find(reload->in_force, &reload->read, CHANGES_HOLDFASTD, out, max);
}
