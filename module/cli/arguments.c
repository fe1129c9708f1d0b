/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to rows with their values. What a row becomes in the request: arguments_write.c. */
#include "cli/arguments.h"

#include <stdio.h>

#include "base/text.h"

#define HELP_WIDTH 28 /* columns of "--option VALUE" */

static bool is_option(const char *text)
{
	return text[0] == '-' && text[1] == '-' && text[2] != '\0';
}

static const struct argument *find_option(const struct argument *table, struct view name)
{
	for (; table != NULL && !arguments_end(table); table++)
		if (table->option != NULL && view_equal_text(name, table->option))
			return table;
	return NULL;
}

static struct err keep(struct arguments *out, const struct argument *row, const char *text)
{
	if (out->count == ARGUMENTS_GIVEN_MAX) {
		(void)fputs("holdfast: too many arguments.\n", stderr);
		return ERR(E_USAGE);
	}
	out->given[out->count++] = (struct argument_given){.row = row, .text = text};
	return OK;
}

static struct err refuse(const char *why, struct view what)
{
	(void)fprintf(stderr, "holdfast: %s --%.*s.\n", why, (int)what.len, (const char *)what.ptr);
	return ERR(E_USAGE);
}

/* --name, --name VALUE and --name=VALUE. */
static struct err take_option(struct argument_line *line, const struct argument *first,
			      const struct argument *second, struct arguments *out)
{
	struct view text = view_of_text(line->argv[line->at++] + 2);
	size_t equals = view_find(text, '=');
	struct view name = view_part(text, 0, equals);
	const struct argument *row = find_option(first, name);
	if (row == NULL)
		row = find_option(second, name);
	if (row == NULL)
		return refuse("there is no option", name);
	if (row->kind == ARGUMENT_FLAG)
		return equals < text.len ? refuse("no value is wanted for", name)
					 : keep(out, row, NULL);
	if (equals < text.len)
		return keep(out, row, (const char *)text.ptr + equals + 1);
	if (line->at == line->argc)
		return refuse("a value is wanted behind", name);
	return keep(out, row, line->argv[line->at++]);
}

NODISCARD struct err arguments_take_options(struct argument_line *line,
					    const struct argument *table, struct arguments *out)
{
	while (line->at < line->argc && is_option(line->argv[line->at]))
		TRY(take_option(line, table, NULL, out));
	return OK;
}

static bool is_repeated(const struct argument *row)
{
	return row->kind >= ARGUMENT_LIST;
}

/* The next row that takes a word; a repeated one takes all that are left. */
static const struct argument *next_word(const struct argument **at)
{
	while (!arguments_end(*at) && (*at)->option != NULL)
		(*at)++;
	if (arguments_end(*at))
		return NULL;
	const struct argument *row = *at;
	if (!is_repeated(row))
		(*at)++;
	return row;
}

static struct err take_word(struct argument_line *line, const struct argument **words,
			    struct arguments *out)
{
	const char *text = line->argv[line->at++];
	const struct argument *row = next_word(words);
	if (row != NULL)
		return keep(out, row, text);
	(void)fprintf(stderr, "holdfast: %s is one word too many.\n", text);
	return ERR(E_USAGE);
}

/* How many of the rows that imply a kind there are, and how many were given. */
static void count_implied(const struct arguments *arguments, const struct argument *table,
			  size_t *rows, size_t *given)
{
	*rows = *given = 0;
	for (const struct argument *row = table; !arguments_end(row); row++)
		*rows += row->implies != NULL;
	for (size_t i = 0; i < arguments->count; i++)
		*given += arguments->given[i].row->implies != NULL;
}

static struct err check_implied(const struct arguments *arguments, const struct argument *table)
{
	size_t rows, given;
	count_implied(arguments, table, &rows, &given);
	if (rows == 0 || given == 1)
		return OK;
	(void)fputs("holdfast: exactly one is wanted of", stderr);
	for (const struct argument *row = table; !arguments_end(row); row++)
		if (row->implies != NULL)
			(void)fprintf(stderr, " --%s %s", row->option, row->value);
	(void)fputs(".\n", stderr);
	return ERR(E_USAGE);
}

