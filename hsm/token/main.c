/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast-token: the command line. */
#include <getopt.h>
#include <stdio.h>

#include "base/exit.h"
#include "base/text.h"
#include "hsm/token/init.h"
#include "hsm/token/orders.h"
#include "hsm/token/pin.h"
#include "hsm/token/pinchange.h"
#include "hsm/token/supervisor.h"
#include "hsm/token/worker.h"

enum command {
	COMMAND_RUN,
	COMMAND_CHECK,
	COMMAND_INIT,
	COMMAND_CHANGE_PIN,
	COMMAND_VERSION,
	COMMAND_HELP
};

struct command_line {
	enum command command;
	const char *config;
	struct init_options init;
	const char *new_pin;
};

static const char usage[] =
	"Usage: holdfast-token [--config FILE]\n"
	"       holdfast-token [--config FILE] --check\n"
	"       holdfast-token [--config FILE] --init-token --label LABEL [--pin-file FILE]\n"
	"                      [--so-pin-file FILE]\n"
	"       holdfast-token [--config FILE] --change-pin [--new-pin SOURCE] [--pin-file FILE]\n"
	"\n"
	"Serves the keys of one PKCS#11 token to holdfastd over a Unix socket. Runs in the\n"
	"foreground and logs to standard error.\n"
	"\n"
	"  --config FILE       settings (default: " SETTINGS_PATH_DEFAULT ")\n"
	"  --check             read the settings, say what is wrong with them, open nothing, end\n"
	"  --init-token        make a token in a free slot of the module; does nothing when a "
	"token\n"
	"                      of that label is there already\n"
	"  --label LABEL       its label, 1 to 32 bytes\n"
	"  --pin-file FILE     file of the user PIN; made with a random PIN when it is missing\n"
	"                      (default: the file that pin_source names)\n"
	"  --so-pin-file FILE  the same for the security officer's PIN (default: the name of the\n"
	"                      user's file with -so added)\n"
	"  --change-pin        give the token another user PIN and put it into the file of the "
	"PIN;\n"
	"                      holdfast-token must not be running. Interrupted, it is run again\n"
	"  --new-pin SOURCE    where the new PIN comes from: file:PATH, fd:N, ask (at the "
	"terminal;\n"
	"                      the default) or random (32 characters)\n"
	"  --version, --help\n"
	"\n"
	"SoftHSM finds its own settings through the environment variable SOFTHSM2_CONF.\n"
	"\n"
	"Signals: SIGTERM and SIGINT finish what is under way and end. SIGHUP reads settings and\n"
	"PIN again: what is wrong changes nothing, and the log names what waits for a restart.\n"
	"\n";

enum { OPTION_CONFIG = 1, OPTION_LABEL, OPTION_PIN, OPTION_SO_PIN, OPTION_NEW_PIN, OPTION_COMMAND };

static const struct option options[] = {
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"label", required_argument, NULL, OPTION_LABEL},
	{"pin-file", required_argument, NULL, OPTION_PIN},
	{"so-pin-file", required_argument, NULL, OPTION_SO_PIN},
	{"check", no_argument, NULL, OPTION_COMMAND + COMMAND_CHECK},
	{"init-token", no_argument, NULL, OPTION_COMMAND + COMMAND_INIT},
	{"new-pin", required_argument, NULL, OPTION_NEW_PIN},
	{"change-pin", no_argument, NULL, OPTION_COMMAND + COMMAND_CHANGE_PIN},
	{"version", no_argument, NULL, OPTION_COMMAND + COMMAND_VERSION},
	{"help", no_argument, NULL, OPTION_COMMAND + COMMAND_HELP},
	{NULL, 0, NULL, 0},
};

static bool refuse(const char *what, const char *value)
{
	(void)fprintf(stderr, "holdfast-token: %s%s\n", what, value);
	return false;
}

static bool command_take(struct command_line *line, enum command command)
{
	if (line->command != COMMAND_RUN)
		return refuse("--check, --init-token, --change-pin, --help and --version exclude "
			      "each other",
			      "");
	line->command = command;
	return true;
}

