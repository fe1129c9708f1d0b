/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/text.h"

#define DISTANCE_MAX 3 /* more slips than this is another word */

static const struct command *const commands[] = {
	&cmd_status, &cmd_doctor, &cmd_evidence, &cmd_explain, &cmd_key,        &cmd_clock,
	&cmd_audit,  &cmd_store,  &cmd_backup,   &cmd_recover, &cmd_account,    &cmd_user,
	&cmd_group,  &cmd_role,   &cmd_policy,   &cmd_service, &cmd_access_key, &cmd_session,
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

/* Whether `name` is nearer to what was given than *least, which it becomes then. */
static bool is_nearer(const char *given, const char *name, size_t *least)
{
	size_t d = text_distance(view_of_text(given), view_of_text(name));
	if (d >= *least || d * 2 > view_of_text(given).len)
		return false;
	*least = d;
	return true;
}

const struct command *command_suggest(const char *name)
{
	const struct command *best = NULL;
	size_t least = DISTANCE_MAX + 1;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (is_nearer(name, commands[i]->name, &least))
			best = commands[i];
	return best;
}

const struct verb *command_verb(const struct command *command, const char *name)
{
	for (const struct verb *verb = command->verbs; verb->name != NULL; verb++)
		if (text_equal(verb->name, name))
			return verb;
	return NULL;
}

const struct verb *command_suggest_verb(const struct command *command, const char *name)
{
	const struct verb *best = NULL;
	size_t least = DISTANCE_MAX + 1;
	for (const struct verb *verb = command->verbs; verb->name != NULL; verb++)
		if (is_nearer(name, verb->name, &least))
			best = verb;
	return best;
}
