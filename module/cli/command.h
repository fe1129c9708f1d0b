/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `holdfast`: one file each (cmd_*.c), one row each (command.c). A command runs by
 * itself, or it has verbs; a verb is one admin operation, its arguments and what comes next.
 */
#ifndef HOLDFAST_CLI_COMMAND_H
#define HOLDFAST_CLI_COMMAND_H

#include "base/exit.h"
#include "cli/arguments.h"
#include "config/settings.h"

struct command_context {
	const char *socket;              /* of the daemon */
	bool json;                       /* the answer as it came */
	const char *config;              /* the settings file that was looked at */
	const struct settings *settings; /* from it, or the defaults */
	bool settings_read;              /* it was there and right */
	uint32_t timeout_ms;             /* for an answer; 0: the client's own */
	const char *settings_fault;      /* what is wrong with it; NULL: nothing, or not read */
};

struct verb;

struct command_call {
	const struct command *command;
	const struct verb *verb; /* NULL: the command has none */
	const struct arguments *arguments;
};

/* What must hold before the operation is asked. Anything but EXIT_DONE ends the command. */
typedef enum exit_status command_prepare_fn(const struct command_call *call);

/* What a verb does with the answer; NULL: it is printed. */
typedef enum exit_status command_answer_fn(const struct command_context *context,
					   const struct command_call *call,
					   const struct json *answer, struct view json);

/* What a verb does by itself, without the service. */
typedef enum exit_status command_run_fn(const struct command_context *context,
					const struct command_call *call);

struct verb {
	const char *name;
	const char *operation; /* Holdfast.<operation>; NULL: `run` does it */
	command_run_fn *run;   /* or NULL */
	const char *summary;
	const struct argument *arguments; /* arguments_end() at the end */
	const char *list;                 /* member of the answer that goes on in further pages */
	const char *next;                 /* said to people afterwards, or NULL: {Name} is what the
					     answer's only object has under that name; a
					     step a line */
	uint32_t timeout_ms;              /* of an answer that takes long; 0: the client's own */
	command_prepare_fn *prepare;      /* or NULL */
	command_answer_fn *answer;
};

struct command {
	const char *name;
	const char *summary;      /* one line, for --help */
	const char *kind;         /* member Kind of every request, or NULL */
	const struct verb *verbs; /* a row without name at the end; NULL: */
	enum exit_status (*run)(const struct command_context *context);
	bool any_settings; /* settings that are wrong are for it to tell of */
};

#define VERBS_END            \
	{                    \
		.name = NULL \
	}

/* The verb of that name, or NULL; the one that was probably meant, or NULL. A command of one verb
 * without a name (explain) has that one. */
const struct verb *command_verb(const struct command *command, const char *name);
const struct verb *command_suggest_verb(const struct command *command, const char *name);

/* The answer for people, or as it came. */
enum exit_status command_print(const struct command_context *context, const struct json *answer,
			       struct view json);

/* Asks the operation and tells the answer; lists to their end, unless --limit or --marker ask for
 * one page. */
enum exit_status command_ask(const struct command_context *context,
			     const struct command_call *call);

/* NULL when there is none. */
const struct command *command_find(const char *name);

/* The one that was probably meant, or NULL. */
const struct command *command_suggest(const char *name);

/* All of them, in order; NULL at the end. */
const struct command *command_at(size_t index);

extern const struct command cmd_status;
extern const struct command cmd_explain;
extern const struct command cmd_account, cmd_user, cmd_group, cmd_role, cmd_service, cmd_policy;
extern const struct command cmd_access_key;
extern const struct command cmd_session;
extern const struct command cmd_key;
extern const struct command cmd_clock;
extern const struct command cmd_audit;
extern const struct command cmd_store;
extern const struct command cmd_backup, cmd_recover;
extern const struct command cmd_doctor;
extern const struct command cmd_evidence;

#endif
