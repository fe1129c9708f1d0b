/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/text.h"

#define NAME_MAX_COMPARED 32
#define DISTANCE_MAX 3 /* more slips than this is another word */

static const struct command *const commands[] = {
	&cmd_status,
};

const struct command *command_at(size_t index)
{
	return index < ARRAY_LEN(commands) ? commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (text_equal(commands[i]->name, name))
			return commands[i];
	}
	return NULL;
}

/* Levenshtein's distance: letters added, left out or replaced. */
static size_t distance(struct view a, struct view b)
{
	size_t row[NAME_MAX_COMPARED + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
			diagonal = row[j];
			row[j] = MIN_OF(MIN_OF(row[j], row[j - 1]) + 1, replaced);
		}
	}
	return row[b.len];
}

const struct command *command_suggest(const char *name)
{
	const struct command *best = NULL;
	size_t least = DISTANCE_MAX + 1;
	struct view given = view_of_text(name);
	if (given.len == 0 || given.len > NAME_MAX_COMPARED)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		size_t d = distance(given, view_of_text(commands[i]->name));
		if (d < least && d < given.len) {
			least = d;
			best = commands[i];
		}
	}
	return best;
}
