/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.html: evidence.json for people. One file without scripts and without anything from
 * elsewhere; it reads in light and dark, and prints.
 */
#include "cli/evidence_report.h"
#include "base/text.h"
#include "cli/evidence.h"
#include "cli/evidence_facts.h"
#include "cli/html.h"

/* "Content-Security-Policy" makes of what is so what must be so. */
static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	"'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>Evidence of key custody</title>\n<style>\n"
	":root{color-scheme:light dark;--ink:#1b2733;--soft:#5b6b7a;--line:#d5dce3;--paper:#fff;"
	"--band:#f4f6f8;--good:#1d6b43;--bad:#a61b1b;--unsure:#8a5a00;--mark:#2f5d8a}\n"
	"@media screen and (prefers-color-scheme:dark){:root{--ink:#dfe6ec;--soft:#9aa9b6;"
	"--line:#34414d;--paper:#151b21;--band:#1d252d;--good:#6fc795;--bad:#ff8a80;"
	"--unsure:#e0b060;--mark:#7fb2e0}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:74rem;padding:2.5rem 2rem 4rem;background:var(--paper);"
	"color:var(--ink);font:15px/1.5 system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
	"header{border-bottom:3px double var(--line);padding-bottom:1.2rem;margin-bottom:1.5rem}\n"
	"h1{font:600 2.1rem/1.2 Georgia,'DejaVu Serif',serif;margin:0 0 .3rem}\n"
	"h2{font:600 1.35rem/1.3 Georgia,'DejaVu Serif',serif;margin:2.6rem 0 .8rem;"
	"padding-bottom:.25rem;border-bottom:1px solid var(--line)}\n"
	"h3{font-size:1.08rem;margin:1.8rem 0 .5rem;overflow-wrap:anywhere}\n"
	"h4{font-size:.82rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);"
	"margin:1.2rem 0 .4rem}\n"
	"p{margin:.5rem 0;max-width:60rem}\na{color:var(--mark)}\n"
	".note,.legend,.lead{color:var(--soft);font-size:.87rem}\n"
	"code,pre{font:.86em/1.45 ui-monospace,'DejaVu Sans Mono',Menlo,monospace;"
	"overflow-wrap:anywhere}\n"
	"pre{background:var(--band);border:1px solid var(--line);border-radius:4px;"
	"padding:.7rem .9rem;margin:.3rem 0;white-space:pre-wrap}\n"
	"table{border-collapse:collapse;width:100%;font-size:.87rem}.wide{table-layout:fixed}\n"
	"th,td{text-align:left;vertical-align:top;padding:.32rem .6rem;"
	"border-bottom:1px solid var(--line);overflow-wrap:anywhere}"
	"tbody th{font-weight:500}.promises tbody th{font-weight:700}\n"
	"thead th{color:var(--soft);font-weight:600;border-bottom-width:2px;overflow-wrap:normal}\n"
	".pairs th{width:13rem;font-weight:500;color:var(--soft);overflow-wrap:normal}\n"
	".number{text-align:right;font-variant-numeric:tabular-nums}\n"
	".good{color:var(--good)}.bad{color:var(--bad);font-weight:700}"
	".unsure{color:var(--unsure);font-weight:600}\n"
	".verdict{font-size:1.1rem;border-left:5px solid;padding:.5rem 1rem;margin:1.2rem 0}\n"
	"td.code{font:.82rem ui-monospace,'DejaVu Sans Mono',monospace}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));gap:.8rem;"
	"margin:1.2rem 0}\n"
	".tile{border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;"
	"background:var(--band)}\n"
	".tile b{display:block;font:600 1.7rem/1.2 Georgia,'DejaVu Serif',serif}\n"
	".tile span{color:var(--soft);font-size:.83rem}\n"
	".matrix{width:auto}.matrix td,.matrix th{padding:.25rem .42rem;text-align:center;"
	"white-space:nowrap}\n"
	".turned{height:9.6rem;vertical-align:bottom}.turned span{writing-mode:vertical-rl;"
	"transform:rotate(180deg);font-size:.74rem;letter-spacing:.02em}\n"
	".matrix thead th{vertical-align:bottom}.required td{color:var(--soft);font-style:italic}\n"
	".scroll{overflow-x:auto}\n"
	".key{border-left:3px solid var(--line);padding-left:1.1rem;margin:1.6rem 0 2.2rem}\n"
	".plot{display:block;width:100%;height:auto;margin:.4rem 0}\n"
	".plot text{fill:var(--ink);font:12px system-ui,'DejaVu Sans',sans-serif}\n"
	".plot .name{font-size:10.5px}.plot .tick{fill:var(--soft);font-size:11px}\n"
	".grid{stroke:var(--line);stroke-width:1}.now{stroke:var(--soft);stroke-dasharray:4 4}\n"
	".life{stroke:var(--mark);stroke-width:2;opacity:.35}\n"
	".first{fill:var(--paper);stroke:var(--mark);stroke-width:2}.auto{fill:var(--mark)}"
	".demand{fill:var(--unsure)}\n"
	".next{fill:none;stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 2}\n"
	".legend svg{width:14px;height:14px;vertical-align:-2px;margin:0 .3rem 0 .8rem}\n"
	"@media screen and (max-width:46rem){body{padding:1.2rem 1rem 3rem}.wide{min-width:40rem}"
	".attributes{min-width:0}.pairs th{width:8rem}.key{padding-left:.7rem}"
	".plot{min-width:40rem}.promises{min-width:0}.promises thead,.promises colgroup"
	"{display:none}.promises tr,.promises th,.promises td{display:block;border:0;"
	"padding:.1rem 0}.promises tr{border-bottom:1px solid var(--line);padding:.6rem 0}}\n"
	"@media print{body{max-width:none;padding:0;font-size:10.5pt}"
	".tile,pre{background:none}h2,h3,h4,.legend{break-after:avoid}"
	"tr,.tile,.plot,pre,.verdict,.legend,.key .pairs{break-inside:avoid}table{font-size:8.5pt}"
	"th,td{padding:.14rem .35rem}code,pre,td.code{font-size:7.2pt}.key{margin:1rem 0}"
	".tiles{grid-template-columns:repeat(7,1fr);gap:.4rem}.tile{padding:.4rem .5rem}"
	".tile b{font-size:1.3rem}"
	".key{break-inside:auto}.scroll{overflow:visible}.matrix{font-size:6.6pt}"
	".matrix td,.matrix th{padding:1pt 2pt}a{color:inherit;text-decoration:none}"
	".turned{height:6.4rem}.turned span{font-size:6pt}"
	"@page{margin:16mm 14mm;@bottom-left{content:'Evidence of key custody';font:8pt sans-serif}"
	"@bottom-right{content:counter(page) ' / ' counter(pages);font:8pt sans-serif}}}\n"
	"</style></head><body>\n";

