/* SPDX-License-Identifier: Apache-2.0 */
/* The first page of report.html: what it is of, the verdict over all, what was checked for it and
 * what could not be. */
#include "base/text.h"
#include "cli/evidence_facts.h"
#include "cli/evidence_report.h"
#include "cli/html.h"

#define LINE_MAX 512

static void put_date(struct writer *w, struct view iso)
{
	html_text(w, view_part(iso, 0, 10));
	writer_text(w, " ");
	html_text(w, view_part(iso, 11, 8));
	writer_text(w, " UTC");
}

static void put_tile(struct writer *w, const struct json *summary, const char *member,
		     const char *text)
{
	char room[HTML_NUMBER_TEXT];
	writer_text(w, "<div class=\"tile\"><b>");
	html_text(w, html_value(json_member(summary, member), room));
	writer_format(w, "</b><span>%s</span></div>\n", text);
}

static void put_tiles(struct writer *w, const struct json *summary)
{
	writer_text(w, "<div class=\"tiles\">\n");
	put_tile(w, summary, "Keys", "keys");
	put_tile(w, summary, "Versions", "versions of them");
	put_tile(w, summary, "VersionsAsRequired", "as required on the token");
	put_tile(w, summary, "VersionsNotAsRequired", "not as required");
	put_tile(w, summary, "Rotations", "rotations");
	put_tile(w, summary, "Grants", "grants");
	put_tile(w, summary, "Identities", "identities");
	writer_text(w, "</div>\n");
}

static void put_title(struct writer *w, const struct json *evidence)
{
	const struct json *machine = json_member(evidence, "System");
	writer_text(w, "<header><h1>Evidence of key custody</h1>\n<p class=\"lead\">Installation "
		       "<code>");
	html_text(w, report_text(json_member(machine, "Installation"), "Id"));
	writer_text(w, "</code> \xc2\xb7 ");
	put_date(w, report_text(machine, "Time"));
	writer_text(w, " \xc2\xb7 ");
	html_text(w, report_text(evidence, "MadeWith"));
	writer_text(w, "</p></header>\n");
}

/* ---- the verdict ---- */

/* "P1, P5", of those with this verdict; how many there are. */
static size_t list_promises(const struct json *promises, const char *verdict, char out[LINE_MAX])
{
	struct writer w;
	size_t count = 0;
	writer_init(&w, out, LINE_MAX);
	for (size_t i = 0; i < json_count(promises); i++) {
		const struct json *promise = json_element(promises, i);
		struct view id = report_text(promise, "Id");
		if (!view_equal_text(report_text(promise, "Verdict"), verdict))
			continue;
		writer_text(&w, count++ > 0 ? ", " : "");
		writer_bytes(&w, id);
	}
	if (err_failed(writer_end_text(&w)))
		out[0] = '\0';
	return count;
}

static void put_verdict(struct writer *w, const struct json *promises,
			const struct evidence_facts *f)
{
	char against[LINE_MAX];
	bool all = f->store_looked && f->audit_looked && f->audit_signed &&
		   f->judged[JUDGE_UNKNOWN] == 0;
	if (list_promises(promises, "CONTRADICTED", against) > 0) {
		writer_text(w, "<p class=\"verdict bad\">What was found contradicts ");
		html_text(w, view_of_text(against));
		writer_text(w, ". The reason stands below, under Promises.</p>\n");
		return;
	}
	writer_format(w,
		      "<p class=\"verdict %s\">Nothing that was checked contradicts a "
		      "promise%s.</p>\n",
		      all ? "good" : "unsure",
		      all ? "" : ", but not everything could be checked: see the table");
}

/* ---- what was checked ---- */

static void put_attributes(struct writer *w, const struct evidence_facts *f)
{
	char text[LINE_MAX] = "";
	(void)!err_failed(text_format(
		text, sizeof text,
		"%llu key versions and %llu of the installation\xe2\x80\x99s own keys, read from "
		"the token for this report: %llu as required, %llu not, %llu not reported in full",
		(unsigned long long)(f->versions - f->gone),
		(unsigned long long)(f->own[JUDGE_YES] + f->own[JUDGE_UNKNOWN] + f->own[JUDGE_NO]),
		(unsigned long long)(f->judged[JUDGE_YES] + f->own[JUDGE_YES]),
		(unsigned long long)(f->judged[JUDGE_NO] + f->own[JUDGE_NO] + f->misplaced),
		(unsigned long long)(f->judged[JUDGE_UNKNOWN] + f->own[JUDGE_UNKNOWN])));
	html_pair(w, "Attributes of keys", view_of_text(text));
}

