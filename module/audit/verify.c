/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a log once, and, when anything is wrong with it, once more to name the first fault exactly.
 * How lines are judged: inspection.c. */
#include "audit/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "audit/inspection.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/timestamp.h"

#define TELL_EVERY 1024 /* lines */

static const char *const names[AUDIT_PROBLEM_COUNT] = {
	[AUDIT_PROBLEM_LINE] = "unusable line",
	[AUDIT_PROBLEM_CHANGED] = "changed line",
	[AUDIT_PROBLEM_GAP] = "missing lines",
	[AUDIT_PROBLEM_REORDERED] = "lines in another order",
	[AUDIT_PROBLEM_SEGMENT] = "missing segment",
	[AUDIT_PROBLEM_SIGNATURE] = "wrong signature",
	[AUDIT_PROBLEM_CHAIN] = "another chain",
	[AUDIT_PROBLEM_SHORT] = "missing end",
};

const char *audit_problem_name(enum audit_problem_kind kind)
{
	return (size_t)kind < ARRAY_LEN(names) ? names[kind] : NULL;
}

/* --- What a line says by itself. --- */

static struct err line_at(const char *directory, const struct inspection_place *place,
			  struct audit_reader **reader, struct audit_line *line, bool *got)
{
	*got = false;
	if (!place->known)
		return OK;
	TRY(audit_reader_open(directory, reader));
	TRY(audit_reader_seek(*reader, place->segment_sequence, place->offset));
	return audit_reader_next(*reader, line, got);
}

static int64_t time_of(struct view line)
{
	int64_t ms = 0;
	CLEANUP(json_free) struct json *record = NULL;
	if (err_failed(json_parse(line, &record)) ||
	    err_failed(timestamp_parse_iso(json_string_of(json_member(record, "eventTime")), &ms)))
		return 0;
	return ms;
}

static struct err tell_time(const char *directory, const struct inspection_place *place,
			    int64_t *ms)
{
	bool got = false;
	struct audit_line line;
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	TRY(line_at(directory, place, &reader, &line, &got));
	/* Attestations tell no time of a record. */
	while (got && audit_line_attests(line.text))
		TRY(audit_reader_next(reader, &line, &got));
	*ms = got ? time_of(line.text) : 0;
	return OK;
}

/* As eventIDs are written: what somebody put there goes to a terminal. */
static bool is_id(struct view id)
{
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.ptr[i];
		bool digit =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
		if (!digit && c != '-')
			return false;
	}
	return id.len == AUDIT_EVENT_ID_LEN;
}

static struct err tell_event(const char *directory, const struct inspection_place *place,
			     struct audit_problem *problem)
{
	bool got = false;
	struct audit_line line;
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	CLEANUP(json_free) struct json *record = NULL;
	TRY(line_at(directory, place, &reader, &line, &got));
	if (!got || err_failed(json_parse(line.text, &record)))
		return OK;
	struct view id = json_string_of(json_member(record, "eventID"));
	if (is_id(id))
		TRY(text_copy(problem->event, sizeof problem->event, id));
	return OK;
}

static struct err tell(const char *directory, const struct inspection *in)
{
	struct audit_verify_report *report = in->report;
	TRY(tell_time(directory, &in->first_record, &report->first_ms));
	TRY(tell_time(directory, &in->last_record, &report->last_ms));
	if (report->unattested > 0)
		TRY(tell_time(directory, &in->rest, &report->unattested_ms));
	return report->problems > 0 ? tell_event(directory, &in->fault, &report->first) : OK;
}

/* --- Reading. --- */

/* Only one of two segments with the same number is read. */
static struct err check_numbers(struct inspection *in, const char *directory)
{
	size_t count = 0;
	CLEANUP(mem_free_at) struct segment_file *files = NULL;
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ERR_DETAIL(E_AUDIT, errno);
	struct err e = segment_list(fd, &files, &count);
	(void)close(fd);
	TRY(e);
	for (size_t i = 1; i < count; i++) {
		struct inspection_place place = {.segment_sequence = files[i].sequence};
		TRY(text_copy(place.segment, sizeof place.segment, view_of_text(files[i].name)));
		if (files[i].sequence == files[i - 1].sequence)
			inspection_problem(in, AUDIT_PROBLEM_REORDERED, &place,
					   "%s has the same number", files[i - 1].name);
	}
	return OK;
}

static void tell_progress(const struct audit_verify_options *options,
			  const struct audit_reader *reader)
{
	struct audit_reader_progress progress;
	if (options->progress == NULL)
		return;
	audit_reader_progress(reader, &progress);
	options->progress(options->user, progress.done, progress.all);
}

static struct err read_all(const struct audit_verify_options *options, struct inspection *in)
{
	struct audit_line line;
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	TRY(audit_reader_open(options->directory, &reader));
	for (bool got = true; got;) {
		TRY(audit_reader_next(reader, &line, &got));
		if (got)
			TRY(inspection_line(in, &line));
		if (!got || in->report->lines % TELL_EVERY == 0)
			tell_progress(options, reader);
	}
	return OK;
}

static struct err pass(const struct audit_verify_options *options, bool strict,
		       struct audit_verify_report *report)
{
	CLEANUP(inspection_cleanup) struct inspection in = {0};
	TRY(inspection_init(&in, options, strict, report));
	TRY(check_numbers(&in, options->directory));
	TRY(read_all(options, &in));
	TRY(inspection_end(&in));
	return tell(options->directory, &in);
}

NODISCARD struct err audit_verify(const struct audit_verify_options *options,
				  struct audit_verify_report *report)
{
	TRY(pass(options, false, report));
	return report->problems > 0 ? pass(options, true, report) : OK;
}
