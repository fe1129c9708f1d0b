/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/wiring.h"

#include <errno.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "audit/resumption.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"
#include "codec/json.h"
#include "crypto/digest.h"
#include "daemon/backup.h"
#include "daemon/sandbox.h"
#include "daemon/signals.h"
#include "event/endpoint.h"
#include "hsm/remote.h"
#include "service/audit_head.h"

#define TOKEN_WAIT_MS 60000
#define TOKEN_WAIT_SOON_MS 5000
#define TOKEN_LOOK_MS 20
#define TOKEN_SAY_MS 5000
#define VERIFY_EXTEND_US 60000000
#define S_PER_HOUR 3600
#define MIB (UINT64_C(1) << 20)
#define MS_PER_S 1000

/* ---- settings ---- */

static struct err token_uid(const struct settings *settings, int64_t *uid)
{
	*uid = -1;
	if (settings->token.user[0] == '\0')
		return OK;
	struct err result = settings_user(settings->token.user, uid);
	if (err_failed(result))
		log_event(LOG_ERROR, "settings.no_such_user", LOG_TEXT("setting", "[token] user"),
			  LOG_TEXT("user", settings->token.user), LOG_ERR(result));
	return result;
}

static struct err admin_uid(struct view name, uint32_t *uid)
{
	settings_text text;
	int64_t number = 0;
	TRY(text_copy(text, sizeof text, name));
	struct err result = settings_user(text, &number);
	if (err_failed(result))
		log_event(LOG_ERROR, "settings.no_such_user",
			  LOG_TEXT("setting", "[admin] allowed_users"), LOG_TEXT("user", text),
			  LOG_ERR(result));
	*uid = (uint32_t)number;
	return result;
}

static struct err admin_uids(const struct settings *settings, uint32_t uids[SERVER_ADMIN_UIDS_MAX],
			     size_t *count)
{
	struct view rest = view_of_text(settings->admin.allowed_users);
	*count = 0;
	while (rest.ptr != NULL) {
		struct view name = view_trim(view_cut(&rest, ' '));
		if (name.len == 0)
			continue;
		REQUIRE(*count < SERVER_ADMIN_UIDS_MAX, E_SETTINGS);
		TRY(admin_uid(name, &uids[*count]));
		(*count)++;
	}
	return OK;
}

NODISCARD struct err wiring_users(const struct settings *settings, int64_t *uid,
				  uint32_t uids[SERVER_ADMIN_UIDS_MAX], size_t *count)
{
	TRY(token_uid(settings, uid));
	return admin_uids(settings, uids, count);
}

static struct event_bus_options event_options(const struct settings *s)
{
	return (struct event_bus_options){
		.file = s->events.file,
		.url = s->events.url,
		.ca_file = s->events.ca_file,
		.token_file = s->events.token_file,
		.spool = s->events.spool,
		.queue_max = (uint32_t)s->events.queue_max,
		.timeout_ms = (uint32_t)(s->events.timeout_s * MS_PER_S),
		.clock = &clock_system,
	};
}

static struct err check_events(const struct settings *settings)
{
	const struct event_bus_options options = event_options(settings);
	const char *fault = event_bus_fault(&options);
	if (fault == NULL)
		return OK;
	log_event(LOG_ERROR, "settings.endpoint_wrong", LOG_TEXT("section", "[events]"),
		  LOG_TEXT("what", fault));
	return ERR(E_SETTINGS);
}

NODISCARD struct err wiring_check(const struct settings *settings)
{
	int64_t uid = 0;
	uint32_t uids[SERVER_ADMIN_UIDS_MAX];
	size_t count = 0;
	TRY(check_events(settings));
	return wiring_users(settings, &uid, uids, &count);
}

/* ---- the token ---- */

static struct err connect_token(struct wiring *w)
{
	int64_t uid = 0;
	TRY(token_uid(w->settings, &uid));
	return hsm_remote_open(
		&(struct hsm_remote_options){
			.socket_path = w->settings->token.socket,
			.expected_uid = uid,
			.in_flight_max = (uint32_t)MIN_OF(w->settings->token.queue_max,
							  (int64_t)HSM_REMOTE_IN_FLIGHT_MAX),
			.clock = &clock_system},
		&w->hsm);
}

