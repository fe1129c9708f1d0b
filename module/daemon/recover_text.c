/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/recover_text.h"

#include "base/text.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "service/discarding.h"
#include "service/survey.h"

#define DIGEST_TEXT 33

/* --- for people --- */

static void write_mark(struct writer *w, const char *name, const struct kms_mark *mark)
{
	if (mark->epoch == 0) {
		writer_format(w, "  %-11s has none\n", name);
		return;
	}
	writer_format(w, "  %-11s epoch %llu, ", name, (unsigned long long)mark->epoch);
	hex_encode(w, VIEW_ARRAY(mark->digest));
	writer_text(w, "\n");
}

static void write_log(struct writer *w, const struct recover_told *told)
{
	const struct rescue_log *log = &told->report->log;
	writer_format(w, "  audit log   %s (%s)\n", told->audit_directory, told->audit_log);
	if (!log->readable)
		writer_text(w, "              is not there, or cannot be read\n");
	if (log->kept)
		writer_format(w, "              the store expects its line %llu: %s\n",
			      (unsigned long long)log->head.sequence,
			      err_failed(log->verdict) ? "IT IS NOT THERE" : "it is there");
}

static void write_token(struct writer *w, const struct recover_told *told)
{
	const struct rescue_token *token = &told->report->token;
	writer_format(w, "  token       serial %s\n", token->serial);
	if (!token->moved)
		return;
	writer_format(w,
		      "              ANOTHER TOKEN: the installation was made on %s\n"
		      "              its three keys are here, and the row-seal key is the same\n",
		      told->installation->token_serial);
	writer_format(w, "              API secrets %s\n",
		      !token->wrap_tried        ? "cannot be tried: there are none"
		      : err_failed(token->wrap) ? "DO NOT OPEN: the secret-wrap key is another"
						: "open: the secret-wrap key is the same");
}

static void write_places(struct writer *w, const struct recover_told *told)
{
	const struct rescue_report *report = told->report;
	writer_format(w, "Installation %s\n\n  store       %s\n", told->installation->id,
		      told->store);
	if (told->restored != NULL)
		writer_format(w, "  to be       %s\n", told->restored);
	writer_format(w, "              %llu sealed rows\n",
		      (unsigned long long)report->survey.rows);
	write_mark(w, "its mark", &report->survey.mark);
	write_token(w, told);
	write_mark(w, "its mark", &report->survey.anchor);
	write_log(w, told);
}

static void write_finding(struct writer *w, const struct kms_finding *finding)
{
	writer_format(w, "  %s: %s %s\n      %s\n", kms_finding_name(finding->kind), finding->table,
		      finding->row[0] != '\0' ? finding->row : "(which is not known)",
		      survey_meaning(finding->kind));
	if (finding->kind != KMS_FINDING_CHANGED)
		return;
	if (discarding_needed(finding->table))
		writer_text(w, "      the service does not start with it\n");
	writer_format(w, "      discarded: %s\n", discarding_meaning(finding->table));
}

static void write_findings(struct writer *w, const struct kms_survey *survey)
{
	if (survey->found == 0)
		return;
	writer_format(w, "\nFindings: %llu", (unsigned long long)survey->found);
	if (survey->found > survey->finding_count)
		writer_format(w, ", of which %zu are named here", survey->finding_count);
	writer_text(w, "\n");
	for (size_t i = 0; i < survey->finding_count; i++)
		write_finding(w, &survey->findings[i]);
}

#define TOLD_CHANGES_MAX 1000000000 /* more: an acceptance lies between, which leaps */

/* "17 changes are", or "changes, and a recovery, are". */
static void write_changes(struct writer *w, uint64_t changes)
{
	if (changes < TOLD_CHANGES_MAX)
		writer_format(w, "%llu change%s", (unsigned long long)changes,
			      changes == 1 ? "" : "s");
	else
		writer_text(w, "changes, and a recovery,");
	writer_text(w, changes == 1 ? " is" : " are");
}

