/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast: the operator's command. Finds the command and its options; the rest is in cmd_*.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "codec/json.h"
#include "config/settings.h"

static const char head[] = "Usage: holdfast COMMAND [VERB] [ARGUMENTS] [--json] [--socket PATH | "
			   "--config FILE]\n"
			   "\n"
			   "Talks to a running holdfastd over its admin socket.\n"
			   "\n"
			   "Commands:\n";
static const char tail[] = "\n"
			   "Options:\n"
			   "  --json         the answer as JSON, for programs\n"
			   "  --socket PATH  the admin socket (default: /run/holdfast/admin.sock)\n"
			   "  --config FILE  settings (default: " SETTINGS_PATH_DEFAULT ", "
			   "if readable)\n"
			   "  --version, --help\n"
			   "\n"
			   "holdfast COMMAND --help tells of one command.\n"
			   "\n";

static const char behind[] = "\nAlso --json, --socket PATH and --config FILE: holdfast --help.";

static const struct argument options[] = {
	{.option = "json", .kind = ARGUMENT_FLAG},
	{.option = "socket", .value = "PATH", .kind = ARGUMENT_TEXT},
	{.option = "config", .value = "FILE", .kind = ARGUMENT_TEXT},
	{.option = "help", .kind = ARGUMENT_FLAG},
	{.option = "version", .kind = ARGUMENT_FLAG},
	ARGUMENTS_END};

static enum exit_status print_help(void)
{
	(void)fputs(head, stdout);
	const struct command *row;
	for (size_t i = 0; (row = command_at(i)) != NULL; i++)
		(void)printf("  %-14s %s\n", row->name, row->summary);
	(void)fputs(tail, stdout);
	(void)fputs(exit_help, stdout);
	return EXIT_DONE;
}

/* A nameless verb is told by its first word, in capitals, which completion passes over. */
static void print_verb_line(const struct verb *verb)
{
	const char *name = verb->name[0] != '\0' ? verb->name : verb->arguments[0].value;
	(void)printf("  %-16s %s\n", name, verb->summary);
}

/* One command: its verbs in the form that completion reads, too. */
static enum exit_status print_command_help(const struct command *command)
{
	(void)printf("holdfast %s: %s\n\nCommands:\n", command->name, command->summary);
	for (const struct verb *verb = command->verbs; verb->name != NULL; verb++)
		print_verb_line(verb);
	(void)printf("\nholdfast %s VERB --help tells of one.\n", command->name);
	return EXIT_DONE;
}

static enum exit_status print_verb_help(const struct command *command, const struct verb *verb)
{
	(void)printf("Usage: holdfast %s%s%s", command->name, verb->name[0] != '\0' ? " " : "",
		     verb->name);
	arguments_print_usage(verb->arguments);
	(void)printf("\n\n%s\n\n", verb->summary);
	arguments_print_help(verb->arguments);
	(void)puts(behind);
	return EXIT_DONE;
}

static enum exit_status print_bare_help(const struct command *command)
{
	(void)printf("Usage: holdfast %s\n\n%s\n", command->name, command->summary);
	(void)puts(behind);
	return EXIT_DONE;
}

/* The nearest help: of the command and of its verb, once they are known. */
static enum exit_status wrong_usage(const struct command *command, const struct verb *verb)
{
	const char *name = command != NULL ? command->name : "";
	const char *of_it = verb != NULL ? verb->name : "";
	(void)fprintf(stderr, "See holdfast %s%s%s%s--help.\n", name, name[0] != '\0' ? " " : "",
		      of_it, of_it[0] != '\0' ? " " : "");
	return EXIT_USAGE;
}

static enum exit_status unknown(const struct command *command, const char *name, const char *meant)
{
	(void)fprintf(stderr, "holdfast: there is no %s %s.", command != NULL ? "verb" : "command",
		      name);
	if (meant != NULL)
		(void)fprintf(stderr, " Did you mean %s?", meant);
	(void)fputc('\n', stderr);
	return wrong_usage(command, NULL);
}

/*
 * Finds the socket. A file that was named must be right; the usual one helps when it can be read,
 * and what is wrong with it is for the command to tell.
 */
