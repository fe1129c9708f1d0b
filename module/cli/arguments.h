/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as tables: a row says how an argument is written, what kind of value it has and
 * which member of the request it becomes. One parser and one writer serve every command.
 */
#ifndef HOLDFAST_CLI_ARGUMENTS_H
#define HOLDFAST_CLI_ARGUMENTS_H

#include "codec/json.h"

#define ARGUMENTS_GIVEN_MAX 128
#define ARGUMENT_FILE_MAX ((size_t)64 << 10) /* bytes of a document that is read from a file */

enum argument_kind {
	ARGUMENT_FLAG = 1, /* true */
	ARGUMENT_TEXT,
	ARGUMENT_INTEGER,
	ARGUMENT_FILE,   /* the file's content; "-" is standard input */
	ARGUMENT_LIST,   /* may be repeated: ["a", "b"] */
	ARGUMENT_TAGS,   /* K=V, may be repeated: [{"Key": K, "Value": V}] */
	ARGUMENT_MAP,    /* K=V, may be repeated: {K: V} */
	ARGUMENT_VALUES, /* K=V, may be repeated, with the same K too: {K: [V, V]} */
};

struct argument {
	const char *option; /* "account", of --account; NULL: a word, in the order of the rows */
	const char *member; /* of the request; NULL: for the command itself */
	const char *value;  /* as help calls it: ACCOUNT; NULL of a FLAG */
	enum argument_kind kind;
	bool required;
	const char *help;    /* one line */
	const char *implies; /* when given, member Kind of the request is this; of the rows that
				have one, which stand together, exactly one must be given. NULL:
				nothing */
};

/* Rows of a table: a word that must be there, an option that may or must be, the end. */
#define ARGUMENT_WORD(member_, value_, help_)                                                    \
	{                                                                                        \
		.member = (member_), .value = (value_), .kind = ARGUMENT_TEXT, .required = true, \
		.help = (help_),                                                                 \
	}
#define ARGUMENT_OPTION(option_, member_, value_, kind_, help_)                               \
	{                                                                                     \
		.option = (option_), .member = (member_), .value = (value_), .kind = (kind_), \
		.help = (help_),                                                              \
	}
#define ARGUMENT_NEEDED(option_, member_, value_, kind_, help_)                               \
	{                                                                                     \
		.option = (option_), .member = (member_), .value = (value_), .kind = (kind_), \
		.required = true, .help = (help_),                                            \
	}
#define ARGUMENTS_END          \
	{                      \
		.option = NULL \
	}

struct argument_given {
	const struct argument *row;
	const char *text; /* borrowed from argv; NULL of a FLAG */
};

struct arguments {
	struct argument_given given[ARGUMENTS_GIVEN_MAX];
	size_t count;
};

/* What stands on the command line. Tables end with a row without member, option and value. */
struct argument_line {
	int argc;
	const char *const *argv;
	int at; /* the next to be looked at */
};

/*
 * The options in front of the next word, from `table`; then line->at is the word, or argc.
 * E_USAGE, and what is wrong on standard error.
 */
NODISCARD struct err arguments_take_options(struct argument_line *line,
					    const struct argument *table, struct arguments *out);

/* Everything that is left: options of both tables, words of the second. E_USAGE likewise, also for
 * what is required and not there. */
NODISCARD struct err arguments_take_all(struct argument_line *line, const struct argument *global,
					const struct argument *own, struct arguments *out);

/* The text of the last that was given, or NULL. */
const char *arguments_text(const struct arguments *arguments, const char *option);
bool arguments_flag(const struct arguments *arguments, const char *option);
/* The word that help calls `value`, or NULL. */
const char *arguments_word(const struct arguments *arguments, const char *value);

/* The members of a request. E_USAGE for a value that cannot be, a file that cannot be read: said on
 * standard error. */
NODISCARD struct err arguments_write(const struct arguments *arguments,
				     const struct argument *table, struct json_out *out);

/* Words and options for help: "NAME --document FILE [--account ACCOUNT]", and a line for each. */
void arguments_print_usage(const struct argument *table);
void arguments_print_help(const struct argument *table);

static inline bool arguments_end(const struct argument *row)
{
	return row->member == NULL && row->option == NULL && row->value == NULL;
}

#endif