static void say_waiting(const struct wiring *w, const struct hsm_status *status)
{
	(void)sd_notifyf(0, "STATUS=waiting for the token at %s\nEXTEND_TIMEOUT_USEC=%d",
			 w->settings->token.socket, 3 * TOKEN_SAY_MS * 1000);
	log_event(LOG_INFO, "daemon.waiting_for_token",
		  LOG_TEXT("socket", w->settings->token.socket), LOG_ERR(status->last_error));
}

/* Nothing that happens by itself will change this. A service waits all the same for who starts the
 * other half as the right user. */
static bool is_hopeless(const struct hsm_status *status, bool soon)
{
	return status->condition == HSM_REFUSED_UNSAFE ||
	       (soon && err_is(status->last_error, E_HSM_PEER));
}

static struct err await_token(struct wiring *w, bool soon)
{
	int64_t wait_ms = soon ? TOKEN_WAIT_SOON_MS : TOKEN_WAIT_MS;
	int64_t begin = clock_steady_ms(&clock_system), said = begin;
	struct hsm_status status;
	for (;;) {
		hsm_status(w->hsm, &status);
		int64_t now = clock_steady_ms(&clock_system);
		if (status.condition == HSM_UP)
			break;
		if (is_hopeless(&status, soon))
			return err_failed(status.last_error) ? status.last_error
							     : ERR(E_HSM_UNSAFE);
		if (now - begin >= wait_ms)
			return err_failed(status.last_error) ? status.last_error : ERR(E_HSM_AWAY);
		if (now - said >= TOKEN_SAY_MS) {
			say_waiting(w, &status);
			said = now;
		}
		enum signals_event event = signals_wait(w->signals, TOKEN_LOOK_MS);
		REQUIRE(event != SIGNALS_STOP, E_CANCELLED);
		w->reload_asked = w->reload_asked || event == SIGNALS_RELOAD;
	}
	log_event(LOG_INFO, "daemon.token_up", LOG_TEXT("label", status.token_label),
		  LOG_TEXT("serial", status.serial), LOG_TEXT("manufacturer", status.manufacturer),
		  LOG_TEXT("model", status.model), LOG_NUMBER("suite", status.suite),
		  LOG_NUMBER("lanes", status.lanes));
	return OK;
}

NODISCARD struct err wiring_open_token(struct wiring *w)
{
	TRY(connect_token(w));
	return await_token(w, false);
}

NODISCARD struct err wiring_open_token_soon(struct wiring *w)
{
	TRY(connect_token(w));
	return await_token(w, true);
}

/* ---- the store, the audit log, the service ---- */

NODISCARD struct err wiring_open_store(struct wiring *w, const char *path, bool create)
{
	w->sealer = (struct service_sealer){.hsm = w->hsm,
					    .timeout_ms = (uint32_t)w->settings->token.timeout_ms,
					    .clock = &clock_system};
	return store_sqlite_open(
		&(struct store_sqlite_options){.path = path,
					       .create = create,
					       .sealer = service_sealer_port(&w->sealer),
					       .clock = &clock_system},
		&w->store);
}

static struct err open_store(struct wiring *w)
{
	return wiring_open_store(w, w->settings->store.path, false);
}

static struct err open_installation(struct wiring *w)
{
	struct kms_installation_store port = store_sqlite_installation(w->store);
	TRY(service_check_pinned(&port, w->settings->store.installation));
	return service_open_installation(w->hsm, &port, &w->sealer, &w->installation);
}

struct audit_log_limits wiring_audit_limits(const struct settings *s)
{
	return (struct audit_log_limits){
		.segment_bytes = (uint64_t)s->audit.segment_mib * MIB,
		.segment_days = (uint32_t)s->audit.segment_days,
		.queue_max = (uint32_t)s->service.calls_max + 1,
		.sign_every_records = (uint32_t)s->audit.sign_every_records,
		.sign_every_ms = (uint32_t)s->audit.sign_every_ms,
	};
}

/* A start that is refused for want of a log must not begin one: the segments that are put back have
 * the same numbers. */
