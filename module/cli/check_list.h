/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of things that were looked at, in groups: what was found, and what to do about it. The JSON
 * is that of the admin operation Status, with a Group in each row; status_text.h shows it.
 */
#ifndef HOLDFAST_CLI_CHECK_LIST_H
#define HOLDFAST_CLI_CHECK_LIST_H

#include "cli/command.h"
#include "codec/json.h"

enum check_level {
	CHECK_OK,
	CHECK_UNKNOWN, /* could not be looked at, and the row says why */
	CHECK_WARNING,
	CHECK_FAILURE,
};

struct check_list {
	struct buf text;
	struct writer w;
	struct json_out out;
	const char *group; /* of the rows that come; static */
	enum check_level worst;
	size_t count[CHECK_FAILURE + 1];
};

/* An open list, which must stay where it is; check_list_cleanup(). */
void check_list_init(struct check_list *list);
void check_list_cleanup(struct check_list *list);

struct check_head {
	const char *name;
	enum check_level level;
	const char *remedy; /* NULL or "": none; kept unless the level is OK */
};

/* Adds a row; `format` makes its detail, and one that is too long is cut. */
void check_list_put(struct check_list *list, const struct check_head *head, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* check_add(list, name, level, remedy, format, ...) */
#define check_add(list_, name_, level_, remedy_, ...)                                     \
	check_list_put((list_), &(const struct check_head){(name_), (level_), (remedy_)}, \
		       __VA_ARGS__)

/* A row of the admin operation Status, as it came. */
void check_list_copy(struct check_list *list, const struct json *row);

/* Ends the list; `verdicts` by level, said first. Then the text is the whole JSON. */
NODISCARD struct err check_list_end(struct check_list *list,
				    const char *const verdicts[CHECK_FAILURE + 1]);

/* For people or, with --json, as it is; answers EXIT_DONE, EXIT_WARNING or EXIT_UNWELL, by the
 * worst row. */
enum exit_status check_list_print(const struct command_context *context, struct check_list *list);

#endif