/* What whoever accepts an older store gives up. */
static void write_losses(struct writer *w, const struct kms_survey *survey)
{
	if (survey->anchor.epoch <= survey->mark.epoch)
		return;
	writer_text(w, "\nTHIS STORE IS OLDER: ");
	write_changes(w, survey->anchor.epoch - survey->mark.epoch);
	writer_text(
		w,
		" not in it that came since. With it come back\n"
		"  grants that were revoked or retired, keys that were disabled, policies, access "
		"keys\n"
		"  and users that were taken away or changed since. What was made since is lost: "
		"keys "
		"and\n"
		"  what only they can decrypt, grants, users. Versions of keys that it knows are "
		"adopted\n"
		"  from the token at the next start.\n"
		"  Look through what was done since: holdfast audit show --since TIME.\n");
}

static void write_work(struct writer *w, const struct rescue_report *report)
{
	if (report->deletions > 0)
		writer_format(
			w,
			"\nThe waiting period of %llu keys is over by the clock as it is: once "
			"accepted, nothing is\n"
			"  destroyed before you say `holdfast clock accept`. Cancel first what "
			"shall stay.\n",
			(unsigned long long)report->deletions);
	if (report->intents > 0)
		writer_format(w,
			      "\n%llu versions were in the making: once accepted they are not "
			      "finished and not\n"
			      "  destroyed; complete ones are adopted, the rest is reported.\n",
			      (unsigned long long)report->intents);
}

/* Rows are refused, and nothing else is wrong. */
static void write_refused(struct writer *w, const struct rescue_report *report)
{
	if (discarding_needed_by(&report->survey))
		writer_text(w, "\nIt does not start with these rows. Put back a backup that has "
			       "them whole, or discard those that do\nnot carry their seal: the "
			       "store that is kept has them still, and the log names each.\n");
	else
		writer_text(w, "\nIt starts as it is, and refuses these rows. With --accept, "
			       "--discard-refused removes them.\n");
}

static void write_command(struct writer *w, const struct recover_told *told)
{
	const struct rescue_report *report = told->report;
	writer_text(w, "\nNothing has been changed. To take it as it is (holdfast-recovery(7) says "
		       "what that means):\n  holdfastd");
	if (told->restored != NULL)
		writer_format(w, " --restore %s", told->restored);
	else
		writer_text(w, " --recover");
	writer_format(w, " --accept %s%s%s", report->code,
		      report->token.moved ? " --accept-token" : "",
		      discarding_needed_by(&report->survey) ? " --discard-refused" : "");
	if (told->settings != NULL)
		writer_format(w, " --config %s", told->settings);
	writer_text(w, "\n");
}

static void write_next(struct writer *w, const struct recover_told *told, struct err verdict)
{
	const struct rescue_report *report = told->report;
	if (told->restored == NULL && !err_failed(verdict)) {
		writer_text(w,
			    "\nStore, token and audit log fit together: nothing is to be done.\n");
		return;
	}
	if (err_is(verdict, E_STORE_SEAL))
		write_refused(w, report);
	if (report->token.moved && report->token.wrap_tried && err_failed(report->token.wrap)) {
		writer_text(w, "\nThis token cannot be accepted: it is no copy of the other.\n");
		return;
	}
	if (!told->accepting)
		write_command(w, told);
}

void recover_text_write(struct writer *w, const struct recover_told *told)
{
	struct err verdict = rescue_verdict(told->report);
	write_places(w, told);
	writer_format(w, "\nVerdict: %s%s%s\n", err_failed(verdict) ? err_name(verdict) : "sound",
		      err_failed(verdict) ? ": " : "",
		      err_failed(verdict) ? err_meaning(verdict) : "");
	write_findings(w, &told->report->survey);
	write_losses(w, &told->report->survey);
	write_work(w, told->report);
	write_next(w, told, verdict);
}

/* --- for programs --- */