static const struct argument_given *find_given(const struct arguments *arguments,
					       const struct argument *row)
{
	for (size_t i = arguments->count; i > 0; i--)
		if (arguments->given[i - 1].row == row)
			return &arguments->given[i - 1];
	return NULL;
}

static struct err check_required(const struct arguments *arguments, const struct argument *table)
{
	for (const struct argument *row = table; !arguments_end(row); row++) {
		if (!row->required || find_given(arguments, row) != NULL)
			continue;
		(void)fprintf(stderr, "holdfast: %s%s%s is missing: %s.\n",
			      row->option != NULL ? "--" : "",
			      row->option != NULL ? row->option : "",
			      row->option != NULL ? "" : row->value, row->help);
		return ERR(E_USAGE);
	}
	return check_implied(arguments, table);
}

NODISCARD struct err arguments_take_all(struct argument_line *line, const struct argument *global,
					const struct argument *own, struct arguments *out)
{
	const struct argument *words = own;
	bool only_words = false;
	while (line->at < line->argc) {
		const char *text = line->argv[line->at];
		if (!only_words && text_equal(text, "--")) {
			only_words = true;
			line->at++;
		} else if (!only_words && is_option(text)) {
			TRY(take_option(line, global, own, out));
		} else {
			TRY(take_word(line, &words, out));
		}
	}
	return arguments_flag(out, "help") ? OK : check_required(out, own);
}

static const struct argument_given *find_named(const struct arguments *arguments,
					       const char *option)
{
	for (size_t i = arguments->count; i > 0; i--) {
		const struct argument *row = arguments->given[i - 1].row;
		if (row->option != NULL && text_equal(row->option, option))
			return &arguments->given[i - 1];
	}
	return NULL;
}

const char *arguments_text(const struct arguments *arguments, const char *option)
{
	const struct argument_given *given = find_named(arguments, option);
	return given != NULL ? given->text : NULL;
}

const char *arguments_word(const struct arguments *arguments, const char *value)
{
	for (size_t i = 0; i < arguments->count; i++) {
		const struct argument *row = arguments->given[i].row;
		if (row->option == NULL && text_equal(row->value, value))
			return arguments->given[i].text;
	}
	return NULL;
}

bool arguments_flag(const struct arguments *arguments, const char *option)
{
	return find_named(arguments, option) != NULL;
}

void arguments_print_usage(const struct argument *table)
{
	for (const struct argument *row = table; !arguments_end(row); row++) {
		const char *open = row->required ? "" : "[", *close = row->required ? "" : "]";
		const char *more = is_repeated(row) ? "..." : "";
		if (row->implies != NULL)
			(void)printf("%s--%s %s%s",
				     row == table || row[-1].implies == NULL ? " {" : " | ",
				     row->option, row->value, row[1].implies == NULL ? "}" : "");
		else if (row->option == NULL)
			(void)printf(" %s%s%s%s", open, row->value, more, close);
		else if (row->value == NULL)
			(void)printf(" %s--%s%s", open, row->option, close);
		else
			(void)printf(" %s--%s %s%s%s", open, row->option, row->value, close, more);
	}
}

void arguments_print_help(const struct argument *table)
{
	for (const struct argument *row = table; !arguments_end(row); row++) {
		char shown[HELP_WIDTH * 2];
		const char *value = row->value != NULL ? row->value : "";
		struct err e = row->option == NULL
				       ? text_format(shown, sizeof shown, "%s", value)
				       : text_format(shown, sizeof shown, "--%s%s%s", row->option,
						     row->value != NULL ? " " : "", value);
		if (!err_failed(e))
			(void)printf("  %-*s %s\n", HELP_WIDTH, shown, row->help);
	}
}
