/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `holdfast`: one file each (cmd_*.c), one row each (command.c). */
#ifndef HOLDFAST_CLI_COMMAND_H
#define HOLDFAST_CLI_COMMAND_H

#include "base/err.h"

/* Exit status of the program; documented in --help. */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_UNWELL = 1,   /* it answers, and something is wrong */
	COMMAND_USAGE = 64,   /* sysexits.h */
	COMMAND_AWAY = 69,    /* nobody answers */
	COMMAND_FAILED = 70,  /* what was answered cannot be used */
	COMMAND_DENIED = 77,  /* this user may not */
	COMMAND_SETTINGS = 78 /* the settings file is wrong */
};

struct command_context {
	const char *socket; /* of the daemon */
	bool json;          /* the answer as it came */
};

struct command {
	const char *name;
	const char *summary; /* one line, for --help */
	enum command_exit (*run)(const struct command_context *context);
};

/* NULL when there is none. */
const struct command *command_find(const char *name);

/* The one that was probably meant, or NULL. */
const struct command *command_suggest(const char *name);

/* All of them, in order; NULL at the end. */
const struct command *command_at(size_t index);

extern const struct command cmd_status;

#endif