/* ---- what all parts share ---- */

struct view report_text(const struct json *object, const char *member)
{
	return json_string_of(json_member(object, member));
}

void report_pair(struct writer *w, const char *name, const struct json *object, const char *member)
{
	char room[HTML_NUMBER_TEXT];
	html_pair(w, name, html_value(json_member(object, member), room));
}

void report_verdict_write(struct writer *w, struct view verdict)
{
	static const struct {
		const char *word, *class;
	} classes[] = {
		{"yes", "good"},
		{"ok", "good"},
		{"shown", "good"},
		{"not reported", "unsure"},
		{"shown in part", "unsure"},
		{"unknown", "unsure"},
		{"warning", "unsure"},
		{"not shown here", "note"},
	};
	const char *class = "bad";
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (view_equal_text(verdict, classes[i].word))
			class = classes[i].class;
	html_element(w, "span", class, verdict);
}

static void begin_section(struct writer *w, const char *title)
{
	writer_format(w, "<section><h2>%s</h2>\n", title);
}

static void begin_pairs(struct writer *w)
{
	writer_text(w, "<table class=\"pairs\"><tbody>\n");
}

static void end_pairs(struct writer *w)
{
	writer_text(w, "</tbody></table>\n");
}

/* ---- promises ---- */

static void put_promises(struct writer *w, const struct json *promises)
{
	static const struct html_column columns[] = {
		{"No.", 6}, {"Promise", 25}, {"Verdict", 14}, {"How", 55}, {NULL, 0}};
	begin_section(w, "Promises, and what this report shows of them");
	html_table_begin(w, "wide promises", columns);
	for (size_t i = 0; i < json_count(promises); i++) {
		const struct json *promise = json_element(promises, i);
		writer_text(w, "<tr>");
		html_row_name(w, report_text(promise, "Id"));
		html_element(w, "td", NULL, report_text(promise, "Promise"));
		writer_text(w, "<td>");
		report_verdict_write(w, report_text(promise, "Verdict"));
		writer_text(w, "</td>");
		html_element(w, "td", NULL, report_text(promise, "How"));
		writer_text(w, "</tr>\n");
	}
	html_table_end(w);
	writer_text(w, "</section>\n");
}

