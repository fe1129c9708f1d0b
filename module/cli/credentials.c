/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/credentials.h"

#include <stdio.h>

#include "base/text.h"
#include "cli/profile.h"
#include "cli/request.h"

#define STATUS_MAX ((size_t)1 << 20)
#define ENDPOINT_MAX 640

enum exit_status credentials_prepare(const struct command_call *call)
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

/* They are made and told but once: when they cannot be kept they are shown instead. */
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
		.session_token = json_string_of(json_member(key, "SessionToken")),
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

enum exit_status credentials_answer(const struct command_context *context,
				    const struct command_call *call, const struct json *said,
				    struct view json)
{
	const char *name = arguments_text(call->arguments, "profile");
	const struct json *key = json_member(said, "AccessKey");
	if (key == NULL)
		key = json_member(said, "Credentials");
	enum exit_status kept = name != NULL ? keep(context, name, call, key) : EXIT_DONE;
	if (name != NULL && kept == EXIT_DONE)
		return kept;
	enum exit_status printed = command_print(context, said, json);
	if (printed == EXIT_DONE && !context->json)
		(void)printf("\n-> %s\n", call->verb->next);
	return kept != EXIT_DONE ? kept : printed;
}
