/* SPDX-License-Identifier: Apache-2.0 */
/* What the running service tells: rows that it has judged, and what it is asked to look at now. */
#include "base/text.h"
#include "cli/doctor.h"
#include "cli/evidence.h"
#include "cli/evidence_facts.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define LONG_TIMEOUT_MS 600000 /* verifying a store of a million rows */
#define LINE_MAX 512

void doctor_unseen(struct doctor *d, const char *name)
{
	check_add(d->list, name, CHECK_UNKNOWN, "start holdfastd, or name its socket with --socket",
		  "not looked at: %s",
		  err_failed(d->why.error)    ? err_meaning(d->why.error)
		  : d->why.message[0] != '\0' ? d->why.message
					      : d->why.type);
}

/* ---- rows of Status ---- */

static const struct json *row_at(struct doctor *d, size_t index)
{
	return json_element(json_member(d->status, "Checks"), index);
}

static bool is_named(const struct json *row, const char *name)
{
	return view_equal_text(json_string_of(json_member(row, "Name")), name);
}

void doctor_copy_rows(struct doctor *d, const char *const *names)
{
	const struct json *row;
	for (; *names != NULL; names++) {
		if (d->taken_count < DOCTOR_TAKEN_MAX)
			d->taken[d->taken_count++] = *names;
		if (d->status == NULL)
			doctor_unseen(d, *names);
		for (size_t i = 0; (row = row_at(d, i)) != NULL; i++)
			if (is_named(row, *names))
				check_list_copy(d->list, row);
	}
}

static bool was_taken(const struct doctor *d, const struct json *row)
{
	for (size_t i = 0; i < d->taken_count; i++)
		if (is_named(row, d->taken[i]))
			return true;
	return false;
}

void doctor_copy_other_rows(struct doctor *d)
{
	const struct json *row;
	if (d->status == NULL)
		check_add(d->list, "service", CHECK_FAILURE,
			  "start holdfastd (systemctl start holdfastd; its last words: journalctl "
			  "-u holdfastd), or name its socket with --socket",
			  "%s: %s", d->context->socket,
			  err_failed(d->why.error) ? err_meaning(d->why.error) : d->why.type);
	for (size_t i = 0; (row = row_at(d, i)) != NULL; i++)
		if (!was_taken(d, row))
			check_list_copy(d->list, row);
}

/* ---- what it is asked for now ---- */

static struct json *ask(struct doctor *d, const char *operation, struct buf *text,
			struct request_failure *why)
{
	struct json *answer = NULL;
	const struct request request = {operation, VIEW_LITERAL("{}"), LONG_TIMEOUT_MS};
	buf_init(text, ANSWER_MAX);
	(void)request_try(d->context, &request, text, &answer, why);
	return answer;
}

static void say_refused(struct doctor *d, const char *name, const struct request_failure *why)
{
	check_add(d->list, name, CHECK_UNKNOWN, "see the other rows, and the service's log",
		  "not looked at: %s%s%s",
		  err_failed(why->error) ? err_meaning(why->error) : why->type,
		  why->message[0] != '\0' ? ": " : "", why->message);
}

static void say_serial(struct doctor *d)
{
	const struct json *token = json_member(d->system, "Token");
	struct view serial = json_string_of(json_member(token, "Serial"));
	struct view wanted = json_string_of(json_member(token, "SerialOfInstallation"));
	bool same = json_bool_of(json_member(token, "IsOfInstallation"));
	check_add(d->list, "serial", same ? CHECK_OK : CHECK_FAILURE,
		  "point uri in [token] at the token of this installation",
		  same ? "%.*s, as at the installation%.*s"
		       : "%.*s is not that of the installation: %.*s",
		  (int)serial.len, (const char *)serial.ptr, same ? 0 : (int)wanted.len,
		  (const char *)wanted.ptr);
}

static void say_own_key(struct doctor *d, const struct json *key)
{
	struct judge_subject subject = evidence_subject_of_own(key);
	enum judge_verdict verdict = judge_object(&subject, json_member(key, "Token"));
	struct view role = json_string_of(json_member(key, "Role"));
	char name[SETTINGS_TEXT_MAX] = "";
	(void)!err_failed(text_copy(name, sizeof name, role));
	check_add(d->list, name,
		  verdict == JUDGE_NO        ? CHECK_FAILURE
		  : verdict == JUDGE_UNKNOWN ? CHECK_UNKNOWN
					     : CHECK_OK,
		  "do not use this token; holdfast evidence shows every attribute",
		  verdict == JUDGE_YES  ? "every attribute on the token is as required"
		  : verdict == JUDGE_NO ? "an attribute on the token is NOT as required"
					: "the token does not report every attribute");
}

