/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_text.h"

#include "codec/hex.h"
#include "codec/json.h"
#include "codec/timestamp.h"

#define UNIT_BYTES 1024                       /* of which the next larger one has so many */
#define PATIENCE_MS (INT64_C(10) * 60 * 1000) /* a tail that is older deserves a look */

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
	char hex[2 * AUDIT_HASH_LEN];
	struct writer w;
	if (point->sequence == 0)
		return;
	writer_init(&w, hex, sizeof hex);
	hex_encode(&w, VIEW_ARRAY(point->hash));
	json_out_begin_object(out, name);
	json_out_integer(out, "Sequence", (int64_t)point->sequence);
	json_out_text(out, "Hash", view_of(hex, sizeof hex));
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
	};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		json_out_integer(out, counts[i].name, (int64_t)counts[i].value);
}

void audit_text_json(const struct audit_verify_report *r, struct writer *w)
{
	struct json_out out;
	json_out_init(&out, w);
	json_out_begin_object(&out, NULL);
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
	writer_format(w, "  tail      %llu records behind it are not signed for yet",
		      NUMBER(r->unattested));
	write_time(w, ", since ", r->unattested_ms);
	writer_text(w, "\n");
}

void audit_text_write(const struct audit_verify_report *r, struct writer *w)
{
	if (r->problems > 0)
		write_problem(w, r);
	else
		writer_text(w, r->attested.sequence > 0
				       ? "SOUND\n"
				       : "NOTHING SIGNED: nothing proves this log, or not yet\n");
	write_content(w, r);
	write_attested(w, r);
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
	return is_old_tail(r) ? EXIT_WARNING : EXIT_DONE;
}
