/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation Status: what an operator wants to know at a glance. Changes nothing. */
#include "base/metric.h"
#include "base/text.h"
#include "service/anchoring_rows.h"
#include "service/checks.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/outbox.h"
#include "service/readiness.h"
#include "service/refused.h"
#include "service/scheduler.h"

#define UNATTESTED_WARN_MS 60000

#define MS_PER_S 1000

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const conditions[] = {
	[HSM_UP] = "up",
	[HSM_CONNECTING] = "connecting",
	[HSM_AWAY] = "away",
	[HSM_PIN_REFUSED] = "pin refused",
	[HSM_REFUSED_UNSAFE] = "refused: unsafe",
};

static void write_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

/* {"Ok":...} and, when not, what is wrong and what to do about it. */
static void write_health(struct json_out *out, struct err e)
{
	json_out_bool(out, "Ok", !err_failed(e));
	if (!err_failed(e))
		return;
	write_text(out, "Error", err_name(e));
	write_text(out, "Reason", err_meaning(e));
	write_text(out, "Remedy", err_action(e));
}

static void write_part(struct json_out *out, const char *name, struct err e)
{
	json_out_begin_object(out, name);
	write_health(out, e);
	json_out_end_object(out);
}

static void write_token(const struct service *service, const struct readiness_report *report,
			struct json_out *out)
{
	struct hsm_status token;
	hsm_status(service->options.hsm, &token);
	json_out_begin_object(out, "Token");
	write_health(out, report->token);
	write_text(out, "Condition", conditions[token.condition]);
	if (err_failed(token.last_error))
		write_text(out, "LastError", err_meaning(token.last_error));
	write_text(out, "Label", token.token_label);
	write_text(out, "Serial", token.serial);
	write_text(out, "Manufacturer", token.manufacturer);
	write_text(out, "Model", token.model);
	json_out_integer(out, "Suite", token.suite);
	json_out_integer(out, "Lanes", token.lanes);
	json_out_integer(out, "Generation", (int64_t)token.generation);
	json_out_integer(out, "WorkersReplaced",
			 (int64_t)metric_get(METRIC_TOKEN_WORKER_RESTARTS, 0, 0));
	json_out_integer(out, "Operations", (int64_t)token.operations);
	json_out_integer(out, "Failures", (int64_t)token.failures);
	json_out_end_object(out);
}

static void write_audit(const struct service *service, const struct readiness_report *report,
			struct json_out *out)
{
	struct audit_log_figures figures;
	audit_log_figures(service->options.audit, &figures);
	json_out_begin_object(out, "Audit");
	write_health(out, report->audit);
	json_out_integer(out, "Lines", (int64_t)figures.lines);
	json_out_integer(out, "Syncs", (int64_t)figures.syncs);
	json_out_integer(out, "Bytes", (int64_t)figures.bytes);
	json_out_integer(out, "Failures", (int64_t)figures.failures);
	json_out_integer(out, "Attestations", (int64_t)figures.attestations);
	json_out_integer(out, "Unattested", (int64_t)figures.unattested);
	json_out_end_object(out);
}

static void write_calls(struct service *service, struct json_out *out)
{
	pthread_mutex_lock(&service->lock);
	uint64_t calls = service->calls, failures = service->failures;
	uint32_t under_way = service->under_way;
	pthread_mutex_unlock(&service->lock);
	json_out_begin_object(out, "Calls");
	json_out_integer(out, "Total", (int64_t)calls);
	json_out_integer(out, "Failed", (int64_t)failures);
	json_out_integer(out, "UnderWay", under_way);
	json_out_end_object(out);
}

static void write_installation(const struct service *service, struct json_out *out)
{
	const struct kms_installation *installation = &service->options.installation;
	json_out_begin_object(out, "Installation");
	write_text(out, "Id", installation->id);
	write_text(out, "Partition", installation->scope.partition);
	write_text(out, "Region", installation->scope.region);
	write_text(out, "Account", installation->scope.account);
	json_out_end_object(out);
}

/* ---- the rows ---- */

