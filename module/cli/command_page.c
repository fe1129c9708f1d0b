/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes holdfast(1) at build time: `command_page TEMPLATE PAGE`. The template is the page but for
 * its line MARK, where the commands go with their verbs and arguments, from the tables that the
 * program itself runs by.
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/writer.h"
#include "cli/command.h"
#include "config/page_file.h"

#define MARK ".\\\" @commands@"

enum { ARGUMENT_TEMPLATE = 1, ARGUMENT_PAGE, ARGUMENT_COUNT };

/* mdoc(7): a hyphen in an option's name is written as it is; the two in front are one of Fl's own
 * and one of ours. */
static void write_argument(struct writer *w, const struct argument *row, bool is_alternative)
{
	if (row->implies != NULL && is_alternative)
		writer_text(w, " |");
	bool bracketed = !row->required && row->implies == NULL;
	writer_text(w, bracketed ? " Oo" : "");
	if (row->option != NULL)
		writer_format(w, " Fl -%s", row->option);
	if (row->value != NULL)
		writer_format(w, " Ar %s", row->value);
	if (row->kind >= ARGUMENT_LIST)
		writer_text(w, " ...");
	writer_text(w, bracketed ? " Oc" : "");
}

static void write_meaning(struct writer *w, const struct argument *row)
{
	if (row->option != NULL)
		writer_format(w, ".It Fl -%s", row->option);
	else
		writer_format(w, ".It Ar %s", row->value);
	writer_format(w, "\n%s\n", row->help);
}

static void write_verb(struct writer *w, const struct command *command, const struct verb *verb)
{
	writer_format(w, ".It Cm %s%s%s", command->name, verb->name[0] != '\0' ? " " : "",
		      verb->name);
	for (const struct argument *row = verb->arguments; !arguments_end(row); row++)
		write_argument(w, row, row != verb->arguments && row[-1].implies != NULL);
	writer_format(w, "\n%s.\n", verb->summary);
	if (arguments_end(verb->arguments))
		return;
	writer_text(w, ".Bl -tag -width Ds -compact\n");
	for (const struct argument *row = verb->arguments; !arguments_end(row); row++)
		write_meaning(w, row);
	writer_text(w, ".El\n");
}

static void write_command(struct writer *w, const struct command *command)
{
	if (command->verbs == NULL)
		return; /* the template has it */
	writer_format(w, ".Ss holdfast %s\n%s.\n.Bl -tag -width Ds\n", command->name,
		      command->summary);
	for (const struct verb *verb = command->verbs; verb->name != NULL; verb++)
		write_verb(w, command, verb);
	writer_text(w, ".El\n");
}

static struct err write_page(struct view template, struct buf *page)
{
	struct writer w;
	const struct command *command;
	bool marked = false;
	writer_init_buf(&w, page);
	while (template.len > 0) {
		struct view line = view_cut(&template, '\n');
		if (!view_equal_text(line, MARK)) {
			writer_bytes(&w, line);
			writer_text(&w, "\n");
			continue;
		}
		marked = true;
		for (size_t i = 0; (command = command_at(i)) != NULL; i++)
			write_command(&w, command);
	}
	REQUIRE(marked, E_USAGE);
	return writer_end(&w);
}

static struct err run(char **argv)
{
	CLEANUP(buf_cleanup) struct buf template;
	CLEANUP(buf_cleanup) struct buf page;
	buf_init(&template, PAGE_BYTES_MAX);
	buf_init(&page, PAGE_BYTES_MAX);
	TRY(page_file_read(argv[ARGUMENT_TEMPLATE], &template));
	TRY(write_page(buf_view(&template), &page));
	return page_file_write(argv[ARGUMENT_PAGE], buf_view(&page));
}

int main(int argc, char **argv)
{
	if (argc != ARGUMENT_COUNT)
		return EXIT_USAGE;
	struct err e = run(argv);
	if (err_failed(e))
		(void)fprintf(stderr, "command_page: %s\n", err_name(e));
	return (int)exit_of(e);
}
