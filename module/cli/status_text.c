/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_text.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

/* How a level looks. */
static const struct look {
	const char *level; /* as the status has it */
	const char *word;
	const char *colour;
	enum exit_status status;
} looks[] = {
	{"ok", "ok", "\033[32m", EXIT_DONE},
	{"unknown", "UNSEEN", "\033[33m", EXIT_WARNING},
	{"warning", "WARNING", "\033[33m", EXIT_WARNING},
	{"failure", "FAILED", "\033[31m", EXIT_UNWELL},
};

/* What is not known is not well. */
static const struct look *look_of(const struct json *part, const char *member)
{
	struct view level = json_string_of(json_member(part, member));
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		if (view_equal_text(level, looks[i].level))
			return &looks[i];
	return &looks[ARRAY_LEN(looks) - 1];
}

/* Text that came over the socket is shown on a terminal: printable ASCII only. */
static void put_text(struct writer *w, struct view text)
{
	for (size_t i = 0; i < text.len; i++)
		writer_u8(w, text.ptr[i] >= 0x20 && text.ptr[i] < 0x7f ? text.ptr[i] : '?');
}

static void put_padded(struct writer *w, struct view text, size_t width)
{
	put_text(w, text);
	for (size_t n = text.len; n < width; n++)
		writer_u8(w, ' ');
}

static void put_coloured(struct writer *w, const struct look *look, const char *text, size_t width,
			 bool colour)
{
	writer_text(w, colour ? look->colour : "");
	put_padded(w, view_of_text(text), width);
	writer_text(w, colour ? "\033[0m" : "");
}

static const struct json *check_at(const struct json *status, size_t index)
{
	return json_element(json_member(status, "Checks"), index);
}

static void put_verdict(struct writer *w, const struct json *status, bool colour)
{
	static const char *const verdicts[] = {
		[EXIT_DONE] = "Holdfast is well.",
		[EXIT_WARNING] = "Holdfast serves, and needs attention.",
		[EXIT_UNWELL] = "Holdfast is NOT WELL.",
	};
	const struct look *look = look_of(status, "Status");
	struct view own = json_string_of(json_member(status, "Verdict"));
	writer_text(w, colour ? look->colour : "");
	put_text(w, own.len > 0 ? own : view_of_text(verdicts[look->status]));
	writer_text(w, colour ? "\033[0m" : "");
	writer_text(w, "\n\n");
}

#define NAME_WIDTH 16 /* at least: "events endpoint" */
#define WORD_WIDTH 8

/* The longest name that there is, and a blank. */
static size_t name_width(const struct json *status)
{
	const struct json *check;
	size_t width = NAME_WIDTH;
	for (size_t i = 0; (check = check_at(status, i)) != NULL; i++)
		width = MAX_OF(width, json_string_of(json_member(check, "Name")).len + 1);
	return width;
}

/* next_remedy: of the row below in the same group; what is the same for all is said under the last.
 */
static void put_check(struct writer *w, const struct json *check, struct view next_remedy,
		      size_t width, bool colour)
{
	const struct look *look = look_of(check, "Level");
	writer_text(w, "  ");
	put_padded(w, json_string_of(json_member(check, "Name")), width);
	put_coloured(w, look, look->word, WORD_WIDTH, colour && look->status != EXIT_DONE);
	put_text(w, json_string_of(json_member(check, "Detail")));
	writer_text(w, "\n");
	struct view remedy = json_string_of(json_member(check, "Remedy"));
	if (remedy.len == 0 || view_equal(remedy, next_remedy))
		return;
	put_padded(w, VIEW_LITERAL(""), 2 + width);
	writer_text(w, "-> ");
	put_text(w, remedy);
	writer_text(w, "\n");
}

static struct view next_remedy(const struct json *status, size_t index)
{
	const struct json *here = check_at(status, index), *next = check_at(status, index + 1);
	if (!view_equal(json_string_of(json_member(here, "Group")),
			json_string_of(json_member(next, "Group"))))
		return VIEW_NONE;
	return json_string_of(json_member(next, "Remedy"));
}

/* A heading where the rows of a group begin. */
static void put_group(struct writer *w, const struct json *check, struct view *group)
{
	struct view name = json_string_of(json_member(check, "Group"));
	if (view_equal(name, *group))
		return;
	writer_text(w, group->len > 0 ? "\n" : "");
	put_text(w, name);
	writer_text(w, "\n");
	*group = name;
}

void status_text_write(struct writer *w, const struct json *status, bool colour)
{
	put_verdict(w, status, colour);
	const struct json *check;
	struct view group = VIEW_NONE;
	size_t width = name_width(status);
	for (size_t i = 0; (check = check_at(status, i)) != NULL; i++) {
		put_group(w, check, &group);
		put_check(w, check, next_remedy(status, i), width, colour);
	}
}

/* no-color.org: whoever sets NO_COLOR wants none. */
bool status_text_wants_colour(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && terminal != NULL &&
	       !text_equal(terminal, "dumb");
}

enum exit_status status_text_exit(const struct json *status)
{
	if (json_string_of(json_member(status, "Status")).len == 0)
		return EXIT_DEFECT;
	return look_of(status, "Status")->status;
}
