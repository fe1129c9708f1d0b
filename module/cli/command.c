/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/text.h"

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

const struct command *command_suggest(const char *name)
{
	const struct command *best = NULL;
	size_t least = DISTANCE_MAX + 1;
	struct view given = view_of_text(name);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		size_t d = text_distance(given, view_of_text(commands[i]->name));
		if (d < least && d < given.len) {
			least = d;
			best = commands[i];
		}
	}
	return best;
}
