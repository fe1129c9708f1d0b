/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/checks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_file.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define MIB_SHIFT 20
#define MS_PER_S 1000
#define CERTIFICATE_WARN_DAYS 30
#define PROC_STATUS_MAX 4096

/* ---- disks ---- */

static void check_disk(struct service_checks *out, const char *name, const char *path,
		       int64_t warn_free_mib)
{
	struct statvfs disk = {0};
	char folder[SETTINGS_TEXT_MAX] = "";
	struct view all = view_of_text(path);
	while (all.len > 1 && all.ptr[all.len - 1] != '/')
		all.len--;
	if (all.len > 1)
		all.len--; /* told without the slash */
	(void)!err_failed(text_copy(folder, sizeof folder, all));
	if (statvfs(folder, &disk) != 0) {
		service_check_add(out, name, SERVICE_LEVEL_WARNING,
				  "check that the folder is there, and its permissions",
				  "%.200s cannot be looked at", folder);
		return;
	}
	unsigned long long free_mib =
		((unsigned long long)disk.f_bavail * disk.f_frsize) >> MIB_SHIFT;
	bool low = (int64_t)free_mib < warn_free_mib;
	service_check_add(out, name, low ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  "make room: a full disk stops the service (warn_free_mib, keep_days and "
			  "keep_mib in [audit])",
			  "%llu MiB free at %.200s", free_mib, folder);
}

static void check_disks(const struct checks_context *c, const struct settings *s,
			struct service_checks *out)
{
	(void)c;
	char audit[SETTINGS_TEXT_MAX + 1] = "";
	(void)!err_failed(text_format(audit, sizeof audit, "%s/", s->audit.directory));
	check_disk(out, "store disk", s->store.path, s->audit.warn_free_mib);
	check_disk(out, "audit disk", audit, s->audit.warn_free_mib);
	service_check_add(out, "schema", SERVICE_LEVEL_OK, "",
			  "version %lld of the store, this program's own",
			  (long long)store_sqlite_schema());
}

/* ---- the audit log's files ---- */

static void say_bound(char *out, size_t cap, const char *what, int64_t number, const char *unit)
{
	if (number > 0)
		(void)!err_failed(
			text_format(out, cap, "%s %lld %s", what, (long long)number, unit));
	else
		(void)!err_failed(text_format(out, cap, "%s for ever", what));
}

static void check_retention(const struct checks_context *c, const struct settings *s,
			    struct service_checks *out)
{
	struct audit_keeper_report report = {.last = OK};
	char days[64] = "", size[64] = "", oldest[TIMESTAMP_ISO_TEXT] = "";
	wiring_look(c->w, &report, NULL);
	say_bound(days, sizeof days, "kept", s->audit.keep_days, "days");
	if (s->audit.keep_mib > 0)
		say_bound(size, sizeof size, ", at most", s->audit.keep_mib, "MiB");
	timestamp_iso(report.oldest_ms, false, oldest);
	bool failed = err_failed(report.last);
	service_check_add(out, "audit files", failed ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  err_action(report.last), "%llu file%s, %llu MiB, since %s; %s%s%s%s",
			  (unsigned long long)report.segments, report.segments == 1 ? "" : "s",
			  (unsigned long long)(report.bytes >> MIB_SHIFT), oldest, days, size,
			  !failed ? ""
			  : err_is(report.last, E_CLOCK_UNTRUSTED)
				  ? "; none is removed because of its age: "
				  : "; none can be removed: ",
			  failed ? err_meaning(report.last) : "");
}

/* ---- the audit log's sink ---- */

#define MISSED_TOLD_MS (INT64_C(24) * 3600 * 1000)

