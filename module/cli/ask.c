/* SPDX-License-Identifier: Apache-2.0 */
/* A verb's way: arguments to a request, the answer to people or programs, a list to its end. */
#include <stdio.h>

#include "base/text.h"
#include "cli/answer_text.h"
#include "cli/request.h"

#define BODY_MAX ((size_t)256 << 10)
#define ANSWER_MAX ((size_t)4 << 20)
#define MARKER_MAX 1024

struct page {
	char marker[MARKER_MAX + 1]; /* behind which it begins; "" at first */
	struct buf body;
	struct buf text;
	struct json *answer;
};

static void page_cleanup(struct page *page)
{
	buf_cleanup(&page->body);
	buf_cleanup(&page->text);
	json_free(&page->answer);
}

static struct err write_body(const struct command_call *call, struct page *page)
{
	struct writer w;
	struct json_out out;
	buf_clear(&page->body);
	writer_init_buf(&w, &page->body);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	if (call->command->kind != NULL)
		json_out_text(&out, "Kind", view_of_text(call->command->kind));
	TRY(arguments_write(call->arguments, call->verb->arguments, &out));
	if (page->marker[0] != '\0')
		json_out_text(&out, "Marker", view_of_text(page->marker));
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

enum exit_status command_print(const struct command_context *context, const struct json *answer,
			       struct view json)
{
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, ANSWER_MAX);
	struct writer w;
	writer_init_buf(&w, &text);
	if (context->json) {
		writer_bytes(&w, json.len > 0 ? json : VIEW_LITERAL("{}"));
		writer_text(&w, "\n");
	} else if (answer != NULL) {
		answer_text_write(&w, answer);
	}
	if (err_failed(writer_end(&w)))
		return EXIT_DEFECT;
	return fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0 ? EXIT_DONE
											: EXIT_IO;
}

static enum exit_status tell(const struct command_context *context, const struct command_call *call,
			     const struct page *page)
{
	if (call->verb->answer != NULL)
		return call->verb->answer(context, call, page->answer, buf_view(&page->text));
	enum exit_status status = command_print(context, page->answer, buf_view(&page->text));
	if (status == EXIT_DONE && !context->json && page->answer == NULL)
		(void)puts("Done.");
	if (status == EXIT_DONE && !context->json && call->verb->next != NULL)
		(void)printf("\n-> %s\n", call->verb->next);
	return status;
}

/* Whether there is another page for people; programs ask for theirs with --marker. */
static bool goes_on(const struct command_context *context, const struct command_call *call,
		    struct page *page)
{
	struct view next = json_string_of(json_member(page->answer, "NextMarker"));
	return call->verb->list != NULL && !context->json && next.len > 0 &&
	       !err_failed(text_copy(page->marker, sizeof page->marker, next));
}

enum exit_status command_ask(const struct command_context *context, const struct command_call *call)
{
	enum exit_status ready =
		call->verb->prepare != NULL ? call->verb->prepare(call) : EXIT_DONE;
	if (ready != EXIT_DONE)
		return ready;
	CLEANUP(page_cleanup) struct page page = {.marker = ""};
	buf_init(&page.body, BODY_MAX);
	buf_init(&page.text, ANSWER_MAX);
	do {
		struct err e = write_body(call, &page);
		if (err_failed(e))
			return exit_of(e);
		json_free(&page.answer);
		buf_clear(&page.text);
		enum exit_status status =
			request_send(context, call->verb->operation, buf_view(&page.body),
				     &page.text, &page.answer);
		if (status == EXIT_DONE)
			status = tell(context, call, &page);
		if (status != EXIT_DONE)
			return status;
	} while (goes_on(context, call, &page));
	return EXIT_DONE;
}