static struct err expect_audit(struct wiring *w)
{
	const struct kms_manifest manifest = store_sqlite_manifest(w->store);
	return audit_head_expect(&manifest, w->settings->audit.directory, w->settings->audit.name);
}

static struct err open_audit_signer(struct wiring *w)
{
	w->audit_signer = (struct service_audit_signer){
		.hsm = w->hsm,
		.key = w->installation.audit_sign,
		.timeout_ms = (uint32_t)w->settings->token.timeout_ms,
		.clock = &clock_system,
	};
	return service_audit_signer_open(&w->audit_signer);
}

static const struct {
	const char *name;
	uint32_t facility;
} facilities[] = {
	{"user", 1},    {"daemon", 3},  {"auth", 4},    {"authpriv", 10},
	{"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19},
	{"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23},
};

struct audit_sink_options wiring_audit_sink(const struct settings *s)
{
	struct audit_sink_options options = {.socket = s->audit.sink_socket,
					     .ident = s->audit.sink_ident};
	if (text_equal(s->audit.sink, "syslog"))
		options.kind = AUDIT_SINK_SYSLOG;
	if (text_equal(s->audit.sink, "journal"))
		options.kind = AUDIT_SINK_JOURNAL;
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
		if (text_equal(s->audit.sink_facility, facilities[i].name))
			options.facility = facilities[i].facility;
	return options;
}

static struct err open_audit_sink(struct wiring *w)
{
	const struct audit_sink_options options = wiring_audit_sink(w->settings);
	return audit_sink_open(&options, &clock_system, &w->audit_sink);
}

static struct err open_audit(struct wiring *w)
{
	const struct settings *s = w->settings;
	const struct audit_log_limits limits = wiring_audit_limits(s);
	if (mkdir(s->audit.directory, 0750) != 0 && errno != EEXIST)
		return ERR_DETAIL(E_AUDIT, errno);
	return audit_log_open(
		&(struct audit_log_options){.directory = s->audit.directory,
					    .segment_bytes = limits.segment_bytes,
					    .segment_days = limits.segment_days,
					    .queue_max = limits.queue_max,
					    .sign_every_records = limits.sign_every_records,
					    .sign_every_ms = limits.sign_every_ms,
					    .signer = &w->audit_signer.port,
					    .sign_later = true, /* by service_start() */
					    .sink = w->audit_sink,
					    .clock = &clock_system},
		&w->audit);
}

static struct err index_audit(struct wiring *w)
{
	const struct audit_index_sealer sealer = service_index_sealer(&w->sealer);
	return indexing_start(w->settings, w->audit, &sealer, &w->indexing);
}

/* budget_force: the service's default. */
static struct kms_rotation_rules rotation_rules(const struct settings *s)
{
	return (struct kms_rotation_rules){
		.managed_days = (uint32_t)s->rotation.managed_period_days,
		.on_demand_max = (uint32_t)s->rotation.on_demand_max,
	};
}

static struct err open_events(struct wiring *w)
{
	const struct event_bus_options options = event_options(w->settings);
	return event_bus_open(&options, &w->events);
}

/* Before READY=1 the service manager counts the time of the start. */
static void tell_progress(UNUSED void *user, uint64_t done, uint64_t all)
{
	(void)sd_notifyf(0,
			 "STATUS=verifying the store: %llu of %llu rows\n"
			 "EXTEND_TIMEOUT_USEC=%d",
			 (unsigned long long)done, (unsigned long long)all, VERIFY_EXTEND_US);
}

static const struct service_library libraries[] = {
	{"OpenSSL libcrypto", digest_library},
	{"SQLite", store_sqlite_library},
	{"libmicrohttpd", server_http_library},
	{"GnuTLS", server_tls_library},
	{"jansson", json_library},
	{"libcurl", event_endpoint_library},
	{NULL, NULL},
};

static struct err start_service(struct wiring *w)
{
	const struct settings *s = w->settings;
	return service_start(
		&(struct service_options){
			.hsm = w->hsm,
			.store = store_sqlite_keys(w->store),
			.catalog = store_sqlite_catalog(w->store),
			.grants = store_sqlite_grants(w->store),
			.agenda = store_sqlite_agenda(w->store),
			.identities = store_sqlite_identities(w->store),
			.manifest = store_sqlite_manifest(w->store),
			.events = w->events,
			.audit = w->audit,
			.audit_directory = s->audit.directory,
			.audit_public_key = w->audit_signer.public_key,
			.logs = w->indexing.logs,
			.log_count = w->indexing.count,
			.audit_name = s->audit.name,
			.clock = &clock_system,
			.installation = w->installation,
			.verify_interval_s = (uint32_t)s->store.verify_hours * S_PER_HOUR,
			.blocking_threads = (uint32_t)s->service.blocking_threads,
			.calls_max = (uint32_t)s->service.calls_max,
			.token_timeout_ms = (uint32_t)s->token.timeout_ms,
			.keys_cached_max = (uint32_t)s->service.keys_cached_max,
			.direct_messages_max = (uint64_t)s->token.direct_messages_max,
			.direct_block = (uint64_t)s->token.direct_block,
			.rotation = rotation_rules(s),
			.due_interval_ms = (uint32_t)s->scheduler.interval_ms,
			.due_share_percent = (uint32_t)s->scheduler.share_percent,
			.progress = tell_progress,
			.backups = backup_port(w),
			.more_checks = w->more_checks,
			.more_checks_user = w->more_checks_user,
			.libraries = libraries,
		},
		&w->service);
}

struct audit_retention wiring_retention(const struct settings *s)
{
	return (struct audit_retention){
		.keep_days = (uint32_t)s->audit.keep_days,
		.keep_bytes = (uint64_t)s->audit.keep_mib * MIB,
		.warn_free_bytes = (uint64_t)s->audit.warn_free_mib * MIB,
	};
}

static struct err needed_since(void *user, int64_t *ms)
{
	return service_outbox_oldest(user, ms);
}

static struct err clock_trusted(void *user, int64_t *now_ms)
{
	return service_clock_trusted(user, now_ms);
}

/* After the outbox was settled: what that looked for is then in the log. */
static struct err start_keeper(struct wiring *w)
{
	struct audit_keeper *keeper = NULL;
	TRY(audit_keeper_start(
		&(struct audit_keeper_options){
			.log = w->audit,
			.directory = w->settings->audit.directory,
			.region = w->installation.scope.region,
			.account = w->installation.scope.account,
			.retention = wiring_retention(w->settings),
			.signer = &w->audit_signer.port,
			.public_key = w->audit_signer.public_key,
			.needed_since = needed_since,
			.clock_trusted = clock_trusted,
			.user = w->service,
			.clock = &clock_system,
		},
		&keeper));
	LOCK_SCOPE(&w->parts);
	w->keeper = TAKE(keeper);
	return OK;
}

static struct err reconcile(struct wiring *w)
{
	(void)sd_notify(0, "STATUS=settling store and token\nEXTEND_TIMEOUT_USEC=300000000");
	return service_reconcile(w->service);
}

static struct server_tls_options tls_options(const struct settings *s)
{
	static const char *const clients[] = {[SERVER_TLS_CLIENTS_OPTIONAL] = "optional",
					      [SERVER_TLS_CLIENTS_REQUIRED] = "required"};
	struct server_tls_options o = {.certificate = s->tls.certificate,
				       .private_key = s->tls.private_key,
				       .client_ca = s->tls.client_ca};
	for (size_t i = SERVER_TLS_CLIENTS_OPTIONAL; i < ARRAY_LEN(clients); i++)
		if (text_equal(s->tls.client_certificates, clients[i]))
			o.clients = (enum server_tls_clients)i;
	if (text_equal(s->tls.minimum_version, "1.3"))
		o.minimum = SERVER_TLS_1_3;
	return o;
}

static struct err open_doors(struct wiring *w)
{
	const struct settings *s = w->settings;
	uint32_t uids[SERVER_ADMIN_UIDS_MAX];
	size_t count = 0;
	struct server *server = NULL;
	TRY(admin_uids(s, uids, &count));
	TRY(server_start(
		&(struct server_options){
			.service = w->service,
			.listen = s->server.listen,
			.health_listen = s->health.listen,
			.metrics_listen = s->metrics.listen,
			.admin_socket = s->admin.socket,
			.admin_uids = uids,
			.admin_uid_count = count,
			.connections_max = (uint32_t)s->server.connections_max,
			.connections_per_address_max =
				(uint32_t)s->server.connections_per_address_max,
			.idle_timeout_ms = (uint32_t)(s->server.idle_timeout_s * MS_PER_S),
			.request_timeout_ms = (uint32_t)(s->server.request_timeout_s * MS_PER_S),
			.threads = (uint32_t)s->server.threads,
			.tls = tls_options(s),
			.clock = &clock_system,
		},
		&server));
	LOCK_SCOPE(&w->parts);
	w->server = TAKE(server);
	return OK;
}

static struct err confine(struct wiring *w)
{
	return sandbox_confine(w->settings);
}

/* ---- up and down ---- */

static const struct step {
	const char *name;
	struct err (*run)(struct wiring *w);
} steps[] = {
	{"reach the token", wiring_open_token},
	{"open the store", open_store},
	{"verify the installation", open_installation},
	{"find the end of the audit log", expect_audit},
	{"ask for the audit log's key", open_audit_signer},
	{"open the audit log's sink", open_audit_sink},
	{"open the audit log", open_audit},
	{"index the audit log", index_audit},
	{"open the sinks of events", open_events},
	{"verify the store and start the service", start_service},
	{"settle store and token", reconcile},
	{"watch over the audit log", start_keeper},
	{"enter the sandbox", confine},
	{"open the doors", open_doors},
};

NODISCARD struct err wiring_start(struct wiring *w)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct err result = steps[i].run(w);
		if (!err_failed(result))
			continue;
		if (!err_is(result, E_CANCELLED))
			log_event(LOG_ERROR, "daemon.start_failed", LOG_TEXT("step", steps[i].name),
				  LOG_TEXT("token", w->settings->token.socket),
				  LOG_TEXT("store", w->settings->store.path),
				  LOG_TEXT("audit", w->settings->audit.directory), LOG_ERR(result));
		return result;
	}
	return OK;
}

