/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/text.h"
#include "config/logging.h"
#include "daemon/sandbox.h"

#define CHANGES_MAX 128
#define MIB (UINT64_C(1) << 20)
#define MS_PER_S 1000

static struct err say_no_file(const char *file, struct err e)
{
	log_event(LOG_ERROR, "log.file_not_opened", LOG_TEXT("file", file),
		  LOG_TEXT("action", "make its folder, owned by the service's user, or correct "
				     "file in [log]"),
		  LOG_ERR(e));
	return e;
}

static struct err start_log(const struct settings *settings)
{
	/* systemd.exec(5): JOURNAL_STREAM is set when standard error goes to the journal. */
	bool journal = getenv("JOURNAL_STREAM") != NULL;
	struct err e = logging_start(settings, settings->log.file, journal);
	return err_failed(e) ? say_no_file(settings->log.file, e) : OK;
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
	const struct audit_log_limits limits = wiring_audit_limits(s);
	audit_log_set_limits(w->audit, &limits);
	const struct audit_sink_options sink = wiring_audit_sink(s);
	audit_sink_set(w->audit_sink, &sink);
	const struct audit_retention retention = wiring_retention(s);
	audit_keeper_set(w->keeper, &retention);
	service_set_calls_max(w->service, (uint32_t)s->service.calls_max);
	service_set_due_pace(w->service, (uint32_t)s->scheduler.interval_ms,
			     (uint32_t)s->scheduler.share_percent);
}

/* What the endpoint is, the next start says; what it is told now is tried again. */
static struct err prepare_events(struct plan *plan, struct wiring *w)
{
	(void)w;
	return wiring_check(plan->fresh);
}

static void commit_events(struct plan *plan, struct wiring *w)
{
	(void)plan;
	event_bus_reopen(w->events);
}

static struct err prepare_log(struct plan *plan, struct wiring *w)
{
	(void)w;
	const char *file = plan->fresh->log.file;
	struct err e = log_file_check(&(struct log_file_options){.path = file});
	return err_failed(e) ? say_no_file(file, e) : OK;
}

static void commit_log(struct plan *plan, struct wiring *w)
{
	(void)w;
	(void)!err_failed(start_log(plan->fresh)); /* it said so, and the old one stays */
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
	{"events", prepare_events, commit_events, NULL},
	{"log", prepare_log, commit_log, NULL},
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
	*reload = (struct reload){.in_force = in_force, .lock = PTHREAD_MUTEX_INITIALIZER};
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

static void note_attempt(struct reload *reload)
{
	struct reload_stamp stamp = stamp_of(reload->path);
	LOCK_SCOPE(&reload->lock);
	reload->stamp = stamp;
	reload->refused = true;
}

NODISCARD struct err reload_again(struct reload *reload, struct wiring *w)
{
	char message[SETTINGS_MESSAGE_MAX];
	struct settings fresh;
	struct plan plan = {.fresh = &fresh};
	note_attempt(reload);
	struct err e = settings_read(reload->path, &fresh, message);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "settings.not_reloaded", LOG_TEXT("what", message),
			  LOG_TEXT("effect", "nothing has changed"), LOG_ERR(e));
		return e;
	}
	TRY(prepare(&plan, w));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].commit != NULL)
			parts[i].commit(&plan, w);
	LOCK_SCOPE(&reload->lock);
	reload->refused = false;
	reload->read = fresh;
	say_changes(reload);
	changes_apply(reload->in_force, &fresh);
	return OK;
}

void reload_look(struct reload *reload, struct reload_state *out)
{
	struct changes_setting changed[CHANGES_MAX];
	struct reload_stamp now = stamp_of(reload->path);
	LOCK_SCOPE(&reload->lock);
	*out = (struct reload_state){.due = !same_stamp(&now, &reload->stamp),
				     .refused = reload->refused};
	out->waiting = changes_find(reload->in_force, &reload->read, CHANGES_HOLDFASTD, changed,
				    ARRAY_LEN(changed));
	if (out->waiting > 0)
		out->first = changed[0];
}

void reload_copy_settings(struct reload *reload, struct settings *out)
{
	LOCK_SCOPE(&reload->lock);
	*out = *reload->in_force;
}
