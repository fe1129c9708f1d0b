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

static void say_away(const struct command_context *context, const struct request_failure *why)
{
	(void)fprintf(stderr, "holdfast: %s: %s%s%s.\n  -> %s; see: holdfast status\n",
		      context->socket, err_meaning(why->error), why->message[0] != '\0' ? ": " : "",
		      why->message, err_action(why->error));
}

static void say(const struct command_context *context, const struct request_failure *why)
{
	if (err_is(why->error, E_FORMAT))
		(void)fprintf(stderr, "holdfast: %s does not speak the admin protocol (%s)\n",
			      context->socket, why->message);
	else if (err_failed(why->error))
		say_away(context, why);
	else
		(void)fprintf(stderr, "holdfast: %s%s%s\n",
			      why->type[0] != '\0' ? why->type : "the service refuses",
			      why->message[0] != '\0' ? ": " : "", why->message);
}

/* What does not fit is cut. */
static void keep(char *out, size_t cap, struct view text)
{
	(void)!err_failed(text_copy(out, cap, view_part(text, 0, cap - 1)));
}

static enum exit_status refused(const struct client_reply *reply, const struct json *body,
				struct request_failure *why)
{
	keep(why->type, sizeof why->type, json_string_of(json_member(body, "__type")));
	keep(why->message, sizeof why->message, json_string_of(json_member(body, "message")));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (text_equal(why->type, refusals[i].type))
			return refusals[i].status;
	return reply->status < 500 ? EXIT_REFUSED : EXIT_DEFECT;
}

static struct err call(const struct command_context *context, const struct request *request,
		       struct client_reply *reply, char message[CLIENT_MESSAGE_MAX])
{
	CLEANUP(client_close) struct client *client = NULL;
	const struct client_options options = {
		.socket_path = context->socket,
		.timeout_ms = request->timeout_ms != 0 ? request->timeout_ms : context->timeout_ms};
	char target[TARGET_MAX];
	TRY(text_format(target, sizeof target, "Holdfast.%s", request->operation));
	TRY(client_open(&options, &client));
	return client_call(client, target, request->body, reply, message);
}

enum exit_status request_try(const struct command_context *context, const struct request *request,
			     struct buf *text, struct json **answer, struct request_failure *why)
{
	CLEANUP(client_reply_cleanup) struct client_reply reply = {0};
	char message[CLIENT_MESSAGE_MAX] = "";
	*why = (struct request_failure){.error = OK};
	why->error = call(context, request, &reply, message);
	keep(why->message, sizeof why->message, view_of_text(message));
	if (err_failed(why->error))
		return exit_of(why->error);
	CLEANUP(json_free) struct json *document = NULL;
	bool readable =
		reply.body.len == 0 || !err_failed(json_parse(buf_view(&reply.body), &document));
	if (!readable) {
		why->error = ERR(E_FORMAT);
		(void)!err_failed(
			text_format(why->message, sizeof why->message, "HTTP %u", reply.status));
		return EXIT_DEFECT;
	}
	if (reply.status != 200)
		return refused(&reply, document, why);
	if (err_failed(buf_append(text, buf_view(&reply.body))))
		return EXIT_DEFECT;
	*answer = TAKE(document);
	return EXIT_DONE;
}

enum exit_status request_send(const struct command_context *context, const char *operation,
			      struct view body, struct buf *text, struct json **answer)
{
	struct request_failure why;
	const struct request request = {.operation = operation, .body = body};
	enum exit_status status = request_try(context, &request, text, answer, &why);
	if (status != EXIT_DONE)
		say(context, &why);
	return status;
}
