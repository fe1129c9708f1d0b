/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_text.h"

#include "audit/statement.h"
#include "codec/json.h"
#include "codec/timestamp.h"

#define UNIT_BYTES 1024                       /* of which the next larger one has so many */
#define PATIENCE_MS (INT64_C(10) * 60 * 1000) /* a tail that is older deserves a look */

static void name_key(const struct audit_text *told, const struct audit_turn *turn,
		     char out[AUDIT_STATEMENT_FINGERPRINT_TEXT])
{
	struct view point =
		view_of(told->public_keys + turn->key * AUDIT_POINT_LEN, AUDIT_POINT_LEN);
	(void)!err_failed(audit_statement_fingerprint(point, out));
}

/* --- For programs. --- */

static void put_time(struct json_out *out, const char *name, int64_t ms)
{
	char text[TIMESTAMP_ISO_TEXT];
	if (ms == 0)
		return;
	timestamp_iso(ms, false, text);
	json_out_text(out, name, view_of_text(text));
}

static void put_point(struct json_out *out, const char *name, const struct audit_point *point)
{
	if (point->sequence == 0)
		return;
	json_out_begin_object(out, name);
	json_out_integer(out, "Sequence", (int64_t)point->sequence);
	json_out_hex(out, "Hash", VIEW_ARRAY(point->hash));
	json_out_end_object(out);
}

static void put_problem(struct json_out *out, const struct audit_problem *problem)
{
	if (problem->kind == AUDIT_PROBLEM_NONE)
		return;
	json_out_begin_object(out, "FirstProblem");
	json_out_text(out, "Kind", view_of_text(audit_problem_name(problem->kind)));
	json_out_text(out, "Segment", view_of_text(problem->segment));
	json_out_integer(out, "Line", (int64_t)problem->line);
	json_out_integer(out, "Sequence", (int64_t)problem->sequence);
	if (problem->event[0] != '\0')
		json_out_text(out, "EventId", view_of_text(problem->event));
	json_out_text(out, "Text", view_of_text(problem->text));
	json_out_end_object(out);
}

static void put_counts(struct json_out *out, const struct audit_verify_report *r)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"Problems", r->problems},
		{"Segments", r->segments},
		{"Bytes", r->bytes},
		{"Lines", r->lines},
		{"Records", r->records},
		{"Attestations", r->attestations},
		{"RecordsBeforeTheChain", r->unchained},
		{"RemovedSegments", r->removed_segments},
		{"UnattestedRecords", r->unattested},
		{"KeyChanges", r->turn_count > 0 ? r->turn_count - 1 : 0},
		{"KeyReturns", r->returns},
		{"LinesFoundAtStarts", r->unproven_lines},
		{"StartsWithLinesFound", r->unproven_count},
	};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		json_out_integer(out, counts[i].name, (int64_t)counts[i].value);
}

static void put_turn(struct json_out *out, const struct audit_text *told,
		     const struct audit_turn *turn)
{
	char fingerprint[AUDIT_STATEMENT_FINGERPRINT_TEXT];
	name_key(told, turn, fingerprint);
	json_out_begin_object(out, NULL);
	json_out_text(out, "KeyFingerprint", view_of_text(fingerprint));
	json_out_integer(out, "FirstLine", (int64_t)turn->from);
	json_out_integer(out, "LastLine", (int64_t)turn->to);
	json_out_integer(out, "FirstSignature", (int64_t)turn->first);
	json_out_integer(out, "Signatures", (int64_t)turn->signatures);
	json_out_bool(out, "Recorded", turn->recorded);
	json_out_bool(out, "Returned", turn->returned);
	json_out_end_object(out);
}

static void put_unproven(struct json_out *out, const struct audit_unproven *lines)
{
	json_out_begin_object(out, NULL);
	json_out_integer(out, "FirstLine", (int64_t)lines->from);
	json_out_integer(out, "LastLine", (int64_t)lines->to);
	json_out_integer(out, "ToldInLine", (int64_t)lines->told);
	json_out_bool(out, "BehindStop", lines->behind_stop);
	json_out_end_object(out);
}