static void check_audit_sink(const struct checks_context *c, const struct settings *s,
			     struct service_checks *out)
{
	struct audit_sink_report report;
	char since[TIMESTAMP_ISO_TEXT] = "";
	audit_sink_report(c->w->audit_sink, &report);
	if (report.kind == AUDIT_SINK_NONE)
		return;
	bool failing = report.failing_since_ms != 0;
	bool missed = report.missed > 0 &&
		      clock_real_ms(&clock_system) - report.missed_ms < MISSED_TOLD_MS;
	timestamp_iso(report.failing_since_ms, false, since);
	service_check_add(
		out, "audit sink", failing || missed ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
		failing ? "see that it is served, or change sink in [audit]; the audit log's files "
			  "have all"
			: "take what it missed from the audit log's files",
		"%s at %s: %llu told, %zu waiting, %llu missed%s%s%s%s", s->audit.sink,
		report.socket, (unsigned long long)report.delivered, report.waiting,
		(unsigned long long)report.missed, failing ? "; failing since " : "",
		failing ? since : "", failing ? ": " : "",
		failing ? strerrordesc_np(report.failure) : "");
}

/* ---- the logs that LookupEvents looks into ---- */

static void check_lookup(const struct checks_context *c, const struct settings *s,
			 struct service_checks *out)
{
	(void)s;
	indexing_check(&c->w->indexing, out);
}

/* ---- certificates ---- */

static void check_certificate(const struct checks_context *c, const struct settings *s,
			      struct service_checks *out)
{
	(void)s;
	struct server_tls_status tls = {0};
	wiring_look(c->w, NULL, &tls);
	if (!tls.enabled) {
		service_check_add(out, "certificate", SERVICE_LEVEL_OK, "", "none: plain HTTP");
		return;
	}
	const char *remedy = "renew it, then systemctl reload holdfastd (SIGHUP)";
	int64_t now = clock_real_ms(&clock_system) / MS_PER_S;
	bool early = now < tls.not_before_s;
	if (early || now > tls.not_after_s) {
		char date[TIMESTAMP_ISO_TEXT] = "";
		timestamp_iso((early ? tls.not_before_s : tls.not_after_s) * MS_PER_S, false, date);
		service_check_add(
			out, "certificate", SERVICE_LEVEL_FAILURE,
			early ? "check this machine's clock, or install one that is valid" : remedy,
			"%.200s, %s %s", tls.subject, early ? "not valid before" : "ended", date);
		return;
	}
	bool soon = tls.days_left < CERTIFICATE_WARN_DAYS;
	service_check_add(out, "certificate", soon ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  remedy, "%.200s, %lld days left", tls.subject, (long long)tls.days_left);
}

/* ---- events ---- */

#define DROPPED_TOLD_MS (INT64_C(24) * 3600 * 1000)

static void check_sink(const struct event_sink_report *sink, const char *name, const char *place,
		       struct service_checks *out)
{
	char since[TIMESTAMP_ISO_TEXT] = "";
	bool failing = sink->failing_since_ms != 0;
	int64_t now = clock_real_ms(&clock_system);
	bool dropped = sink->dropped > 0 && now - sink->dropped_ms < DROPPED_TOLD_MS;
	timestamp_iso(sink->failing_since_ms, false, since);
	service_check_add(
		out, name, failing || dropped ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
		failing ? "mend what [events] names, or the way to it; SIGHUP tries again at once"
			: "take from the audit log what was not told; see events.dropped in the "
			  "log",
		"%.100s: %llu told, %llu waiting, %llu dropped%s%s%s%s", place,
		(unsigned long long)sink->delivered, (unsigned long long)sink->waiting,
		(unsigned long long)sink->dropped, failing ? "; failing since " : "",
		failing ? since : "", failing || dropped ? ": " : "",
		failing || dropped ? sink->last_error : "");
}

/* Scheme and host: what stands behind them may be a secret. */
static void cut_url(const char *url, char out[SETTINGS_TEXT_MAX])
{
	struct view all = view_of_text(url);
	size_t slashes = 0, end = 0;
	for (; end < all.len && slashes < 3; end++)
		slashes += all.ptr[end] == '/';
	all.len = view_find(view_part(all, 0, end), '?');
	if (err_failed(text_copy(out, SETTINGS_TEXT_MAX, all)))
		out[0] = '\0';
}