static enum exit_status take_settings(const struct arguments *arguments, bool any,
				      struct command_context *context, struct settings *settings)
{
	static char fault[SETTINGS_MESSAGE_MAX];
	context->json = arguments_flag(arguments, "json");
	context->socket = arguments_text(arguments, "socket");
	context->config = arguments_text(arguments, "config");
	bool named = context->config != NULL;
	if (!named)
		context->config = SETTINGS_PATH_DEFAULT;
	bool readable = access(context->config, R_OK) == 0;
	context->settings_read =
		(named || readable) && !err_failed(settings_read(context->config, settings, fault));
	if (!context->settings_read && fault[0] != '\0')
		context->settings_fault = fault;
	if (named && !context->settings_read && !any) {
		(void)fprintf(stderr, "holdfast: %s\n", fault);
		return EXIT_SETTINGS;
	}
	if (context->socket == NULL)
		context->socket = settings->admin.socket;
	return EXIT_DONE;
}

/*
 * The word behind the command. One with a nameless verb has it at once; where there are others
 * beside it (evidence), unless the word is the name of one of them.
 */
static enum exit_status find_verb(const struct command *command, struct argument_line *line,
				  struct arguments *arguments, const struct verb **out)
{
	const struct verb *nameless = command_verb(command, "");
	*out = nameless;
	if (nameless != NULL && command->verbs[1].name == NULL)
		return EXIT_DONE;
	if (err_failed(arguments_take_options(line, options, arguments)))
		return wrong_usage(command, NULL);
	if (line->at == line->argc) {
		*out = NULL;
		if (arguments_flag(arguments, "help"))
			return EXIT_DONE;
		(void)print_command_help(command);
		return EXIT_USAGE;
	}
	const char *name = line->argv[line->at];
	*out = command_verb(command, name);
	line->at += *out != NULL || nameless == NULL;
	if (*out == NULL)
		*out = nameless;
	if (*out != NULL)
		return EXIT_DONE;
	const struct verb *meant = command_suggest_verb(command, name);
	return unknown(command, name, meant != NULL ? meant->name : NULL);
}

static const struct argument nothing[] = {ARGUMENTS_END};

static enum exit_status run_command(const struct command *command, struct argument_line *line,
				    struct arguments *arguments)
{
	static struct settings settings;
	const struct verb *verb = NULL;
	if (command->verbs != NULL) {
		enum exit_status found = find_verb(command, line, arguments, &verb);
		if (found != EXIT_DONE)
			return found;
		if (verb == NULL)
			return print_command_help(command);
	}
	const struct argument *own = verb != NULL ? verb->arguments : nothing;
	if (err_failed(arguments_take_all(line, options, own, arguments)))
		return wrong_usage(command, verb);
	if (arguments_flag(arguments, "help"))
		return verb != NULL ? print_verb_help(command, verb) : print_bare_help(command);
	settings_defaults(&settings);
	struct command_context context = {.settings = &settings};
	enum exit_status ready =
		take_settings(arguments, command->any_settings, &context, &settings);
	if (ready != EXIT_DONE)
		return ready;
	if (err_failed(json_start()))
		return EXIT_DEFECT;
	const struct command_call call = {command, verb, arguments};
	if (verb == NULL)
		return command->run(&context);
	context.timeout_ms = verb->timeout_ms;
	return verb->run != NULL ? verb->run(&context, &call) : command_ask(&context, &call);
}

int main(int argc, char **argv)
{
	static struct arguments arguments;
	struct argument_line line = {.argc = argc, .argv = (const char *const *)argv, .at = 1};
	if (err_failed(arguments_take_options(&line, options, &arguments)))
		return (int)wrong_usage(NULL, NULL);
	if (arguments_flag(&arguments, "version"))
		return puts("holdfast " HOLDFAST_VERSION) < 0 ? EXIT_DEFECT : EXIT_DONE;
	if (line.at >= argc) {
		(void)print_help();
		return arguments_flag(&arguments, "help") ? EXIT_DONE : EXIT_USAGE;
	}
	const char *name = argv[line.at++];
	const struct command *command = command_find(name);
	if (command != NULL)
		return (int)run_command(command, &line, &arguments);
	const struct command *meant = command_suggest(name);
	return (int)unknown(NULL, name, meant != NULL ? meant->name : NULL);
}