/* What an operator does about the whole service; the errors' own actions are those of one call. */
static const struct {
	enum err_code code;
	const char *text;
} remedies[] = {
	{E_HSM_AWAY, "see that holdfast-token runs (systemctl start holdfast-token) and what it "
		     "says of the token (journalctl -u holdfast-token); the rest comes by itself"},
	{E_HSM_PIN, "correct what pin_source names, then systemctl reload holdfast-token (SIGHUP); "
		    "it tries no PIN twice by itself"},
	{E_HSM_PEER, "let user in [token] name the user that holdfast-token runs as, or correct "
		     "socket; then restart holdfastd"},
};

static const char *remedy_of(struct err e)
{
	for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
		if (err_is(e, remedies[i].code))
			return remedies[i].text;
	return err_action(e);
}

static void check_health(struct service_checks *out, const char *name, struct err e,
			 const char *detail)
{
	if (err_failed(e))
		service_check_add(out, name, SERVICE_LEVEL_FAILURE, remedy_of(e), "%s [%s]",
				  err_meaning(e), err_name(e));
	else
		service_check_add(out, name, SERVICE_LEVEL_OK, "", "%s", detail);
}

static void check_service(const struct service *service, struct service_checks *out)
{
	int64_t up_s = (clock_steady_ms(service->options.clock) - service->started_ms) / 1000;
	const struct kms_scope *scope = &service->options.installation.scope;
	service_check_add(out, "service", SERVICE_LEVEL_OK, "",
			  "version " HOLDFAST_VERSION ", up %lld d %lld h %lld min; account %s in "
			  "%s",
			  (long long)(up_s / 86400), (long long)(up_s / 3600 % 24),
			  (long long)(up_s / 60 % 60), scope->account, scope->region);
}

static void check_token(const struct service *service, const struct readiness_report *report,
			struct service_checks *out)
{
	struct hsm_status token;
	char detail[SERVICE_CHECK_TEXT] = "";
	hsm_status(service->options.hsm, &token);
	(void)!err_failed(
		text_format(detail, sizeof detail,
			    "%s, %s (%s %s, serial %s), suite %d, lanes %u; connected "
			    "anew %llu times, %llu workers replaced",
			    conditions[token.condition], token.token_label, token.manufacturer,
			    token.model, token.serial, token.suite, token.lanes,
			    (unsigned long long)(token.generation > 0 ? token.generation - 1 : 0),
			    (unsigned long long)metric_get(METRIC_TOKEN_WORKER_RESTARTS, 0, 0)));
	check_health(out, "token", report->token, detail);
}

static void check_audit(struct service *service, const struct readiness_report *report,
			struct service_checks *out)
{
	struct audit_log_figures figures;
	char detail[SERVICE_CHECK_TEXT] = "";
	audit_log_figures(service->options.audit, &figures);
	(void)!err_failed(text_format(
		detail, sizeof detail, "%llu records since the start, %llu refused by the disk",
		(unsigned long long)figures.lines, (unsigned long long)figures.failures));
	check_health(out, "audit log", report->audit, detail);
	if (figures.unattested > 0 && figures.unattested_ms > UNATTESTED_WARN_MS)
		service_check_add(out, "audit signatures", SERVICE_LEVEL_WARNING,
				  "see the row of the token; they are made when it answers again",
				  "%llu records are not signed for yet, the oldest for %lld s",
				  (unsigned long long)figures.unattested,
				  (long long)(figures.unattested_ms / 1000));
	size_t waiting = outbox_backlog(service->outbox);
	service_check_add(out, "outbox", waiting > 0 ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  "mend the audit log; they are written by themselves then, or at the next "
			  "start",
			  "%zu records of changes wait for the audit log", waiting);
}

static void check_keys(const struct service *service, struct service_checks *out)
{
	size_t refused = refused_count(service->refused);
	size_t malformed = keyring_malformed(service->keyring);
	service_check_add(
		out, "keys", refused > 0 ? SERVICE_LEVEL_FAILURE : SERVICE_LEVEL_OK,
		"see the service's log lines that name them (reconcile.); restore the token "
		"or the store",
		"%zu in memory, %zu key versions refused", keyring_count(service->keyring),
		refused);
	service_check_add(out, "key policies",
			  malformed > 0 ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  "see the service's log lines that name the keys "
			  "(keyring.policy_malformed), and give each the default policy again "
			  "(admin operation ResetKeyPolicy)",
			  "%zu of the keys in memory have one that cannot be understood: nobody "
			  "may use them",
			  malformed);
}

