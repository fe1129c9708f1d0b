/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast status: is the service well, and if not, what to do. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/outside.h"
#include "cli/status_text.h"
#include "client/client.h"

#define TEXT_MAX ((size_t)1 << 20)

static void print(FILE *stream, struct view text)
{
	(void)fwrite(text.ptr, 1, text.len, stream);
}

static enum exit_status show(const struct command_context *context, struct view json)
{
	CLEANUP(json_free) struct json *status = NULL;
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, TEXT_MAX);
	struct writer w;
	writer_init_buf(&w, &text);
	if (err_failed(json_parse(json, &status)))
		return EXIT_DEFECT;
	if (context->json)
		writer_bytes(&w, json);
	else
		status_text_write(&w, status, status_text_wants_colour());
	if (context->json)
		writer_text(&w, "\n");
	if (err_failed(writer_end(&w)))
		return EXIT_DEFECT;
	print(stdout, buf_view(&text));
	return status_text_exit(status);
}

/* Nobody answers, or not to us: what can be seen from outside. */
static enum exit_status show_outside(const struct command_context *context, struct err why)
{
	CLEANUP(buf_cleanup) struct buf json;
	buf_init(&json, TEXT_MAX);
	struct writer w;
	writer_init_buf(&w, &json);
	outside_look(context, why, &w);
	if (err_failed(writer_end(&w)))
		return EXIT_DEFECT;
	(void)show(context, buf_view(&json));
	return err_is(why, E_ACCESS_DENIED) ? EXIT_PERMISSION : EXIT_AWAY;
}

/* The daemon's own words for a refusal. */
static enum exit_status say_refused(const struct command_context *context,
				    const struct client_reply *reply, const struct json *body)
{
	struct view type = json_string_of(json_member(body, "__type"));
	if (view_equal_text(type, "AccessDeniedException"))
		return show_outside(context, ERR(E_ACCESS_DENIED));
	(void)fprintf(stderr, "holdfast: the service answers %u: ", reply->status);
	print(stderr, type);
	(void)fputs(": ", stderr);
	print(stderr, json_string_of(json_member(body, "message")));
	(void)fprintf(stderr, "\n  (request %s)\n", reply->request_id);
	return EXIT_DEFECT;
}

static enum exit_status run(const struct command_context *context)
{
	CLEANUP(client_close) struct client *client = NULL;
	const struct client_options options = {.socket_path = context->socket};
	CLEANUP(client_reply_cleanup) struct client_reply reply = {0};
	char message[CLIENT_MESSAGE_MAX] = "";
	struct err result = client_open(&options, &client);
	if (!err_failed(result))
		result =
			client_call(client, "Holdfast.Status", VIEW_LITERAL("{}"), &reply, message);
	if (err_failed(result))
		return show_outside(context, result);
	CLEANUP(json_free) struct json *body = NULL;
	if (err_failed(json_parse(buf_view(&reply.body), &body))) {
		(void)fprintf(stderr, "holdfast: %s does not speak the admin protocol (HTTP %u)\n",
			      context->socket, reply.status);
		return EXIT_DEFECT;
	}
	return reply.status == 200 ? show(context, buf_view(&reply.body))
				   : say_refused(context, &reply, body);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "is the service well, and if not, what to do",
	.run = run,
};