/* Names of the tests that failed, into one line. */
static size_t list_failed(const struct json *tests, char out[LINE_MAX])
{
	struct writer w;
	size_t failed = 0;
	writer_init(&w, out, LINE_MAX);
	for (size_t i = 0; i < json_count(tests); i++) {
		const struct json *test = json_element(tests, i);
		if (json_bool_of(json_member(test, "Passed")))
			continue;
		writer_text(&w, failed++ > 0 ? ", " : "");
		writer_bytes(&w, json_string_of(json_member(test, "Name")));
		writer_text(&w, " (");
		writer_bytes(&w, json_string_of(json_member(test, "Reason")));
		writer_text(&w, ")");
	}
	if (err_failed(writer_end_text(&w)))
		out[0] = '\0';
	return failed;
}

static void say_tests(struct doctor *d)
{
	CLEANUP(buf_cleanup) struct buf text;
	struct request_failure why;
	CLEANUP(json_free) struct json *answer = ask(d, "RunSelfTests", &text, &why);
	const struct json *tests = json_member(answer, "Tests");
	char failed[LINE_MAX] = "";
	if (answer == NULL) {
		say_refused(d, "self-tests", &why);
		return;
	}
	size_t count = list_failed(tests, failed);
	if (count > 0)
		check_add(d->list, "self-tests", CHECK_FAILURE,
			  "see the token's row and its log; do not use a token that fails these "
			  "while it is there",
			  "%zu of %zu failed: %s", count, json_count(tests), failed);
	else
		check_add(d->list, "self-tests", CHECK_OK, "", "all %zu passed, run now",
			  json_count(tests));
}

void doctor_look_at_token(struct doctor *d)
{
	static const char *const names[] = {"token", "anchor", NULL};
	const struct json *keys = json_member(d->system, "ServiceKeys");
	doctor_copy_rows(d, names);
	if (d->system == NULL) {
		doctor_unseen(d, "serial");
		doctor_unseen(d, "own keys");
		doctor_unseen(d, "self-tests");
		return;
	}
	say_serial(d);
	for (size_t i = 0; i < json_count(keys); i++)
		say_own_key(d, json_element(keys, i));
	say_tests(d);
}

static void say_finding(struct doctor *d, const struct json *finding)
{
	struct view kind = json_string_of(json_member(finding, "Kind"));
	struct view table = json_string_of(json_member(finding, "Table"));
	struct view row = json_string_of(json_member(finding, "Row"));
	struct view remedy = json_string_of(json_member(finding, "Remedy"));
	char text[LINE_MAX] = "restore it from a backup";
	if (remedy.len > 0)
		(void)!err_failed(text_copy(text, sizeof text, remedy));
	check_add(d->list, "row", CHECK_FAILURE, text, "%.*s: table %.*s, row %.*s", (int)kind.len,
		  (const char *)kind.ptr, (int)table.len, (const char *)table.ptr, (int)row.len,
		  (const char *)row.ptr);
}

static void say_survey(struct doctor *d, const struct json *answer)
{
	const struct json *findings = json_member(answer, "Findings");
	struct view reason = json_string_of(json_member(answer, "Reason"));
	bool well = json_bool_of(json_member(answer, "Ok"));
	check_add(d->list, "seals", well ? CHECK_OK : CHECK_FAILURE,
		  "see the rows below; what to do about a store that is not as it was sealed: "
		  "holdfast-recovery(7)",
		  "%lld rows verified now, epoch %lld%s%.*s",
		  (long long)json_integer_of(json_member(answer, "Rows")),
		  (long long)json_integer_of(json_member(json_member(answer, "Manifest"), "Epoch")),
		  well ? "" : ": ", (int)reason.len, (const char *)reason.ptr);
	for (size_t i = 0; i < json_count(findings); i++)
		say_finding(d, json_element(findings, i));
}

void doctor_look_at_store(struct doctor *d)
{
	static const char *const names[] = {"store", "schema",       "trust", "manifest",
					    "keys",  "key policies", NULL};
	CLEANUP(buf_cleanup) struct buf text;
	struct request_failure why;
	buf_init(&text, 0);
	doctor_copy_rows(d, names);
	if (d->status == NULL) {
		doctor_unseen(d, "seals");
		return;
	}
	CLEANUP(json_free) struct json *answer = ask(d, "VerifyStore", &text, &why);
	if (answer != NULL)
		say_survey(d, answer);
	else
		say_refused(d, "seals", &why);
}

