/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast status: is the service well, and if not, what to do. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/status_text.h"
#include "client/client.h"

#define TEXT_MAX ((size_t)64 << 10)

static enum exit_status say_unreachable(const struct command_context *context, struct err e)
{
	bool denied = err_is(e, E_ACCESS_DENIED);
	(void)fprintf(stderr, "holdfast: %s: %s.\n", context->socket, err_meaning(e));
	(void)fprintf(stderr, "  -> %s\n",
		      denied ? "run it as root or as the service's user, or have allowed_users in "
			       "section [admin] name you"
			     : "start holdfastd, or name its socket with --socket");
	return denied ? EXIT_PERMISSION : EXIT_AWAY;
}

static void print(FILE *stream, struct view text)
{
	(void)fwrite(text.ptr, 1, text.len, stream);
}

/* The daemon's own words for a refusal. */
static enum exit_status say_refused(const struct client_reply *reply, const struct json *body)
{
	(void)fprintf(stderr, "holdfast: the service answers %u: ", reply->status);
	print(stderr, json_string_of(json_member(body, "__type")));
	(void)fputs(": ", stderr);
	print(stderr, json_string_of(json_member(body, "message")));
	(void)fprintf(stderr, "\n  (request %s)\n", reply->request_id);
	bool denied = view_equal_text(json_string_of(json_member(body, "__type")),
				      "AccessDeniedException");
	return denied ? EXIT_PERMISSION : EXIT_DEFECT;
}

static enum exit_status show(const struct command_context *context,
			     const struct client_reply *reply, const struct json *status)
{
	if (context->json) {
		print(stdout, buf_view(&reply->body));
		(void)putchar('\n');
		return status_text_is_well(status) ? EXIT_DONE : EXIT_UNWELL;
	}
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, TEXT_MAX);
	struct writer w;
	writer_init_buf(&w, &text);
	status_text_write(&w, status);
	if (err_failed(writer_end(&w)))
		return EXIT_DEFECT;
	print(stdout, buf_view(&text));
	return status_text_is_well(status) ? EXIT_DONE : EXIT_UNWELL;
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
		return say_unreachable(context, result);
	CLEANUP(json_free) struct json *body = NULL;
	if (err_failed(json_parse(buf_view(&reply.body), &body))) {
		(void)fprintf(stderr, "holdfast: %s does not speak the admin protocol (HTTP %u)\n",
			      context->socket, reply.status);
		return EXIT_DEFECT;
	}
	return reply.status == 200 ? show(context, &reply, body) : say_refused(&reply, body);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "is the service well, and if not, what to do",
	.run = run,
};
