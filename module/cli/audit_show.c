/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_show.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/disclosure.h"
#include "audit/reader.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/audit_filter.h"
#include "cli/progress.h"
#include "codec/timestamp.h"

#define PROGRESS_LINES 1024 /* between two looks at the time */
#define FOLLOW_MS 500
#define CELL_MAX 512
#define CONTEXT_MAX 1024

const struct argument audit_show_arguments[] = {
	{.value = "DIR",
	 .kind = ARGUMENT_TEXT,
	 .help = "folder of the log; without it, the one that the settings name"},
	AUDIT_FILTER_ARGUMENTS,
	ARGUMENT_OPTION("follow", NULL, NULL, ARGUMENT_FLAG, "wait for more, until interrupted"),
	ARGUMENTS_END};

#define RESULT_WIDTH 26 /* InvalidCiphertextException; few are longer */

struct show {
	struct audit_filter filter;
	bool json, follow;
	uint64_t lines, shown, strange;
};

/* --- One record. --- */

/* What a terminal would not print is shown as '?', so that no record can write on the screen. */
static void put_cell(struct view text, int width)
{
	char cell[CELL_MAX];
	size_t len = 0;
	for (size_t i = 0; i < text.len && len < sizeof cell - 1; i++) {
		bool plain = text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f && text.ptr[i] < 0x80;
		cell[len++] = plain ? (char)text.ptr[i] : '?';
	}
	cell[len] = '\0';
	(void)printf("%-*s  ", width, len > 0 ? cell : "-");
}

static void put_context(struct writer *w, const struct json *request, const char *name)
{
	const struct json *one;
	struct view key;
	const struct json *context = json_member(request, name);
	for (size_t at = 0; json_next_member(context, &at, &key, &one);) {
		writer_text(w, w->len > 0 ? " " : "");
		writer_bytes(w, key);
		writer_text(w, "=");
		writer_bytes(w, json_string_of(one));
	}
}

static void show_context(struct view line)
{
	static const struct view mark = {(const uint8_t *)"ncryptionContext\":", 18};
	CLEANUP(json_free) struct json *record = NULL;
	char text[CONTEXT_MAX];
	struct writer w;
	if (view_search(line, mark) == line.len || err_failed(json_parse(line, &record)))
		return;
	const struct json *request = json_member(record, "requestParameters");
	writer_init(&w, text, sizeof text);
	put_context(&w, request, "encryptionContext");
	put_context(&w, request, "sourceEncryptionContext");
	put_context(&w, request, "destinationEncryptionContext");
	put_cell(view_of(text, w.len), 0);
}

/* The first key of the call, by its id, or whatever else it is about. */
static struct view subject_of(const struct audit_event *event)
{
	struct view arn, bare;
	if (event->resource_count == 0)
		return VIEW_NONE;
	audit_resource_names(&event->resources[0], &arn, &bare);
	return bare.len > 0 ? bare : arn;
}

static void show_heading(void)
{
	put_cell(VIEW_LITERAL("TIME"), 20);
	put_cell(VIEW_LITERAL("RESULT"), RESULT_WIDTH);
	put_cell(VIEW_LITERAL("EVENT"), 22);
	put_cell(VIEW_LITERAL("WHO"), 20);
	put_cell(VIEW_LITERAL("KEY"), 36);
	put_cell(VIEW_LITERAL("SOURCE"), 15);
	(void)puts("CONTEXT");
}

static void show_row(struct view line, const struct audit_event *event)
{
	char time[TIMESTAMP_ISO_TEXT];
	timestamp_iso(event->time_ms, false, time);
	put_cell(view_of_text(time), 20);
	put_cell(event->error_code.len > 0 ? event->error_code : VIEW_LITERAL("ok"), RESULT_WIDTH);
	put_cell(event->name, 22);
	put_cell(audit_event_user(event), 20);
	put_cell(subject_of(event), 36);
	put_cell(event->source_address, 15);
	show_context(line);
	(void)putchar('\n');
}

static struct err show_line(struct show *show, const struct audit_line *line)
{
	CLEANUP(audit_event_cleanup) struct audit_event event;
	static const struct view attestation = {(const uint8_t *)"{\"attestation\":", 15};
	bool passes = false;
	show->lines++;
	struct err e = audit_event_read(line->text, &event);
	if (!err_failed(e))
		e = audit_filter_passes(&show->filter, line->text, &event, &passes);
	if (err_failed(e) && !err_is(e, E_NOMEM)) {
		show->strange += !view_starts_with(line->text, attestation);
		return OK;
	}
	TRY(e);
	if (!passes)
		return OK;
	if (!show->json && show->shown == 0)
		show_heading();
	show->shown++;
	if (show->json)
		(void)printf("%.*s\n", (int)line->text.len, (const char *)line->text.ptr);
	else
		show_row(line->text, &event);
	return OK;
}

/* --- All of them. --- */

static void wait_for_more(void)
{
	const struct timespec pause = {.tv_nsec = FOLLOW_MS * 1000000L};
	(void)fflush(stdout);
	(void)nanosleep(&pause, NULL);
}

static void tell(const struct audit_reader *reader, const struct show *show, struct progress *p)
{
	struct audit_reader_progress progress;
	if (show->lines % PROGRESS_LINES != 0)
		return;
	audit_reader_progress(reader, &progress);
	progress_tell(p, progress.done, progress.all);
}

static struct err show_all(struct audit_reader *reader, struct show *show, struct progress *p)
{
	struct audit_line line;
	bool got = true;
	while (got || show->follow) {
		TRY(audit_reader_next(reader, &line, &got));
		if (!got && show->follow)
			wait_for_more();
		if (!got)
			continue;
		uint64_t before = show->shown;
		TRY(show_line(show, &line));
		if (show->shown != before)
			progress_end(p);
		tell(reader, show, p);
	}
	return OK;
}

static const char *folder_of(const struct command_context *context,
			     const struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		if (arguments->given[i].row == &audit_show_arguments[0])
			return arguments->given[i].text;
	return context->settings->audit.directory;
}

static enum exit_status conclude(const struct show *show, const char *folder, struct err e)
{
	if (show->strange > 0)
		(void)fprintf(stderr,
			      "holdfast: %llu lines of %s are no records; holdfast audit verify "
			      "tells more\n",
			      (unsigned long long)show->strange, folder);
	if (!err_failed(e))
		return EXIT_DONE;
	(void)fprintf(stderr, "holdfast: %s cannot be read: %s\n", folder,
		      e.detail != 0 ? strerrordesc_np((int)e.detail) : err_meaning(e));
	return EXIT_IO;
}

enum exit_status audit_show_run(const struct command_context *context,
				const struct command_call *call)
{
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	const char *folder = folder_of(context, call->arguments);
	struct show show = {.json = context->json,
			    .follow = arguments_flag(call->arguments, "follow")};
	struct progress progress;
	if (err_failed(
		    audit_filter_init(call->arguments, clock_real_ms(&clock_system), &show.filter)))
		return EXIT_USAGE;
	progress_init(&progress, "reading", show.follow);
	struct err e = audit_reader_open(folder, &reader);
	if (!err_failed(e))
		e = show_all(reader, &show, &progress);
	progress_end(&progress);
	return conclude(&show, folder, e);
}