void audit_text_history(const struct audit_text *told, struct json_out *out)
{
	const struct audit_verify_report *r = told->report;
	json_out_begin_array(out, "Keys");
	for (size_t i = 0; i < MIN_OF(r->turn_count, (uint64_t)AUDIT_TURNS_MAX); i++)
		put_turn(out, told, &r->turns[i]);
	json_out_end_array(out);
	json_out_begin_array(out, "FoundAtStarts");
	for (size_t i = 0; i < MIN_OF(r->unproven_count, (uint64_t)AUDIT_UNPROVEN_MAX); i++)
		put_unproven(out, &r->unproven[i]);
	json_out_end_array(out);
}

void audit_text_json(const struct audit_text *told, struct writer *w)
{
	struct json_out out;
	const struct audit_verify_report *r = told->report;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "Directory", view_of_text(told->directory));
	json_out_bool(&out, "Sound", r->problems == 0);
	put_problem(&out, &r->first);
	put_counts(&out, r);
	if (r->begin.sequence != 0)
		json_out_text(&out, "Chain", view_of_text(r->begin.chain));
	put_point(&out, "Begin", &r->begin);
	put_point(&out, "Head", &r->head);
	put_point(&out, "Attested", &r->attested);
	put_time(&out, "AttestedAt", r->attested_ms);
	put_time(&out, "UnattestedSince", r->unattested_ms);
	put_time(&out, "FirstRecord", r->first_ms);
	put_time(&out, "LastRecord", r->last_ms);
	audit_text_history(told, &out);
	json_out_end_object(&out);
	writer_text(w, "\n");
	if (err_failed(json_out_end(&out)))
		writer_fail(w, ERR(E_BUG));
}

/* --- For people. --- */

#define NUMBER(value) ((unsigned long long)(value))

static void write_time(struct writer *w, const char *before, int64_t ms)
{
	char text[TIMESTAMP_ISO_TEXT];
	if (ms == 0)
		return;
	timestamp_iso(ms, false, text);
	writer_format(w, "%s%s", before, text);
}

static void write_problem(struct writer *w, const struct audit_verify_report *r)
{
	const struct audit_problem *p = &r->first;
	writer_format(w, "NOT SOUND: %s", audit_problem_name(p->kind));
	if (r->problems > 1)
		writer_format(w, ", the first of %llu problems", NUMBER(r->problems));
	writer_format(w, "\n  where     %s", p->segment);
	if (p->line > 0)
		writer_format(w, ", line %llu", NUMBER(p->line));
	if (p->sequence > 0)
		writer_format(w, ", sequence %llu", NUMBER(p->sequence));
	if (p->event[0] != '\0')
		writer_format(w, ", event %s", p->event);
	writer_format(w, "\n  what      %s\n", p->text);
}

static void write_count(struct writer *w, uint64_t count, const char *what)
{
	writer_format(w, "%llu %s%s", NUMBER(count), what, count == 1 ? "" : "s");
}

/* In the largest unit that has a whole number of it. */
static void write_size(struct writer *w, uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
	size_t unit = 0;
	for (; unit + 1 < ARRAY_LEN(units) && bytes >= UNIT_BYTES; unit++)
		bytes /= UNIT_BYTES;
	writer_format(w, "%llu %s", NUMBER(bytes), units[unit]);
}

static void write_removed(struct writer *w, uint64_t segments)
{
	writer_text(w, "  removed   ");
	write_count(w, segments, "segment");
	writer_text(w, " before, by the rules of [audit]\n");
}

static void write_content(struct writer *w, const struct audit_verify_report *r)
{
	writer_format(w, "  records   %llu in ", NUMBER(r->records));
	write_count(w, r->segments, "segment");
	writer_text(w, ", ");
	write_size(w, r->bytes);
	write_time(w, ", ", r->first_ms);
	write_time(w, " to ", r->last_ms);
	writer_text(w, "\n");
	if (r->begin.sequence != 0)
		writer_format(w, "  chain     %s, lines %llu to %llu\n", r->begin.chain,
			      NUMBER(r->begin.sequence), NUMBER(r->head.sequence));
	if (r->unchained > 0)
		writer_format(w,
			      "  older     %llu records at the beginning are from before there was "
			      "a chain: nothing proves them\n",
			      NUMBER(r->unchained));
	if (r->removed_segments > 0)
		write_removed(w, r->removed_segments);
}

