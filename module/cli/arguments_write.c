/* SPDX-License-Identifier: Apache-2.0 */
/* From what was given to the members of a request. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/arguments.h"

#define READ_AT_ONCE 4096

static struct err refuse(const struct argument_given *given, const char *why)
{
	const struct argument *row = given->row;
	(void)fprintf(stderr, "holdfast: %s%s %s: %s.\n", row->option != NULL ? "--" : "",
		      row->option != NULL ? row->option : row->value, given->text, why);
	return ERR(E_USAGE);
}

static void close_file(FILE **file)
{
	if (*file != NULL && *file != stdin)
		(void)fclose(*file);
}

static struct err read_file(const struct argument_given *given, struct buf *out)
{
	bool standard = text_equal(given->text, "-");
	CLEANUP(close_file) FILE *file = standard ? stdin : fopen(given->text, "re");
	if (file == NULL)
		return refuse(given, strerrordesc_np(errno));
	char piece[READ_AT_ONCE];
	for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
		if (err_failed(buf_append(out, view_of(piece, n))))
			return refuse(given, "the file is too large");
	if (ferror(file))
		return refuse(given, "the file cannot be read");
	if (!text_is_utf8(buf_view(out)))
		return refuse(given, "the file is not UTF-8 text");
	return OK;
}

static struct err write_file(const struct argument_given *given, struct json_out *out)
{
	CLEANUP(buf_cleanup) struct buf content;
	buf_init(&content, ARGUMENT_FILE_MAX);
	TRY(read_file(given, &content));
	json_out_text(out, given->row->member, buf_view(&content));
	return OK;
}

static struct err write_integer(const struct argument_given *given, struct json_out *out)
{
	int64_t value = 0;
	if (err_failed(text_parse_integer(view_of_text(given->text), 0, INT64_MAX, &value)))
		return refuse(given, "a number is wanted");
	json_out_integer(out, given->row->member, value);
	return OK;
}

/* K=V. */
static struct err split(const struct argument_given *given, struct view *name, struct view *value)
{
	struct view text = view_of_text(given->text);
	size_t equals = view_find(text, '=');
	if (equals == 0 || equals == text.len)
		return refuse(given, "NAME=VALUE is wanted");
	*name = view_part(text, 0, equals);
	*value = view_part(text, equals + 1, SIZE_MAX);
	return OK;
}

static struct err write_tag(const struct argument_given *given, struct json_out *out)
{
	struct view name, value;
	TRY(split(given, &name, &value));
	json_out_begin_object(out, NULL);
	json_out_text(out, "Key", name);
	json_out_text(out, "Value", value);
	json_out_end_object(out);
	return OK;
}

static struct err write_element(const struct argument_given *given, struct json_out *out)
{
	if (given->row->kind == ARGUMENT_TAGS)
		return write_tag(given, out);
	json_out_text(out, NULL, view_of_text(given->text));
	return OK;
}

static struct err write_list(const struct arguments *arguments, const struct argument *row,
			     struct json_out *out)
{
	json_out_begin_array(out, row->member);
	for (size_t i = 0; i < arguments->count; i++)
		if (arguments->given[i].row == row)
			TRY(write_element(&arguments->given[i], out));
	json_out_end_array(out);
	return OK;
}

/* Whether an earlier one has this name. */
static struct err is_repeated(const struct arguments *arguments, size_t at, bool *out)
{
	struct view name, value, other;
	TRY(split(&arguments->given[at], &name, &value));
	*out = false;
	for (size_t i = 0; i < at; i++) {
		if (arguments->given[i].row != arguments->given[at].row)
			continue;
		TRY(split(&arguments->given[i], &other, &value));
		*out |= view_equal(name, other);
	}
	return OK;
}

/* All values of the name of number `at`, in a member of their own. */
static struct err write_values(const struct arguments *arguments, size_t at, struct json_out *out)
{
	struct view name, value, other;
	char member[256];
	TRY(split(&arguments->given[at], &name, &value));
	if (err_failed(text_copy(member, sizeof member, name)))
		return refuse(&arguments->given[at], "the name is too long");
	json_out_begin_array(out, member);
	for (size_t i = at; i < arguments->count; i++) {
		if (arguments->given[i].row != arguments->given[at].row)
			continue;
		TRY(split(&arguments->given[i], &other, &value));
		if (view_equal(name, other))
			json_out_text(out, NULL, value);
	}
	json_out_end_array(out);
	return OK;
}

static struct err write_pair(const struct arguments *arguments, size_t at, struct json_out *out)
{
	const struct argument_given *given = &arguments->given[at];
	struct view name = VIEW_NONE, value = VIEW_NONE;
	bool repeated = false;
	TRY(is_repeated(arguments, at, &repeated));
	if (given->row->kind == ARGUMENT_VALUES)
		return repeated ? OK : write_values(arguments, at, out);
	if (repeated)
		return refuse(given, "the name stands twice");
	TRY(split(given, &name, &value));
	json_out_named_text(out, name, value);
	return OK;
}

static struct err write_object(const struct arguments *arguments, const struct argument *row,
			       struct json_out *out)
{
	json_out_begin_object(out, row->member);
	for (size_t i = 0; i < arguments->count; i++)
		if (arguments->given[i].row == row)
			TRY(write_pair(arguments, i, out));
	json_out_end_object(out);
	return OK;
}

static struct err write_one(const struct arguments *arguments, const struct argument_given *given,
			    struct json_out *out)
{
	switch (given->row->kind) {
	case ARGUMENT_FLAG:
		json_out_bool(out, given->row->member, true);
		return OK;
	case ARGUMENT_TEXT:
		json_out_text(out, given->row->member, view_of_text(given->text));
		return OK;
	case ARGUMENT_INTEGER:
		return write_integer(given, out);
	case ARGUMENT_FILE:
		return write_file(given, out);
	case ARGUMENT_LIST:
	case ARGUMENT_TAGS:
		return write_list(arguments, given->row, out);
	case ARGUMENT_MAP:
	case ARGUMENT_VALUES:
		return write_object(arguments, given->row, out);
	default:
		return ERR(E_BUG);
	}
}

/* Of what was given twice the last counts. */
NODISCARD struct err arguments_write(const struct arguments *arguments,
				     const struct argument *table, struct json_out *out)
{
	for (size_t i = 0; i < arguments->count; i++)
		if (arguments->given[i].row->implies != NULL)
			json_out_text(out, "Kind", view_of_text(arguments->given[i].row->implies));
	for (const struct argument *row = table; !arguments_end(row); row++) {
		const struct argument_given *last = NULL;
		for (size_t i = 0; i < arguments->count; i++)
			if (arguments->given[i].row == row)
				last = &arguments->given[i];
		if (last != NULL && row->member != NULL)
			TRY(write_one(arguments, last, out));
	}
	return OK;
}