static void check_calls(struct service *service, struct service_checks *out)
{
	pthread_mutex_lock(&service->lock);
	uint64_t calls = service->calls, failures = service->failures;
	uint32_t under_way = service->under_way, most = service->options.calls_max;
	pthread_mutex_unlock(&service->lock);
	bool full = under_way >= most;
	service_check_add(out, "calls", full ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
			  "raise calls_max in [service], or add a faster token",
			  "%llu taken, %llu answered with an error; %u of %u under way",
			  (unsigned long long)calls, (unsigned long long)failures, under_way, most);
}

static void check_clock(struct service *service, struct service_checks *out)
{
	struct clock_trust_report report;
	clock_trust_report(service->clock_trust, &report);
	bool trusted = report.verdict == CLOCK_TRUSTED;
	service_check_add(out, "clock", trusted ? SERVICE_LEVEL_OK : SERVICE_LEVEL_WARNING,
			  clock_verdict_remedy(report.verdict), "%s: %s; %lld s from boot time%s",
			  clock_verdict_name(report.verdict), clock_verdict_meaning(report.verdict),
			  (long long)(report.apart_ms / MS_PER_S),
			  trusted ? "" : "; nothing is destroyed meanwhile");
}

/* What keeps due work from being done: a failure that is on record, or what put the last round off.
 */
static struct err due_trouble(const struct scheduler_report *report)
{
	struct err e = report->store;
	for (size_t kind = 0; kind < KMS_DUE_COUNT && !err_failed(e); kind++)
		e = report->held[kind];
	return e;
}

static void describe_due(const struct scheduler_report *report, struct err held,
			 char out[SERVICE_CHECK_TEXT])
{
	char id[KMS_KEY_ID_TEXT + 1], failing[SERVICE_CHECK_TEXT] = "";
	const struct kms_due_failure *worst = &report->worst;
	if (worst->attempts > 0) {
		kms_key_id_format(&worst->due.key_id, id);
		(void)!err_failed(text_format(
			failing, sizeof failing, "; %s of key %s has failed %u times [%s]",
			kms_due_name(worst->due.kind), id, worst->attempts, worst->error));
	}
	if (err_failed(held))
		(void)!err_failed(text_format(out, SERVICE_CHECK_TEXT, "%s; put off: %s [%s]",
					      failing, err_meaning(held), err_name(held)));
	else
		(void)!err_failed(text_copy(out, SERVICE_CHECK_TEXT, view_of_text(failing)));
}

struct due_totals {
	uint64_t due, late, failing;
};

static struct due_totals add_up(const struct scheduler_report *report)
{
	struct due_totals all = {0};
	for (size_t kind = 0; kind < KMS_DUE_COUNT; kind++) {
		all.due += report->kinds[kind].due;
		all.late += report->late[kind];
		all.failing += report->kinds[kind].failed;
	}
	return all;
}

/* What is put off has a row of its own besides: token, store, audit log, clock. */
static const char *due_remedy(struct err held, uint64_t failing)
{
	if (failing > 0)
		return "see due.failed in the service's log, which names the keys and what to do; "
		       "they are tried again by themselves";
	if (err_failed(held))
		return remedy_of(held);
	return "a backlog: raise share_percent in [scheduler] if it does not shrink fast enough";
}

static void check_due(const struct service *service, struct service_checks *out)
{
	char why[SERVICE_CHECK_TEXT] = "";
	struct scheduler_report report;
	scheduler_report(service->scheduler, &report);
	struct err held = due_trouble(&report);
	struct due_totals all = add_up(&report);
	bool well = all.late == 0 && all.failing == 0 && !err_failed(report.store);
	if (!well)
		describe_due(&report, held, why);
	service_check_add(out, "due work", well ? SERVICE_LEVEL_OK : SERVICE_LEVEL_WARNING,
			  due_remedy(held, all.failing), "%llu due, %llu late, %llu failing%s",
			  (unsigned long long)all.due, (unsigned long long)all.late,
			  (unsigned long long)all.failing, why);
}