static void json_mark(struct json_out *out, const char *name, const struct kms_mark *mark)
{
	char digest[DIGEST_TEXT];
	struct writer w;
	writer_init(&w, digest, sizeof digest);
	hex_encode(&w, VIEW_ARRAY(mark->digest));
	json_out_begin_object(out, name);
	json_out_integer(out, "Epoch", (int64_t)mark->epoch);
	json_out_text(out, "Digest", view_of(digest, w.len));
	json_out_end_object(out);
}

static void json_findings(struct json_out *out, const struct kms_survey *survey)
{
	json_out_integer(out, "Found", (int64_t)survey->found);
	json_out_begin_array(out, "Findings");
	for (size_t i = 0; i < survey->finding_count; i++) {
		const struct kms_finding *finding = &survey->findings[i];
		json_out_begin_object(out, NULL);
		json_out_text(out, "Kind", view_of_text(kms_finding_name(finding->kind)));
		json_out_text(out, "Table", view_of_text(finding->table));
		json_out_text(out, "Row", view_of_text(finding->row));
		json_out_text(out, "Meaning", view_of_text(survey_meaning(finding->kind)));
		if (finding->kind == KMS_FINDING_CHANGED)
			json_out_text(out, "Discarded",
				      view_of_text(discarding_meaning(finding->table)));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void json_log(struct json_out *out, const struct recover_told *told)
{
	const struct rescue_log *log = &told->report->log;
	json_out_begin_object(out, "AuditLog");
	json_out_text(out, "Name", view_of_text(told->audit_log));
	json_out_text(out, "Directory", view_of_text(told->audit_directory));
	json_out_text(out, "Verdict", view_of_text(err_name(log->verdict)));
	json_out_bool(out, "Readable", log->readable);
	if (log->kept)
		json_out_integer(out, "ExpectedSequence", (int64_t)log->head.sequence);
	json_out_end_object(out);
}

static void json_token(struct json_out *out, const struct recover_told *told)
{
	const struct rescue_token *token = &told->report->token;
	json_out_begin_object(out, "Token");
	json_out_text(out, "Serial", view_of_text(token->serial));
	json_out_bool(out, "Moved", token->moved);
	if (token->moved) {
		json_out_text(out, "PreviousSerial",
			      view_of_text(told->installation->token_serial));
		json_out_bool(out, "SecretsOpen", token->wrap_tried && !err_failed(token->wrap));
	}
	json_mark(out, "Mark", &told->report->survey.anchor);
	json_out_end_object(out);
}

void recover_text_write_json(struct writer *w, const struct recover_told *told)
{
	const struct rescue_report *report = told->report;
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "Verdict", view_of_text(err_name(rescue_verdict(report))));
	json_out_text(&out, "Code", view_of_text(report->code));
	json_out_bool(&out, "Starts", recover_text_exit(report) != EXIT_UNWELL);
	json_out_text(&out, "Installation", view_of_text(told->installation->id));
	json_out_text(&out, "Store", view_of_text(told->store));
	if (told->restored != NULL)
		json_out_text(&out, "Restored", view_of_text(told->restored));
	json_out_integer(&out, "Rows", (int64_t)report->survey.rows);
	json_mark(&out, "Mark", &report->survey.mark);
	json_token(&out, told);
	json_log(&out, told);
	json_findings(&out, &report->survey);
	json_out_integer(&out, "DeletionsDue", (int64_t)report->deletions);
	json_out_integer(&out, "VersionsInTheMaking", (int64_t)report->intents);
	json_out_end_object(&out);
	struct err e = json_out_end(&out);
	if (err_failed(e))
		writer_fail(w, e);
	writer_text(w, "\n");
}

/* --- */

enum exit_status recover_text_exit(const struct rescue_report *report)
{
	struct err verdict = rescue_verdict(report);
	if (!err_failed(verdict))
		return EXIT_DONE;
	bool starts = err_is(verdict, E_STORE_SEAL) && !discarding_needed_by(&report->survey);
	return starts ? EXIT_WARNING : EXIT_UNWELL;
}