/* ---- the audit log ---- */

static void say_log(struct doctor *d, const struct json *audit)
{
	const struct json *problem = json_member(audit, "FirstProblem");
	struct view why = json_string_of(json_member(audit, "Why"));
	struct view kind = json_string_of(json_member(problem, "Kind"));
	struct view segment = json_string_of(json_member(problem, "Segment"));
	struct view text = json_string_of(json_member(problem, "Text"));
	if (!json_bool_of(json_member(audit, "Looked")))
		check_add(d->list, "chain", CHECK_UNKNOWN,
			  "run this where and as who can read the log", "not verified: %.*s",
			  (int)why.len, (const char *)why.ptr);
	else if (!json_bool_of(json_member(audit, "Verified")) && problem == NULL)
		check_add(d->list, "chain", CHECK_WARNING,
			  "is the token up? it signs within sign_every_ms of [audit]; then look "
			  "again",
			  "%.*s", (int)why.len, (const char *)why.ptr);
	else if (!json_bool_of(json_member(audit, "Verified")))
		check_add(d->list, "chain", CHECK_FAILURE,
			  "run holdfast audit verify for all of it; keep the files as they are; if "
			  "another token signed before, give its public key: --audit-key FILE",
			  "NOT whole: %.*s in %.*s, line %lld: %.*s", (int)kind.len,
			  (const char *)kind.ptr, (int)segment.len, (const char *)segment.ptr,
			  (long long)json_integer_of(json_member(problem, "Line")), (int)text.len,
			  (const char *)text.ptr);
	else if (json_member(audit, "Attested") == NULL &&
		 json_integer_of(json_member(audit, "Records")) > 0)
		check_add(
			d->list, "chain", CHECK_WARNING,
			"see the token's row; a log that has run longer than a minute was replaced "
			"or is signed by another key",
			"the records follow from each other, and the token has signed for none");
	else
		check_add(d->list, "chain", CHECK_OK, "",
			  "%lld records follow from each other, verified now; %lld wait for "
			  "the token's signature",
			  (long long)json_integer_of(json_member(audit, "Records")),
			  (long long)json_integer_of(json_member(audit, "RecordsNotYetAttested")));
}

static struct err write_log(struct doctor *d, struct buf *text)
{
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	evidence_write_audit(d->context, d->system, &d->older, &out);
	json_out_end_object(&out);
	return json_out_end(&out);
}

void doctor_look_at_audit(struct doctor *d)
{
	static const char *const names[] = {"audit log", "outbox", "audit files", "audit head",
					    NULL};
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(json_free) struct json *answer = NULL;
	uint8_t point[ECDSA_P256_POINT_LEN];
	buf_init(&text, ANSWER_MAX);
	doctor_copy_rows(d, names);
	if (d->system == NULL) {
		doctor_unseen(d, "chain");
		return;
	}
	if (!evidence_read_point(d->system, point))
		check_add(d->list, "chain", CHECK_UNKNOWN, "see the token's row",
			  "not verified: the token does not give its public key");
	else if (!err_failed(write_log(d, &text)) &&
		 !err_failed(json_parse(buf_view(&text), &answer)))
		say_log(d, json_member(answer, "Audit"));
}

/* ---- versions ---- */

void doctor_look_at_versions(struct doctor *d)
{
	const struct json *libraries = json_member(d->system, "Libraries");
	struct view version = json_string_of(json_member(d->system, "Version"));
	char line[LINE_MAX] = "";
	struct writer w;
	if (d->system == NULL) {
		doctor_unseen(d, "programs");
		doctor_unseen(d, "libraries");
		return;
	}
	bool same = view_equal_text(version, HOLDFAST_VERSION);
	check_add(d->list, "programs", same ? CHECK_OK : CHECK_WARNING,
		  "restart holdfastd and holdfast-token after an upgrade",
		  "holdfast " HOLDFAST_VERSION ", holdfastd %.*s", (int)version.len,
		  (const char *)version.ptr);
	writer_init(&w, line, sizeof line);
	for (size_t i = 0; i < json_count(libraries); i++) {
		const struct json *row = json_element(libraries, i);
		writer_text(&w, i > 0 ? ", " : "");
		writer_bytes(&w, json_string_of(json_member(row, "Name")));
		writer_text(&w, " ");
		writer_bytes(&w, json_string_of(json_member(row, "Version")));
	}
	if (!err_failed(writer_end_text(&w)))
		check_add(d->list, "libraries", CHECK_OK, "", "%s", line);
}
