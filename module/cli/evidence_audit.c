/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's audit log, verified where this command runs, when its user can read it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/text.h"
#include "cli/audit_text.h"
#include "cli/evidence.h"
#include "cli/progress.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/timestamp.h"

#define PATH_TEXT 4096
#define TRIES 2
#define PATIENCE_S 1

static void put_text(struct json_out *out, const char *name, const char *text)
{
	json_out_text(out, name, view_of_text(text));
}

static void put_time(struct json_out *out, const char *name, int64_t ms)
{
	char text[TIMESTAMP_ISO_TEXT];
	if (ms == 0)
		return;
	timestamp_iso(ms, true, text);
	put_text(out, name, text);
}

static void put_point(struct json_out *out, const char *name, const struct audit_point *point)
{
	if (point->sequence == 0)
		return;
	json_out_begin_object(out, name);
	put_text(out, "Chain", point->chain);
	json_out_integer(out, "Sequence", (int64_t)point->sequence);
	json_out_hex(out, "Hash", VIEW_ARRAY(point->hash));
	json_out_end_object(out);
}

static void put_problem(struct json_out *out, const struct audit_verify_report *report)
{
	const struct audit_problem *first = &report->first;
	bool whole = first->kind == AUDIT_PROBLEM_NONE, proven = report->attested.sequence > 0;
	json_out_bool(out, "Verified", whole && proven);
	if (whole && !proven)
		put_text(out, "Why", "the token has signed for nothing in it");
	if (whole)
		return;
	json_out_integer(out, "Problems", (int64_t)report->problems);
	json_out_begin_object(out, "FirstProblem");
	put_text(out, "Kind", audit_problem_name(first->kind));
	put_text(out, "Segment", first->segment);
	json_out_integer(out, "Line", (int64_t)first->line);
	put_text(out, "Text", first->text);
	json_out_end_object(out);
}

static void put_report(struct json_out *out, const struct audit_verify_report *report)
{
	put_problem(out, report);
	json_out_integer(out, "Segments", (int64_t)report->segments);
	json_out_integer(out, "SegmentsRemovedByRetention", (int64_t)report->removed_segments);
	json_out_integer(out, "Lines", (int64_t)report->lines);
	json_out_integer(out, "Records", (int64_t)report->records);
	json_out_integer(out, "LinesBeforeTheChain", (int64_t)report->unchained);
	json_out_integer(out, "Attestations", (int64_t)report->attestations);
	put_point(out, "Begin", &report->begin);
	put_point(out, "Head", &report->head);
	put_point(out, "Attested", &report->attested);
	put_time(out, "AttestedAt", report->attested_ms);
	json_out_integer(out, "RecordsNotYetAttested", (int64_t)report->unattested);
	put_time(out, "FirstRecord", report->first_ms);
	put_time(out, "LastRecord", report->last_ms);
}

/* Why it was not looked at; NULL: it can be. */
static const char *why_not(const char *directory)
{
	if (directory[0] == '\0')
		return "the service does not say where it is";
	if (access(directory, R_OK | X_OK) == 0)
		return NULL;
	return errno == EACCES ? "the user that made this report may not read it"
			       : strerrordesc_np(errno);
}

bool evidence_read_point(const struct json *machine, uint8_t point[ECDSA_P256_POINT_LEN])
{
	struct writer w;
	writer_init(&w, point, ECDSA_P256_POINT_LEN);
	struct err e = base64_decode(&w, json_string_of(json_member(machine, "AuditPublicKey")));
	return !err_failed(e) && w.len == ECDSA_P256_POINT_LEN;
}

/* Both kinds of keys. */
static struct err join_keys(const struct json *machine, const struct audit_keys *older,
			    struct audit_keys *out)
{
	uint8_t point[ECDSA_P256_POINT_LEN];
	*out = *older;
	REQUIRE(evidence_read_point(machine, point), E_FORMAT);
	return audit_keys_add(out, point);
}

/* A line that the service made durable before it answered. Sequence 0: it tells none. */
static void read_head(const struct json *machine, struct audit_point *out)
{
	const struct json *head = json_member(json_member(machine, "AuditLog"), "Head");
	struct view chain = json_string_of(json_member(head, "Chain"));
	struct view hash = json_string_of(json_member(head, "Hash"));
	int64_t sequence = json_integer_of(json_member(head, "Sequence"));
	*out = (struct audit_point){.sequence = 0};
	if (sequence > 0 && !err_failed(text_copy(out->chain, sizeof out->chain, chain)) &&
	    !err_failed(hex_decode(hash, out->hash, sizeof out->hash)))
		out->sequence = (uint64_t)sequence;
}

/* A service that has just started has signed for nothing yet, and will have in a moment: then it is
 * read once more. NULL, or why it was not looked at. */
static const char *look(const struct command_context *context,
			const struct audit_verify_options *where,
			struct audit_verify_report *report)
{
	struct err e = OK;
	struct progress progress;
	struct audit_verify_options options = *where;
	options.progress = progress_tell;
	options.user = &progress;
	for (unsigned tries = 0; tries < TRIES; tries++) {
		if (tries > 0)
			(void)sleep(PATIENCE_S);
		progress_init(&progress, "verifying the audit log", context->json);
		e = audit_verify(&options, report);
		progress_end(&progress);
		if (err_failed(e) || report->problems > 0 || report->attested.sequence > 0)
			break;
	}
	return err_failed(e) ? err_meaning(e) : NULL;
}

static void put_found(struct json_out *out, const struct audit_text *told,
		      const struct audit_point *expected)
{
	put_point(out, "ExpectedHead", expected);
	put_report(out, told->report);
	audit_text_history(told, out);
}

void evidence_write_audit(const struct command_context *context, const struct json *machine,
			  const struct audit_keys *older, struct json_out *out)
{
	char directory[PATH_TEXT] = "";
	struct audit_keys keys;
	struct audit_point expected;
	struct audit_verify_report report = {.problems = 0};
	const struct json *process = json_member(machine, "Process");
	(void)!err_failed(text_copy(directory, sizeof directory,
				    json_string_of(json_member(process, "AuditDirectory"))));
	read_head(machine, &expected);
	struct err e = join_keys(machine, older, &keys);
	const char *why = err_failed(e) ? err_meaning(e) : why_not(directory);
	if (why == NULL)
		why = look(context,
			   &(const struct audit_verify_options){
				   .directory = directory,
				   .public_keys = keys.points,
				   .key_count = keys.count,
				   .expected = expected.sequence > 0 ? &expected : NULL},
			   &report);
	json_out_begin_object(out, "Audit");
	put_text(out, "Directory", directory);
	json_out_bool(out, "Looked", why == NULL);
	if (why != NULL)
		put_text(out, "Why", why);
	else
		put_found(out,
			  &(const struct audit_text){.directory = directory,
						     .public_keys = keys.points,
						     .report = &report},
			  &expected);
	json_out_end_object(out);
}