/* ---- what it runs on ---- */

static void put_libraries(struct writer *w, const struct json *libraries)
{
	for (size_t i = 0; i < json_count(libraries); i++) {
		const struct json *row = json_element(libraries, i);
		writer_text(w, "<tr><th scope=\"row\">");
		html_text(w, report_text(row, "Name"));
		writer_text(w, "</th><td>");
		html_text(w, report_text(row, "Version"));
		writer_text(w, "</td></tr>\n");
	}
}

static void put_system(struct writer *w, const struct json *evidence)
{
	const struct json *machine = json_member(evidence, "System");
	const struct json *installation = json_member(machine, "Installation");
	const struct json *token = json_member(machine, "Token");
	const struct json *process = json_member(machine, "Process");
	begin_section(w, "Token and software");
	begin_pairs(w);
	report_pair(w, "Token", token, "Label");
	report_pair(w, "Manufacturer", token, "Manufacturer");
	report_pair(w, "Model", token, "Model");
	report_pair(w, "Serial number", token, "Serial");
	report_pair(w, "It is the token that the installation was made on", token,
		    "IsOfInstallation");
	html_pair(w, "PKCS#11 library and token",
		  report_text(json_member(json_element(json_member(evidence, "ServiceKeys"), 0),
					  "Token"),
			      "AnsweredBy"));
	report_pair(w, "Suite of new keys", token, "Suite");
	report_pair(w, "Account", installation, "Account");
	report_pair(w, "Region", installation, "Region");
	report_pair(w, "Installed", installation, "Created");
	html_pair_code(w, "Public key of the audit log and of this report",
		       report_text(machine, "AuditPublicKey"));
	report_pair(w, "holdfastd", machine, "Version");
	put_libraries(w, json_member(machine, "Libraries"));
	report_pair(w, "Kernel", process, "Kernel");
	report_pair(w, "Machine", process, "Machine");
	end_pairs(w);
	writer_text(w, "</section>\n");
}

static void put_own_keys(struct writer *w, const struct json *keys)
{
	begin_section(w, "The installation\xe2\x80\x99s own keys");
	writer_text(w,
		    "<p>They seal the rows of the store, sign the audit log and this report, and "
		    "wrap the secrets of access keys.</p>\n");
	for (size_t i = 0; i < json_count(keys); i++) {
		const struct json *key = json_element(keys, i);
		struct judge_subject subject = evidence_subject_of_own(key);
		html_element(w, "h3", NULL, report_text(key, "Label"));
		report_attributes_write(w, &subject, json_member(key, "Token"));
	}
	writer_text(w, "</section>\n");
}

static void put_tests(struct writer *w, const struct json *tests)
{
	static const struct html_column columns[] = {
		{"Test", 18}, {"What must come of it", 64}, {"Passed", 18}, {NULL, 0}};
	begin_section(w, "Self-tests");
	writer_text(w, "<p class=\"note\">Run for this report at ");
	html_text(w, report_text(tests, "RunAt"));
	writer_text(w, ".</p>\n");
	html_table_begin(w, "wide", columns);
	const struct json *rows = json_member(tests, "Tests");
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		bool passed = json_bool_of(json_member(row, "Passed"));
		writer_text(w, "<tr>");
		html_row_name(w, report_text(row, "Name"));
		html_element(w, "td", NULL, report_text(row, "Method"));
		writer_text(w, "<td>");
		report_verdict_write(w, passed ? VIEW_LITERAL("yes") : report_text(row, "Reason"));
		writer_text(w, "</td></tr>\n");
	}
	html_table_end(w);
	writer_text(w, "</section>\n");
}