static void check_events(const struct checks_context *c, const struct settings *s,
			 struct service_checks *out)
{
	char place[SETTINGS_TEXT_MAX];
	struct event_bus_report report;
	cut_url(s->events.url, place);
	event_bus_report(c->w->events, &report);
	const struct event_sink_report *file = &report.sinks[EVENT_SINK_FILE];
	const struct event_sink_report *endpoint = &report.sinks[EVENT_SINK_ENDPOINT];
	if (!file->present && !endpoint->present)
		service_check_add(out, "events", SERVICE_LEVEL_OK, "", "told to nobody");
	if (file->present)
		check_sink(file, endpoint->present ? "events file" : "events", s->events.file, out);
	if (endpoint->present)
		check_sink(endpoint, file->present ? "events endpoint" : "events", place, out);
}

/* ---- settings and log ---- */

static void check_settings(const struct checks_context *c, const struct settings *s,
			   struct service_checks *out)
{
	(void)s;
	struct reload_state state;
	reload_look(c->reload, &state);
	if (state.due)
		service_check_add(out, "settings", SERVICE_LEVEL_WARNING,
				  "check them with holdfastd --check, then systemctl reload "
				  "holdfastd (SIGHUP)",
				  "%.200s was changed since it was read", c->reload->path);
	else if (state.refused)
		service_check_add(out, "settings", SERVICE_LEVEL_WARNING,
				  "correct what holdfastd --check names, then systemctl reload "
				  "holdfastd (SIGHUP)",
				  "%.200s is wrong and was not taken", c->reload->path);
	else if (state.waiting > 0)
		service_check_add(out, "settings", SERVICE_LEVEL_WARNING, "restart holdfastd",
				  "%zu wait for a restart: [%s] %s%s", state.waiting,
				  state.first.section, state.first.name,
				  state.waiting > 1 ? " and others" : "");
	else
		service_check_add(out, "settings", SERVICE_LEVEL_OK, "", "%.200s, all in force",
				  c->reload->path);
}

static void check_log(const struct checks_context *c, const struct settings *s,
		      struct service_checks *out)
{
	(void)c;
	int failure = log_file_failure();
	const char *where = s->log.file[0] != '\0' ? s->log.file : "standard error";
	service_check_add(out, "log", failure != 0 ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  "make room or mend its folder; lines go to standard error meanwhile",
			  "%.200s, level %s%s%s", where, s->log.level, failure != 0 ? ": " : "",
			  failure != 0 ? strerrordesc_np(failure) : "");
}

/* ---- the sandbox ---- */

/* The number behind a name in /proc/self/status; -1: not there. */
static int64_t number_in(struct view status, const char *name)
{
	while (status.ptr != NULL && status.len > 0) {
		struct view line = view_cut(&status, '\n');
		struct view value = line;
		int64_t number = 0;
		if (view_equal_text(view_cut(&value, ':'), name) &&
		    !err_failed(text_parse_integer(view_trim(value), 0, INT64_MAX, &number)))
			return number;
	}
	return -1;
}

static void check_sandbox(const struct checks_context *c, const struct settings *s,
			  struct service_checks *out)
{
	(void)c;
	char text[PROC_STATUS_MAX];
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	if (fd >= 0)
		(void)close(fd);
	struct view status = view_of(text, n > 0 ? (size_t)n : 0);
	int64_t mode = number_in(status, "Seccomp");
	bool bound = number_in(status, "NoNewPrivs") == 1;
	bool enforced = text_equal(s->sandbox.seccomp, "enforce");
	const char *calls = mode == 0 ? "not filtered" : "unknown";
	if (mode == 2)
		calls = enforced ? "filtered" : "watched and not refused";
	service_check_add(
		out, "sandbox", enforced ? SERVICE_LEVEL_OK : SERVICE_LEVEL_WARNING,
		"set seccomp = enforce in [sandbox] once you know what the token's module "
		"needs, and restart both",
		"system calls %s, %s privileges%s", calls, bound ? "no new" : "new",
		geteuid() == 0 ? ", runs as root" : "");
}

static void (*const parts[])(const struct checks_context *c, const struct settings *s,
			     struct service_checks *out) = {
	check_disks,  check_retention, check_audit_sink, check_lookup,  check_certificate,
	check_events, check_settings,  check_log,        check_sandbox,
};

void checks_collect(void *user, struct service_checks *out)
{
	const struct checks_context *c = user;
	struct settings settings;
	reload_copy_settings(c->reload, &settings);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i](c, &settings, out);
}
