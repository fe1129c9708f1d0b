/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `holdfast`: one file each (cmd_*.c), one row each (command.c). */
#ifndef HOLDFAST_CLI_COMMAND_H
#define HOLDFAST_CLI_COMMAND_H

#include "base/exit.h"
#include "config/settings.h"

struct command_context {
	const char *socket;              /* of the daemon */
	bool json;                       /* the answer as it came */
	const char *config;              /* the settings file that was looked at */
	const struct settings *settings; /* from it, or the defaults */
	bool settings_read;              /* it was there and right */
	const char *settings_fault;      /* what is wrong with it; NULL: nothing, or not read */
};

struct command {
	const char *name;
	const char *summary; /* one line, for --help */
	enum exit_status (*run)(const struct command_context *context);
};

/* NULL when there is none. */
const struct command *command_find(const char *name);

/* The one that was probably meant, or NULL. */
const struct command *command_suggest(const char *name);

/* All of them, in order; NULL at the end. */
const struct command *command_at(size_t index);

extern const struct command cmd_status;

#endif