/* ---- store, audit log, service ---- */

static void put_findings(struct writer *w, const struct json *findings)
{
	static const struct html_column columns[] = {
		{"Finding", 20}, {"Table", 20}, {"Row", 60}, {NULL, 0}};
	if (json_count(findings) == 0)
		return;
	html_table_begin(w, "wide", columns);
	for (size_t i = 0; i < json_count(findings); i++) {
		const struct json *finding = json_element(findings, i);
		writer_text(w, "<tr>");
		html_element(w, "td", "bad", report_text(finding, "Kind"));
		html_element(w, "td", NULL, report_text(finding, "Table"));
		html_element(w, "td", "code", report_text(finding, "Row"));
		writer_text(w, "</tr>\n");
	}
	html_table_end(w);
}

static void put_store(struct writer *w, const struct json *store)
{
	const struct json *manifest = json_member(store, "Manifest");
	const struct json *anchor = json_member(store, "Anchor");
	begin_section(w, "The store");
	writer_text(w, "<p>Each row carries a seal that the token made; one sealed row, the "
		       "manifest, binds all of them together, and the token remembers how far it "
		       "had come.</p>\n");
	begin_pairs(w);
	report_pair(w, "As it was sealed", store, "Ok");
	report_pair(w, "Why not", store, "Reason");
	report_pair(w, "Not looked at", store, "Why");
	report_pair(w, "Rows verified", store, "Rows");
	report_pair(w, "Epoch of the manifest", manifest, "Epoch");
	html_pair_code(w, "Digest of the manifest", report_text(manifest, "Digest"));
	report_pair(w, "Epoch on the token", anchor, "Epoch");
	report_pair(w, "Findings", store, "Found");
	end_pairs(w);
	put_findings(w, json_member(store, "Findings"));
	writer_text(w, "</section>\n");
}

static void put_audit(struct writer *w, const struct json *audit)
{
	const struct json *problem = json_member(audit, "FirstProblem");
	begin_section(w, "The audit log");
	writer_text(w, "<p>Every line is bound to the one before it, and the token signs the last "
		       "now and then.</p>\n");
	begin_pairs(w);
	html_pair_code(w, "Folder", report_text(audit, "Directory"));
	report_pair(w, json_bool_of(json_member(audit, "Looked")) ? "Not proven" : "Not looked at",
		    audit, "Why");
	report_pair(w, "Whole and in order", audit, "Verified");
	report_pair(w, "First problem", problem, "Kind");
	report_pair(w, "In", problem, "Segment");
	report_pair(w, "What", problem, "Text");
	report_pair(w, "Records", audit, "Records");
	report_pair(w, "Files", audit, "Segments");
	report_pair(w, "Files removed by retention", audit, "SegmentsRemovedByRetention");
	report_pair(w, "First record", audit, "FirstRecord");
	report_pair(w, "Last record", audit, "LastRecord");
	report_pair(w, "Signatures of the token", audit, "Attestations");
	report_pair(w, "Signed up to", audit, "AttestedAt");
	report_pair(w, "Records that no signature speaks for yet", audit, "RecordsNotYetAttested");
	report_pair(w, "Lines from before there was a chain", audit, "LinesBeforeTheChain");
	html_pair_code(w, "Hash of the line that the service had written last",
		       report_text(json_member(audit, "ExpectedHead"), "Hash"));
	html_pair_code(w, "Hash of the last line", report_text(json_member(audit, "Head"), "Hash"));
	end_pairs(w);
	writer_text(w, "</section>\n");
}

static void put_status(struct writer *w, const struct json *status)
{
	static const struct html_column columns[] = {
		{"Check", 18}, {"Level", 12}, {"What it says", 70}, {NULL, 0}};
	const struct json *rows = json_member(status, "Checks");
	begin_section(w, "The service when this was made");
	html_table_begin(w, "wide", columns);
	for (size_t i = 0; i < json_count(rows); i++) {
		const struct json *row = json_element(rows, i);
		writer_text(w, "<tr>");
		html_row_name(w, report_text(row, "Name"));
		writer_text(w, "<td>");
		report_verdict_write(w, report_text(row, "Level"));
		writer_text(w, "</td>");
		html_element(w, "td", NULL, report_text(row, "Detail"));
		writer_text(w, "</tr>\n");
	}
	html_table_end(w);
	writer_text(w, "</section>\n");
}