bool wiring_drain(struct wiring *w)
{
	server_quiesce(w->server);
	return service_drain(w->service,
			     (uint32_t)(w->settings->service.drain_timeout_s * MS_PER_S));
}

void wiring_look(struct wiring *w, struct audit_keeper_report *keeper,
		 struct server_tls_status *tls)
{
	LOCK_SCOPE(&w->parts);
	if (keeper != NULL && w->keeper != NULL)
		audit_keeper_report(w->keeper, keeper);
	if (tls != NULL && w->server != NULL)
		server_tls_status(w->server, tls);
}

/* A call that outlives the drain may still look. */
static void stop_parts(struct wiring *w)
{
	struct audit_keeper *keeper = NULL;
	struct server *server = NULL;
	{
		LOCK_SCOPE(&w->parts);
		keeper = TAKE(w->keeper);
		server = TAKE(w->server);
	}
	server_stop(&server);
	audit_keeper_stop(&keeper);
}

/* Lines behind this record are not ours: the next start says so. */
static void tell_stop(const struct wiring *w)
{
	const struct kms_scope *scope = &w->installation.scope;
	struct err e = audit_stop_append(w->audit, clock_real_ms(&clock_system), scope->region,
					 scope->account);
	if (err_failed(e))
		log_event(LOG_WARNING, "audit.stop_not_told", LOG_ERR(e));
}

void wiring_stop(struct wiring *w)
{
	bool served = w->service != NULL;
	stop_parts(w);
	if (w->service != NULL)
		service_stop(&w->service);
	event_bus_close(&w->events);
	indexing_stop(&w->indexing);
	if (w->audit != NULL && served)
		tell_stop(w);
	if (w->audit != NULL)
		audit_log_close(&w->audit);
	audit_sink_close(&w->audit_sink);
	if (w->store != NULL)
		store_sqlite_close(&w->store);
	if (w->hsm != NULL)
		hsm_close(&w->hsm);
}
