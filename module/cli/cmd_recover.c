/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast recover: in front of holdfastd --recover, which works while the service is stopped. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

#define PATH_MAX_BYTES 4096
#define WORDS_MAX 16

static const struct argument arguments[] = {
	ARGUMENT_OPTION("restore", NULL, "FILE", ARGUMENT_TEXT,
			"a backup in the place of the store (holdfast backup)"),
	ARGUMENT_OPTION("accept", NULL, "CODE", ARGUMENT_TEXT,
			"take it as the report with this code describes it"),
	ARGUMENT_OPTION("accept-token", NULL, NULL, ARGUMENT_FLAG,
			"let this token be the installation's: a copy or clone of it"),
	ARGUMENT_OPTION("discard-refused", NULL, NULL, ARGUMENT_FLAG,
			"remove the rows that do not carry their seal"),
	ARGUMENTS_END};

/* Beside this program, as in a build; else where packages have it: beside bin, in sbin. */
static struct err find_daemon(char out[PATH_MAX_BYTES])
{
	static const char *const places[] = {"holdfastd", "../sbin/holdfastd"};
	char own[PATH_MAX_BYTES];
	ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
	REQUIRE(len > 0, E_SYSTEM);
	own[len] = '\0';
	char *slash = strrchr(own, '/');
	REQUIRE(slash != NULL, E_SYSTEM);
	*slash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		TRY(text_format(out, PATH_MAX_BYTES, "%s/%s", own, places[i]));
		if (access(out, X_OK) == 0)
			return OK;
	}
	return ERR(E_NOT_FOUND);
}

/* It reads the settings for itself, and ends with a status of its own. */
static enum exit_status run(const struct command_context *context, const struct command_call *call)
{
	char daemon[PATH_MAX_BYTES];
	const char *words[WORDS_MAX] = {daemon, "--config", context->config, "--recover"};
	size_t count = 4;
	static const char *const texts[] = {"restore", "accept"};
	static const char *const options[] = {"--restore", "--accept"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (arguments_text(call->arguments, texts[i]) == NULL)
			continue;
		words[count++] = options[i];
		words[count++] = arguments_text(call->arguments, texts[i]);
	}
	if (arguments_flag(call->arguments, "accept-token"))
		words[count++] = "--accept-token";
	if (arguments_flag(call->arguments, "discard-refused"))
		words[count++] = "--discard-refused";
	if (context->json)
		words[count++] = "--json";
	if (err_failed(find_daemon(daemon))) {
		(void)fputs("holdfast: holdfastd is not beside this program; run holdfastd "
			    "--recover yourself.\n",
			    stderr);
		return EXIT_OS;
	}
	(void)execv(daemon, (char *const *)(uintptr_t)words);
	(void)fprintf(stderr, "holdfast: %s cannot be run: %s\n", daemon, strerrordesc_np(errno));
	return EXIT_OS;
}

static const struct verb verbs[] = {
	{.name = "",
	 .summary = "whether store, token and audit log fit together; the service is stopped",
	 .arguments = arguments,
	 .run = run},
	VERBS_END};

const struct command cmd_recover = {
	.name = "recover",
	.summary = "the way back when store, token and audit log do not fit together",
	.verbs = verbs,
};
