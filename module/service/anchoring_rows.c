/* SPDX-License-Identifier: Apache-2.0 */
#include "service/anchoring_rows.h"

#include "codec/timestamp.h"
#include "service/anchoring.h"
#include "service/core.h"

#define BEHIND_WARN_MS 5000 /* a raise takes milliseconds */
#define MS_PER_S 1000

static void add_manifest(struct service *service, const struct anchoring_report *report,
			 struct service_checks *out)
{
	struct survey_summary summary;
	char date[TIMESTAMP_ISO_TEXT] = "";
	survey_look(service, &summary);
	timestamp_iso(summary.done_ms, false, date);
	bool sound = report->refused == 0 && !err_failed(summary.verdict);
	service_check_add(
		out, "manifest", sound ? SERVICE_LEVEL_OK : SERVICE_LEVEL_FAILURE,
		"see the rows in the log (store.finding, store.row_refused) or with "
		"holdfast store verify; put them back from a backup (holdfastd --recover)",
		"epoch %llu, %llu rows verified %s in %lld ms; %llu refused%s%s",
		(unsigned long long)report->committed.epoch, (unsigned long long)summary.rows, date,
		(long long)summary.took_ms, (unsigned long long)report->refused,
		err_failed(summary.verdict) ? "; " : "",
		err_failed(summary.verdict) ? err_meaning(summary.verdict) : "");
}

static enum service_level anchor_level(const struct anchoring_report *report)
{
	if (err_is(report->last, E_HSM_ANCHOR))
		return SERVICE_LEVEL_FAILURE;
	bool late = err_failed(report->last) || report->behind_ms > BEHIND_WARN_MS;
	return late ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK;
}

static void add_anchor(const struct anchoring_report *report, struct service_checks *out)
{
	bool failed = err_failed(report->last);
	service_check_add(out, "anchor", anchor_level(report),
			  failed ? err_action(report->last)
				 : "see what keeps the token busy (row token, and its metrics)",
			  "the token remembers epoch %llu; behind for %lld s%s%s",
			  (unsigned long long)report->anchored.epoch,
			  (long long)(report->behind_ms / MS_PER_S),
			  failed ? ", changes that take rights away are not acknowledged: " : "",
			  failed ? err_meaning(report->last) : "");
}

static void add_head(const struct service *service, const struct anchoring_report *report,
		     struct service_checks *out)
{
	bool failed = err_failed(report->head);
	if (service->options.audit_directory == NULL)
		return;
	service_check_add(
		out, "audit head", failed ? SERVICE_LEVEL_WARNING : SERVICE_LEVEL_OK,
		err_is(report->head, E_STORE_CONFLICT)
			? "give each daemon on this store a name of its own in [audit] name"
			: err_action(report->head),
		"%s%s", failed ? "not kept in the store: " : "kept in the store",
		failed ? err_meaning(report->head) : "");
}

void anchoring_rows_add(struct service *service, struct service_checks *out)
{
	struct anchoring_report report;
	if (service->anchoring == NULL)
		return;
	anchoring_report(service->anchoring, &report);
	distrust_row_add(service, out);
	add_manifest(service, &report, out);
	add_anchor(&report, out);
	add_head(service, &report, out);
}

static void write_error(struct json_out *out, const char *name, struct err e)
{
	if (err_failed(e))
		json_out_text(out, name, view_of_text(err_name(e)));
}

void anchoring_rows_write(struct service *service, struct json_out *out)
{
	struct anchoring_report report;
	struct survey_summary summary;
	if (service->anchoring == NULL)
		return;
	anchoring_report(service->anchoring, &report);
	survey_look(service, &summary);
	distrust_row_write(service, out);
	json_out_begin_object(out, "Manifest");
	json_out_integer(out, "Epoch", (int64_t)report.committed.epoch);
	json_out_integer(out, "Rows", (int64_t)summary.rows);
	json_out_integer(out, "RowsRefused", (int64_t)report.refused);
	json_out_time(out, "Verified", summary.done_ms);
	json_out_integer(out, "VerifiedInMilliseconds", summary.took_ms);
	write_error(out, "Error", summary.verdict);
	json_out_end_object(out);
	json_out_begin_object(out, "Anchor");
	json_out_integer(out, "Epoch", (int64_t)report.anchored.epoch);
	json_out_integer(out, "BehindMilliseconds", report.behind_ms);
	write_error(out, "Error", report.last);
	json_out_integer(out, "HeadSequence", (int64_t)report.stored.sequence);
	write_error(out, "HeadError", report.head);
	json_out_end_object(out);
}
