/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast access-key: long-lived credentials of users, services and accounts' roots. */
#include <stdio.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/profile.h"
#include "cli/request.h"

#define STATUS_MAX ((size_t)1 << 20)
#define ENDPOINT_MAX 640

#define OWNER                                                                   \
	{.option = "user",                                                      \
	 .member = "Name",                                                      \
	 .value = "USER",                                                       \
	 .kind = ARGUMENT_TEXT,                                                 \
	 .help = "whose",                                                       \
	 .implies = "user"},                                                    \
		{.option = "service",                                           \
		 .member = "Name",                                              \
		 .value = "SERVICE",                                            \
		 .kind = ARGUMENT_TEXT,                                         \
		 .help = "whose: rds.us-east-1.amazonaws.com",                  \
		 .implies = "service"},                                         \
		{.option = "root",                                              \
		 .member = "Name",                                              \
		 .value = "ACCOUNT",                                            \
		 .kind = ARGUMENT_TEXT,                                         \
		 .help = "the root of this account",                            \
		 .implies = "account"},                                         \
		ARGUMENT_OPTION("account", "Account", "ACCOUNT", ARGUMENT_TEXT, \
				"of the user; else the installation's")
#define ACCESS_KEY ARGUMENT_WORD("AccessKeyId", "ACCESS-KEY-ID", "AKIA...")

static const struct argument created[] = {
	OWNER,
	ARGUMENT_OPTION("profile", NULL, "NAME", ARGUMENT_TEXT,
			"keep it in a new profile of the AWS CLI, and show no secret"),
	ARGUMENT_OPTION("endpoint", NULL, "URL", ARGUMENT_TEXT,
			"of the profile; else from the settings file"),
	ARGUMENTS_END};
static const struct argument listed[] = {OWNER, ARGUMENTS_END};
static const struct argument updated[] = {
	ACCESS_KEY, ARGUMENT_WORD("Status", "STATUS", "Active or Inactive"), ARGUMENTS_END};
static const struct argument deleted[] = {ACCESS_KEY, ARGUMENTS_END};

static enum exit_status prepare(const struct command_call *call)
{
	const char *profile = arguments_text(call->arguments, "profile");
	return profile == NULL ? EXIT_DONE : exit_of(profile_check(view_of_text(profile)));
}

/* Where clients on this machine find the service. */
static struct err find_endpoint(const struct command_context *context, char out[ENDPOINT_MAX])
{
	const char *scheme = context->settings->tls.certificate[0] != '\0' ? "https" : "http";
	struct view listen = view_of_text(context->settings->server.listen);
	static const struct {
		struct view any, here;
	} anywhere[] = {
		{VIEW_LITERAL("0.0.0.0:"), VIEW_LITERAL("127.0.0.1:")},
		{VIEW_LITERAL("[::]:"), VIEW_LITERAL("[::1]:")},
	};
	for (size_t i = 0; i < ARRAY_LEN(anywhere); i++)
		if (view_starts_with(listen, anywhere[i].any))
			return text_format(out, ENDPOINT_MAX, "%s://%s%s", scheme,
					   (const char *)anywhere[i].here.ptr,
					   (const char *)listen.ptr + anywhere[i].any.len);
	return text_format(out, ENDPOINT_MAX, "%s://%s", scheme, context->settings->server.listen);
}

/* The key is made and its secret told but once: when it cannot be kept it is shown instead. */
static enum exit_status keep(const struct command_context *context, const char *name,
			     const struct command_call *call, const struct json *key)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(json_free) struct json *status = NULL;
	buf_init(&text, STATUS_MAX);
	char endpoint[ENDPOINT_MAX] = "", path[PROFILE_PATH_MAX] = "";
	enum exit_status asked =
		request_send(context, "Status", VIEW_LITERAL("{}"), &text, &status);
	if (asked != EXIT_DONE)
		return asked;
	const char *given = arguments_text(call->arguments, "endpoint");
	struct err e = find_endpoint(context, endpoint);
	if (err_failed(e))
		return exit_of(e);
	const struct json *installation = json_member(status, "Installation");
	const struct profile profile = {
		.name = view_of_text(name),
		.access_key_id = json_string_of(json_member(key, "AccessKeyId")),
		.secret_key = json_string_of(json_member(key, "SecretAccessKey")),
		.region = json_string_of(json_member(installation, "Region")),
		.endpoint = view_of_text(given != NULL ? given : endpoint),
	};
	e = profile_write(&profile, path);
	if (err_failed(e))
		return exit_of(e);
	(void)fprintf(context->json ? stderr : stdout,
		      "Access key %.*s is profile %s in %s.\n\n-> aws --profile %s sts "
		      "get-caller-identity\n",
		      (int)profile.access_key_id.len, (const char *)profile.access_key_id.ptr, name,
		      path, name);
	return EXIT_DONE;
}

static enum exit_status answer(const struct command_context *context,
			       const struct command_call *call, const struct json *said,
			       struct view json)
{
	const char *name = arguments_text(call->arguments, "profile");
	const struct json *key = json_member(said, "AccessKey");
	enum exit_status kept = name != NULL ? keep(context, name, call, key) : EXIT_DONE;
	if (name != NULL && kept == EXIT_DONE)
		return kept;
	enum exit_status printed = command_print(context, said, json);
	if (printed == EXIT_DONE && !context->json)
		(void)puts("\n-> The secret is told once: keep it.");
	return kept != EXIT_DONE ? kept : printed;
}

static const struct verb verbs[] = {{.name = "create",
				     .operation = "CreateAccessKey",
				     .summary = "make one, and tell its secret once",
				     .arguments = created,
				     .prepare = prepare,
				     .answer = answer},
				    {.name = "list",
				     .operation = "ListAccessKeys",
				     .summary = "those of one, and when they were last used",
				     .arguments = listed},
				    {.name = "update",
				     .operation = "UpdateAccessKey",
				     .summary = "switch one off or on",
				     .arguments = updated},
				    {.name = "delete",
				     .operation = "DeleteAccessKey",
				     .summary = "remove one: its next request is refused",
				     .arguments = deleted},
				    VERBS_END};

const struct command cmd_access_key = {
	.name = "access-key",
	.summary = "access keys of users, services and accounts' roots",
	.verbs = verbs,
};
