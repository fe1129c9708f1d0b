/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast: the operator's command. Finds the command and its options; the rest is in cmd_*.c. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "codec/json.h"
#include "config/settings.h"

static const char head[] = "Usage: holdfast COMMAND [--json] [--socket PATH | --config FILE]\n"
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
			   "\n";

enum option_id { OPTION_JSON = 1, OPTION_SOCKET, OPTION_CONFIG, OPTION_HELP, OPTION_VERSION };

static const struct option options[] = {
	{"json", no_argument, NULL, OPTION_JSON},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

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

static enum exit_status wrong_usage(void)
{
	(void)fputs("See holdfast --help.\n", stderr);
	return EXIT_USAGE;
}

static enum exit_status unknown_command(const char *name)
{
	const struct command *meant = command_suggest(name);
	(void)fprintf(stderr, "holdfast: there is no command %s.", name);
	if (meant != NULL)
		(void)fprintf(stderr, " Did you mean %s?", meant->name);
	(void)fputc('\n', stderr);
	return wrong_usage();
}

static enum exit_status run_command(int argc, char **argv, const struct command_context *context)
{
	if (optind >= argc) {
		(void)print_help();
		return EXIT_USAGE;
	}
	const struct command *command = command_find(argv[optind]);
	if (command == NULL)
		return unknown_command(argv[optind]);
	if (optind + 1 < argc) {
		(void)fprintf(stderr, "holdfast: %s takes no %s.\n", command->name,
			      argv[optind + 1]);
		return wrong_usage();
	}
	if (err_failed(json_start()))
		return EXIT_DEFECT;
	return command->run(context);
}

/* -1: go on. */
static int take_option(int id, struct command_context *context)
{
	switch (id) {
	case OPTION_JSON:
		context->json = true;
		return -1;
	case OPTION_SOCKET:
		context->socket = optarg;
		return -1;
	case OPTION_CONFIG:
		context->config = optarg;
		return -1;
	case OPTION_HELP:
		return (int)print_help();
	case OPTION_VERSION:
		return puts("holdfast " HOLDFAST_VERSION) < 0 ? EXIT_DEFECT : EXIT_DONE;
	default:
		return (int)wrong_usage();
	}
}

/*
 * Finds the socket. A file that was named must be right; the usual one helps when it can be read,
 * and what is wrong with it is for the command to tell. -1: go on.
 */
static int take_settings(struct command_context *context, struct settings *settings)
{
	static char fault[SETTINGS_MESSAGE_MAX];
	bool named = context->config != NULL;
	if (!named)
		context->config = SETTINGS_PATH_DEFAULT;
	bool readable = access(context->config, R_OK) == 0;
	context->settings_read =
		(named || readable) && !err_failed(settings_read(context->config, settings, fault));
	if (!context->settings_read && fault[0] != '\0')
		context->settings_fault = fault;
	if (named && !context->settings_read) {
		(void)fprintf(stderr, "holdfast: %s\n", fault);
		return EXIT_SETTINGS;
	}
	if (context->socket == NULL)
		context->socket = settings->admin.socket;
	return -1;
}

int main(int argc, char **argv)
{
	static struct settings settings;
	static char name[] = "holdfast"; /* for getopt's messages: without the path */
	if (argc > 0)
		argv[0] = name;
	settings_defaults(&settings);
	struct command_context context = {.settings = &settings};
	for (int id; (id = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		int status = take_option(id, &context);
		if (status >= 0)
			return status;
	}
	int status = take_settings(&context, &settings);
	return status >= 0 ? status : (int)run_command(argc, argv, &context);
}
