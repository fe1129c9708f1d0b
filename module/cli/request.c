/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/request.h"

#include <stdio.h>

#include "base/text.h"
#include "client/client.h"

#define TARGET_MAX 64

/* Names of errors that say that the request was at fault, and what it ends with. */
static const struct {
	const char *type;
	enum exit_status status;
} refusals[] = {
	{"AccessDeniedException", EXIT_PERMISSION}, {"ThrottlingException", EXIT_AWAY},
	{"DependencyTimeoutException", EXIT_AWAY},  {"KMSInternalException", EXIT_DEFECT},
	{"UnknownOperationException", EXIT_DEFECT},
};

static void say(struct view text)
{
	(void)fwrite(text.ptr, 1, text.len, stderr);
}

static enum exit_status say_away(const struct command_context *context, struct err why,
				 const char *detail)
{
	(void)fprintf(stderr, "holdfast: %s: %s%s%s.\n  -> %s; see: holdfast status\n",
		      context->socket, err_meaning(why), detail[0] != '\0' ? ": " : "", detail,
		      err_action(why));
	return exit_of(why);
}

static enum exit_status say_refused(const struct client_reply *reply, const struct json *body)
{
	struct view type = json_string_of(json_member(body, "__type"));
	struct view message = json_string_of(json_member(body, "message"));
	(void)fputs("holdfast: ", stderr);
	say(type.len > 0 ? type : VIEW_LITERAL("the service refuses"));
	if (message.len > 0)
		(void)fputs(": ", stderr);
	say(message);
	(void)fputc('\n', stderr);
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (view_equal_text(type, refusals[i].type))
			return refusals[i].status;
	return reply->status < 500 ? EXIT_REFUSED : EXIT_DEFECT;
}

enum exit_status request_send(const struct command_context *context, const char *operation,
			      struct view body, struct buf *text, struct json **answer)
{
	CLEANUP(client_close) struct client *client = NULL;
	CLEANUP(client_reply_cleanup) struct client_reply reply = {0};
	const struct client_options options = {.socket_path = context->socket,
					       .timeout_ms = context->timeout_ms};
	char target[TARGET_MAX], message[CLIENT_MESSAGE_MAX] = "";
	struct err e = text_format(target, sizeof target, "Holdfast.%s", operation);
	if (!err_failed(e))
		e = client_open(&options, &client);
	if (!err_failed(e))
		e = client_call(client, target, body, &reply, message);
	if (err_failed(e))
		return say_away(context, e, message);
	CLEANUP(json_free) struct json *document = NULL;
	bool readable =
		reply.body.len == 0 || !err_failed(json_parse(buf_view(&reply.body), &document));
	if (!readable) {
		(void)fprintf(stderr, "holdfast: %s does not speak the admin protocol (HTTP %u)\n",
			      context->socket, reply.status);
		return EXIT_DEFECT;
	}
	if (reply.status != 200)
		return say_refused(&reply, document);
	if (err_failed(buf_append(text, buf_view(&reply.body))))
		return EXIT_DEFECT;
	*answer = TAKE(document);
	return EXIT_DONE;
}