static const char *const due_members[KMS_DUE_COUNT] = {
	[KMS_DUE_ROTATION] = "Rotation",
	[KMS_DUE_DELETION] = "Deletion",
	[KMS_DUE_EXPIRY] = "Expiry",
};

static void write_due_kind(const struct scheduler_report *report, enum kms_due_kind kind,
			   struct json_out *out)
{
	const struct kms_due_count *count = &report->kinds[kind];
	json_out_begin_object(out, due_members[kind]);
	json_out_integer(out, "Due", (int64_t)count->due);
	json_out_integer(out, "Late", (int64_t)report->late[kind]);
	json_out_integer(out, "Failing", (int64_t)count->failed);
	if (count->since_ms != 0)
		json_out_time(out, "Since", count->since_ms);
	json_out_integer(out, "Done", (int64_t)report->done[kind]);
	json_out_integer(out, "Failures", (int64_t)report->failed[kind]);
	if (err_failed(report->held[kind]))
		write_text(out, "PutOff", err_name(report->held[kind]));
	json_out_end_object(out);
}

static void write_due(const struct service *service, struct json_out *out)
{
	struct scheduler_report report;
	scheduler_report(service->scheduler, &report);
	json_out_begin_object(out, "Due");
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++)
		write_due_kind(&report, kind, out);
	json_out_end_object(out);
}

static void collect(struct service *service, const struct readiness_report *report,
		    struct service_checks *out)
{
	out->count = 0;
	check_service(service, out);
	check_token(service, report, out);
	check_health(out, "store", report->store, "readable");
	anchoring_rows_add(service, out);
	check_audit(service, report, out);
	check_keys(service, out);
	check_clock(service, out);
	check_due(service, out);
	check_calls(service, out);
	if (service->options.more_checks != NULL)
		service->options.more_checks(service->options.more_checks_user, out);
}

static void write_checks(const struct service_checks *checks, struct json_out *out)
{
	json_out_begin_array(out, "Checks");
	for (size_t i = 0; i < checks->count; i++) {
		const struct service_check *row = &checks->rows[i];
		json_out_begin_object(out, NULL);
		write_text(out, "Name", row->name);
		write_text(out, "Level", service_level_name(row->level));
		write_text(out, "Detail", row->detail);
		if (row->level != SERVICE_LEVEL_OK)
			write_text(out, "Remedy", row->remedy);
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	struct service *service = work->service;
	struct readiness_report report;
	static _Thread_local struct service_checks checks; /* large */
	readiness_read(service->readiness, &report);
	collect(service, &report, &checks);
	int64_t up_ms = clock_steady_ms(service->options.clock) - service->started_ms;
	/* What no row has said: the report is too old to be believed. */
	bool silent = err_failed(report.overall) && !err_is(report.overall, E_DISTRUSTED) &&
		      !err_failed(report.token) && !err_failed(report.store) &&
		      !err_failed(report.audit);
	if (silent)
		check_health(&checks, "readiness", report.overall, "");
	write_text(out, "Status", service_level_name(service_checks_level(&checks)));
	write_checks(&checks, out);
	write_text(out, "Version", HOLDFAST_VERSION);
	json_out_integer(out, "UptimeSeconds", up_ms / 1000);
	write_part(out, "Ready", report.overall);
	write_installation(service, out);
	write_token(service, &report, out);
	write_part(out, "Store", report.store);
	anchoring_rows_write(service, out);
	write_audit(service, &report, out);
	json_out_begin_object(out, "Keys");
	json_out_integer(out, "Cached", (int64_t)keyring_count(service->keyring));
	json_out_integer(out, "VersionsRefused", (int64_t)refused_count(service->refused));
	json_out_end_object(out);
	write_due(service, out);
	write_calls(service, out);
}

const struct operation admin_status = {
	.name = "Status",
	.door = CALL_DOOR_ADMIN,
	.flags = OPERATION_BLOCKS, /* the rows of others ask disks */
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:Status"}},
	.encode = encode,
};
