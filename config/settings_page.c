/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes holdfast.conf(5) at build time: `settings_page TEMPLATE HOLDFAST_CONF PAGE`. The template
 * is the page but for its line MARK, where the settings go: type, range and default from the table,
 * the explanation from the comments of holdfast.conf. So the page cannot differ from either.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"
#include "config/page_file.h"
#include "config/table.h"

#define MARK ".\\\" @settings@"
#define COLUMNS 76

enum { ARGUMENT_TEMPLATE = 1, ARGUMENT_SETTINGS, ARGUMENT_PAGE, ARGUMENTS };

/* --- mdoc(7) --- */

/* roff(7): a backslash escapes; a point or an apostrophe at a line's start makes a request. */
static void write_escaped(struct writer *w, struct view word, bool at_start)
{
	if (at_start && word.len > 0 && (word.ptr[0] == '.' || word.ptr[0] == '\''))
		writer_text(w, "\\&");
	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] == '\\')
			writer_text(w, "\\e");
		else
			writer_bytes(w, view_part(word, i, 1));
	}
}

static bool ends_sentence(struct view word)
{
	uint8_t last = word.len > 0 ? word.ptr[word.len - 1] : 0;
	return last == '.' || last == '?' || last == '!';
}

/* Filled lines; a new sentence begins a new line, as mdoc(7) wants it. */
static void write_filled(struct writer *w, struct view words)
{
	size_t column = 0;
	bool sentence_over = false;
	while (words.ptr != NULL) {
		struct view word = view_cut(&words, ' ');
		if (word.len == 0)
			continue;
		bool wrap = sentence_over || column + 1 + word.len > COLUMNS;
		if (column > 0)
			writer_text(w, wrap ? "\n" : " ");
		column = column == 0 || wrap ? 0 : column + 1;
		write_escaped(w, word, column == 0);
		column += word.len;
		sentence_over = ends_sentence(word);
	}
	writer_text(w, "\n");
}

/* --- one setting --- */

static void write_choices(struct writer *w, const char *choices)
{
	struct view rest = view_of_text(choices);
	size_t column = sizeof "One of" - 1;
	writer_text(w, "One of");
	while (rest.ptr != NULL) {
		struct view choice = view_cut(&rest, ' ');
		bool wrap = column + choice.len + 2 > COLUMNS;
		writer_text(w, wrap ? "\n" : " ");
		writer_bytes(w, choice);
		writer_text(w, rest.ptr != NULL ? "," : "");
		column = (wrap ? 0 : column + 1) + choice.len + 1;
	}
}

static void write_type(struct writer *w, const struct setting *row)
{
	static const char *const words[] = {
		[SETTING_TEXT] = "Text",
		[SETTING_WORD] = "A word of printable ASCII",
		[SETTING_ID] = "An id of 32 hex digits",
		[SETTING_PATH] = "An absolute path",
		[SETTING_PATHS] = "Absolute paths, with blanks between them",
		[SETTING_LISTEN] = "A numeric address and a port",
		[SETTING_USERS] = "User names or uids, separated by blanks",
		[SETTING_URI] = "A PKCS#11 URI",
		[SETTING_HTTP_URL] = "An http or https URL",
		[SETTING_PIN_SOURCE] = "file:PATH, fd:NUMBER or credential:NAME",
	};
	if (row->type == SETTING_INTEGER)
		writer_format(w, "A whole number, %lld to %lld", (long long)row->min,
			      (long long)row->max);
	else if (row->type == SETTING_CHOICE)
		write_choices(w, row->choices);
	else if ((size_t)row->type < ARRAY_LEN(words) && words[row->type] != NULL)
		writer_text(w, words[row->type]);
	else
		writer_fail(w, ERR(E_SETTINGS));
	if (row->initial[0] == '\0')
		writer_text(w, "; empty by default.\n");
	else
		writer_format(w, "; the default is\n.Ql %s .\n", row->initial);
}

/* The comment that stands right above "#<name> =" in [<section>] of holdfast.conf, as one line. */
static struct err find_comment(struct view text, const struct setting *row, struct buf *out)
{
	char begin[SETTINGS_TEXT_MAX], line_begin[SETTINGS_TEXT_MAX];
	TRY(text_format(begin, sizeof begin, "[%s]", row->section));
	TRY(text_format(line_begin, sizeof line_begin, "#%s =", row->name));
	bool inside = false;
	while (text.ptr != NULL) {
		struct view line = view_cut(&text, '\n');
		if (line.len > 0 && line.ptr[0] == '[')
			inside = view_equal_text(line, begin);
		else if (inside && view_starts_with(line, view_of_text(line_begin)))
			return out->len > 0 ? OK : ERR(E_SETTINGS);
		if (view_starts_with(line, VIEW_LITERAL("# ")))
			TRY(buf_append(out, view_part(line, 1, line.len)));
		else
			buf_clear(out);
	}
	return ERR(E_SETTINGS);
}

static struct err write_setting(struct writer *w, const struct setting *row, struct view comments)
{
	CLEANUP(buf_cleanup) struct buf comment;
	buf_init(&comment, PAGE_BYTES_MAX);
	struct err found = find_comment(comments, row, &comment);
	if (err_failed(found)) {
		(void)fprintf(stderr, "holdfast.conf does not explain %s in [%s]\n", row->name,
			      row->section);
		return found;
	}
	writer_format(w, ".It Ic %s\n", row->name);
	write_type(w, row);
	write_filled(w, buf_view(&comment));
	return OK;
}

static struct err write_settings(struct writer *w, struct view comments)
{
	const char *section = "";
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		if (!text_equal(section, row->section)) {
			writer_text(w, section[0] == '\0' ? "" : ".El\n");
			writer_format(w, ".Ss Section %s\n.Bl -tag -width Ds\n", row->section);
			section = row->section;
		}
		TRY(write_setting(w, row, comments));
	}
	writer_text(w, ".El\n");
	return OK;
}

static struct err make_page(char **paths)
{
	CLEANUP(buf_cleanup) struct buf template, comments, page;
	buf_init(&template, PAGE_BYTES_MAX);
	buf_init(&comments, PAGE_BYTES_MAX);
	buf_init(&page, PAGE_BYTES_MAX);
	TRY(page_file_read(paths[ARGUMENT_TEMPLATE], &template));
	TRY(page_file_read(paths[ARGUMENT_SETTINGS], &comments));
	struct writer w;
	writer_init_buf(&w, &page);
	bool marked = false;
	for (struct view rest = buf_view(&template); rest.len > 0;) {
		struct view line = view_cut(&rest, '\n');
		bool mark = view_equal_text(line, MARK);
		if (mark)
			TRY(write_settings(&w, buf_view(&comments)));
		else
			writer_bytes(&w, line), writer_text(&w, "\n");
		marked |= mark;
	}
	TRY(writer_end(&w));
	REQUIRE(marked, E_FORMAT);
	return page_file_write(paths[ARGUMENT_PAGE], buf_view(&page));
}

int main(int argc, char **argv)
{
	if (argc != ARGUMENTS) {
		(void)fputs("usage: settings_page TEMPLATE HOLDFAST_CONF PAGE\n", stderr);
		return 2;
	}
	struct err made = make_page(argv);
	if (!err_failed(made))
		return 0;
	(void)fprintf(stderr, "settings_page: %s: %s\n", argv[ARGUMENT_PAGE], err_meaning(made));
	return 1;
}