/* One that was looked at, or "not checked" and why. */
static void put_part(struct writer *w, const char *name, const char *verdict,
		     const struct json *part, const char *why)
{
	writer_format(w, "<tr><th scope=\"row\">%s</th><td>", name);
	writer_text(w, verdict);
	if (json_member(part, why) != NULL) {
		writer_text(w, ": ");
		html_text(w, report_text(part, why));
	}
	writer_text(w, "</td></tr>\n");
}

static void put_store(struct writer *w, const struct json *store, const struct evidence_facts *f)
{
	char text[LINE_MAX] = "";
	(void)!err_failed(text_format(
		text, sizeof text, "as it was sealed, and as far as the token remembers: %lld rows",
		(long long)json_integer_of(json_member(store, "Rows"))));
	if (!f->store_looked)
		put_part(w, "Store", "<b class=\"unsure\">not checked</b>", store, "Why");
	else if (!f->store_well)
		put_part(w, "Store", "<b class=\"bad\">NOT as it was sealed</b>", store, "Reason");
	else
		html_pair(w, "Store", view_of_text(text));
}

static void put_audit(struct writer *w, const struct json *audit, const struct evidence_facts *f)
{
	const struct json *problem = json_member(audit, "FirstProblem");
	char text[LINE_MAX] = "";
	(void)!err_failed(text_format(
		text, sizeof text,
		"whole and in order: %lld records; the token has not signed for the last %lld yet",
		(long long)json_integer_of(json_member(audit, "Records")),
		(long long)json_integer_of(json_member(audit, "RecordsNotYetAttested"))));
	if (!f->audit_looked)
		put_part(w, "Audit log", "<b class=\"unsure\">not checked</b>", audit, "Why");
	else if (problem != NULL)
		put_part(w, "Audit log", "<b class=\"bad\">NOT whole</b>", problem, "Text");
	else if (!f->audit_well || !f->audit_signed)
		put_part(w, "Audit log", "<b class=\"unsure\">whole, not proven</b>", audit, "Why");
	else
		html_pair(w, "Audit log", view_of_text(text));
}

static void put_tests(struct writer *w, const struct evidence_facts *f)
{
	writer_format(
		w, "<tr><th scope=\"row\">Self-tests</th><td%s>%llu of %llu passed</td></tr>\n",
		f->tests_failed > 0 ? " class=\"bad\"" : "",
		(unsigned long long)(f->tests - f->tests_failed), (unsigned long long)f->tests);
}

/* The names of the rows that are not ok. */
static void put_service(struct writer *w, const struct json *status)
{
	const struct json *rows = json_member(status, "Checks");
	size_t count = 0;
	writer_text(w, "<tr><th scope=\"row\">Service</th><td>");
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		if (view_equal_text(report_text(row, "Level"), "ok"))
			continue;
		writer_text(w, count++ > 0 ? ", " : "<b class=\"unsure\">warns of</b> ");
		html_text(w, report_text(row, "Name"));
	}
	writer_format(w, "%s</td></tr>\n", count > 0 ? "" : "warns of nothing");
}

static void put_checked(struct writer *w, const struct json *evidence,
			const struct evidence_facts *f)
{
	char not_shown[LINE_MAX];
	writer_text(w, "<h2>What was checked</h2>\n<table class=\"pairs\"><tbody>\n");
	put_attributes(w, f);
	put_store(w, json_member(evidence, "Store"), f);
	put_audit(w, json_member(evidence, "Audit"), f);
	put_tests(w, f);
	put_service(w, json_member(evidence, "Status"));
	if (list_promises(json_member(evidence, "Promises"), "not shown here", not_shown) > 0)
		html_pair(w, "Not shown here", view_of_text(not_shown));
	writer_text(w, "</tbody></table>\n");
}

void report_front_write(struct writer *w, const struct json *evidence)
{
	struct evidence_facts f;
	evidence_facts_count(evidence, &f);
	put_title(w, evidence);
	put_verdict(w, json_member(evidence, "Promises"), &f);
	put_tiles(w, json_member(evidence, "Summary"));
	put_checked(w, evidence, &f);
}
