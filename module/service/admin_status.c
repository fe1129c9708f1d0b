/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation Status: what an operator wants to know at a glance. Changes nothing. */
#include "service/core.h"
#include "service/keyring.h"
#include "service/operation.h"
#include "service/readiness.h"
#include "service/refused.h"

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

static void encode(struct call_work *work, struct json_out *out)
{
	struct service *service = work->service;
	struct readiness_report report;
	readiness_read(service->readiness, &report);
	int64_t up_ms = clock_steady_ms(service->options.clock) - service->started_ms;
	write_text(out, "Version", HOLDFAST_VERSION);
	json_out_integer(out, "UptimeSeconds", up_ms / 1000);
	write_part(out, "Ready", report.overall);
	write_installation(service, out);
	write_token(service, &report, out);
	write_part(out, "Store", report.store);
	write_audit(service, &report, out);
	json_out_begin_object(out, "Keys");
	json_out_integer(out, "Cached", (int64_t)keyring_count(service->keyring));
	json_out_integer(out, "VersionsRefused", (int64_t)refused_count(service->refused));
	json_out_end_object(out);
	write_calls(service, out);
}

const struct operation admin_status = {
	.name = "Status",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:Status"}},
	.encode = encode,
};