static bool option_take(struct command_line *line, int option)
{
	switch (option) {
	case OPTION_CONFIG:
		line->config = optarg;
		return true;
	case OPTION_LABEL:
		line->init.label = optarg;
		return true;
	case OPTION_PIN:
		line->init.pin_path = optarg;
		return true;
	case OPTION_SO_PIN:
		line->init.so_pin_path = optarg;
		return true;
	case OPTION_NEW_PIN:
		line->new_pin = optarg;
		return true;
	case OPTION_COMMAND + COMMAND_CHANGE_PIN:
	case OPTION_COMMAND + COMMAND_CHECK:
	case OPTION_COMMAND + COMMAND_INIT:
	case OPTION_COMMAND + COMMAND_VERSION:
	case OPTION_COMMAND + COMMAND_HELP:
		return command_take(line, (enum command)(option - OPTION_COMMAND));
	default:
		return false; /* getopt has said why */
	}
}

/* An option that a forgotten command would give a meaning is refused: without it the service would
 * start instead. */
static const char *misplaced(const struct command_line *line)
{
	bool init = line->command == COMMAND_INIT, change = line->command == COMMAND_CHANGE_PIN;
	if (!init && (line->init.label != NULL || line->init.so_pin_path != NULL))
		return "--label and --so-pin-file belong to --init-token";
	if (!change && line->new_pin != NULL)
		return "--new-pin belongs to --change-pin";
	if (!init && !change && line->init.pin_path != NULL)
		return "--pin-file belongs to --init-token or --change-pin";
	return NULL;
}

static bool parse(int argc, char **argv, struct command_line *line)
{
	*line = (struct command_line){.command = COMMAND_RUN, .config = SETTINGS_PATH_DEFAULT};
	int option = getopt_long(argc, argv, "", options, NULL);
	while (option != -1 && option_take(line, option))
		option = getopt_long(argc, argv, "", options, NULL);
	if (option != -1)
		return false;
	if (optind < argc)
		return refuse("nothing but options is taken; not ", argv[optind]);
	const char *what = misplaced(line);
	return what == NULL || refuse(what, "");
}

static int complain(const char *message)
{
	(void)fprintf(stderr, "holdfast-token: %s\n", message);
	return EXIT_SETTINGS;
}

static int check(const struct command_line *line, const struct settings *settings)
{
	static struct orders orders;
	char message[SETTINGS_MESSAGE_MAX] = "";
	if (err_failed(orders_from_settings(settings, &orders, message)) ||
	    err_failed(pin_source_check(settings->token.pin_source, message)))
		return complain(message);
	(void)printf("%s: the settings are right\n", line->config);
	return 0;
}

static int obey(const struct command_line *line)
{
	static struct settings settings;
	char message[SETTINGS_MESSAGE_MAX] = "";
	if (err_failed(settings_read(line->config, &settings, message)))
		return complain(message);
	if (line->command == COMMAND_CHECK)
		return check(line, &settings);
	if (line->command == COMMAND_INIT)
		return init_token(&settings, &line->init);
	if (line->command == COMMAND_CHANGE_PIN)
		return pinchange_main(
			&settings, &(struct pinchange_options){line->init.pin_path, line->new_pin});
	return supervisor_main(&settings, line->config);
}

int main(int argc, char **argv)
{
	/* The supervisor's own way of starting its worker. */
	if (argc == 2 && text_equal(argv[1], "--worker"))
		return worker_main();
	struct command_line line;
	static char name[] = "holdfast-token"; /* for getopt's messages: without the path */
	if (argc > 0)
		argv[0] = name;
	if (!parse(argc, argv, &line)) {
		(void)fputs("See holdfast-token --help.\n", stderr);
		return EXIT_USAGE;
	}
	if (line.command == COMMAND_HELP)
		return fputs(usage, stdout) < 0 || fputs(exit_help, stdout) < 0 ? EXIT_DEFECT
										: EXIT_DONE;
	if (line.command == COMMAND_VERSION)
		return printf("holdfast-token %s\n", HOLDFAST_VERSION) < 0 ? EXIT_DEFECT
									   : EXIT_DONE;
	return obey(&line);
}