static void write_attested(struct writer *w, const struct audit_verify_report *r)
{
	if (r->attested.sequence == 0) {
		writer_text(w, "  attested  nothing: no signature of the token is in this log\n");
		return;
	}
	writer_format(w, "  attested  up to line %llu", NUMBER(r->attested.sequence));
	write_time(w, ", signed ", r->attested_ms);
	writer_text(w, " (");
	write_count(w, r->attestations, "signature");
	writer_text(w, ")\n");
	if (r->unattested == 0)
		return;
	writer_text(w, "  tail      ");
	write_count(w, r->unattested, "record");
	writer_format(w, " behind it %s not signed for yet", r->unattested == 1 ? "is" : "are");
	write_time(w, ", since ", r->unattested_ms);
	writer_text(w, "\n");
}

/* One key all the time is told by its fingerprint; several, by the lines of each. */
static void write_turns(const struct audit_text *told, struct writer *w)
{
	char fingerprint[AUDIT_STATEMENT_FINGERPRINT_TEXT];
	const struct audit_verify_report *r = told->report;
	for (size_t i = 0; i < MIN_OF(r->turn_count, (uint64_t)AUDIT_TURNS_MAX); i++) {
		const struct audit_turn *turn = &r->turns[i];
		name_key(told, turn, fingerprint);
		writer_format(w, "  key       %s\n            lines %llu to %llu, ", fingerprint,
			      NUMBER(turn->from), NUMBER(turn->to));
		write_count(w, turn->signatures, "signature");
		if (i > 0)
			writer_text(w, turn->recorded ? "; the log has the service's record of the "
							"change"
						      : "; no record of the service tells of the "
							"change");
		writer_text(w, "\n");
		if (turn->returned)
			writer_format(
				w,
				"  WARNING   from line %llu on a key signs that had been "
				"replaced: if the service did not go\n            back to that "
				"token, it is in other hands\n",
				NUMBER(turn->first));
	}
	if (r->turn_count > AUDIT_TURNS_MAX)
		writer_format(w, "  key       and %llu changes more\n",
			      NUMBER(r->turn_count - AUDIT_TURNS_MAX));
}

static void write_unproven(struct writer *w, const struct audit_verify_report *r)
{
	for (size_t i = 0; i < MIN_OF(r->unproven_count, (uint64_t)AUDIT_UNPROVEN_MAX); i++) {
		const struct audit_unproven *lines = &r->unproven[i];
		writer_format(w,
			      "  %s lines %llu to %llu, at a start (told in line %llu): neither a "
			      "signature nor the store spoke for them\n",
			      lines->behind_stop ? "WARNING  " : "found    ", NUMBER(lines->from),
			      NUMBER(lines->to), NUMBER(lines->told));
		if (lines->behind_stop)
			writer_text(w, "            the service had ended in good order before "
				       "them: somebody else has written them\n");
	}
	if (r->unproven_count > AUDIT_UNPROVEN_MAX)
		writer_format(w, "  found     and lines of %llu starts more\n",
			      NUMBER(r->unproven_count - AUDIT_UNPROVEN_MAX));
}

void audit_text_write(const struct audit_text *told, struct writer *w)
{
	const struct audit_verify_report *r = told->report;
	if (r->problems > 0)
		write_problem(w, r);
	else
		writer_text(w, r->attested.sequence > 0
				       ? "SOUND\n"
				       : "NOTHING SIGNED: nothing proves this log, or not yet\n");
	writer_format(w, "  log       %s\n", told->directory);
	write_content(w, r);
	write_attested(w, r);
	write_turns(told, w);
	write_unproven(w, r);
}

/* --- The exit status. --- */

/* Whoever can write there can also chain a log of his own: nothing signed for is never well. */
static bool is_old_tail(const struct audit_verify_report *r)
{
	return r->attested.sequence == 0 ||
	       (r->unattested > 0 && r->last_ms - r->unattested_ms > PATIENCE_MS);
}

enum exit_status audit_text_exit(const struct audit_verify_report *r)
{
	if (r->problems > 0)
		return EXIT_REFUSED;
	bool strange = r->returns > 0 || r->behind_stops > 0;
	return is_old_tail(r) || strange ? EXIT_WARNING : EXIT_DONE;
}