/* ---- identities ---- */

static void put_list(struct writer *w, const struct json *array, const char *member)
{
	for (size_t i = 0; i < json_count(array); i++) {
		const struct json *element = json_element(array, i);
		writer_text(w, i > 0 ? ", " : "");
		html_text(w,
			  member != NULL ? report_text(element, member) : json_string_of(element));
	}
}

static void put_identity(struct writer *w, const struct json *identity)
{
	char room[HTML_NUMBER_TEXT];
	writer_text(w, "<tr>");
	html_element(w, "td", NULL, report_text(identity, "Kind"));
	html_element(w, "td", "code", report_text(identity, "Account"));
	html_element(w, "td", NULL, report_text(identity, "Name"));
	writer_text(w, "<td>");
	put_list(w, json_member(identity, "AttachedPolicies"), NULL);
	writer_text(w, "</td><td>");
	put_list(w, json_member(identity, "Policies"), "PolicyName");
	writer_text(w, "</td><td>");
	put_list(w, json_member(identity, "Groups"), NULL);
	writer_text(w, "</td><td class=\"number\">");
	(void)!err_failed(text_format(room, sizeof room, "%zu",
				      json_count(json_member(identity, "AccessKeys"))));
	html_text(w, view_of_text(room));
	writer_text(w, "</td></tr>\n");
}

static void put_identities(struct writer *w, const struct json *identities)
{
	static const struct html_column columns[] = {
		{"Kind", 10},         {"Account", 15},
		{"Name", 17},         {"Attached policies", 24},
		{"Own policies", 14}, {"Groups", 11},
		{"Access keys", 9},   {NULL, 0}};
	begin_section(w, "Identities");
	writer_text(w, "<p>Who there is, and which policies say what they may do beside the key "
		       "policies and grants above. evidence.json has the text of every policy; "
		       "secrets are in neither.</p>\n");
	html_table_begin(w, "wide", columns);
	for (size_t i = 0; i < json_count(identities); i++)
		put_identity(w, json_element(identities, i));
	html_table_end(w);
	writer_text(w, "</section>\n");
}

static const char how_to_check[] =
	"<section><h2>How to check this report</h2>\n"
	"<p>This page is one file of a bundle. SHA256SUMS has the digests of its files, and "
	"signature.json is a signature over SHA256SUMS that the token made with the key whose "
	"public half is audit-public-key.pem. With the public key that the installation gave out "
	"earlier:</p>\n"
	"<pre>holdfast evidence verify DIR --key audit-public-key.pem</pre>\n"
	"<p>It needs neither the service nor the token, judges every attribute anew, and says "
	"which "
	"byte-changed file, missing file or wrong verdict there is. The audit log is checked in "
	"the "
	"same way:</p>\n"
	"<pre>holdfast audit verify --key audit-public-key.pem FOLDER</pre>\n"
	"<p class=\"note\">What is not shown: a token that answers falsely about its own keys, and "
	"a machine on which this program was replaced. The make of the token is named above; its "
	"certificate speaks for the first.</p></section>\n</body></html>\n";

NODISCARD struct err evidence_report_write(const struct json *evidence, struct buf *html)
{
	struct writer w;
	writer_init_buf(&w, html);
	writer_text(&w, head);
	report_front_write(&w, evidence);
	put_promises(&w, json_member(evidence, "Promises"));
	report_keys_write(&w, evidence);
	put_system(&w, evidence);
	put_own_keys(&w, json_member(evidence, "ServiceKeys"));
	put_tests(&w, json_member(evidence, "SelfTests"));
	put_store(&w, json_member(evidence, "Store"));
	put_audit(&w, json_member(evidence, "Audit"));
	put_identities(&w, json_member(evidence, "Identities"));
	put_status(&w, json_member(evidence, "Status"));
	writer_text(&w, how_to_check);
	return writer_end(&w);
}
