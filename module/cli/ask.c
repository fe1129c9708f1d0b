/* SPDX-License-Identifier: Apache-2.0 */
/* A verb's way: arguments to a request, the answer to people or programs, a list to its end. */
#include <stdio.h>

#include "base/text.h"
#include "cli/answer_text.h"
#include "cli/request.h"

#define BODY_MAX ((size_t)256 << 10)
#define ANSWER_MAX ((size_t)4 << 20)
#define MARKER_MAX 1024
#define PAGES_MAX 4096 /* of a list that is told whole */
#define LIST_MAX ((size_t)256 << 20)

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

static enum exit_status print_text(const struct buf *text)
{
	bool printed = fwrite(text->ptr, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
	return printed ? EXIT_DONE : EXIT_IO;
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
	return err_failed(writer_end(&w)) ? EXIT_DEFECT : print_text(&text);
}

/* What comes next, with the names that this answer has, and in the account that was named. */
static enum exit_status print_next(const struct command_call *call, const struct json *answer)
{
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, ANSWER_MAX);
	struct writer w;
	const char *account = arguments_text(call->arguments, "account");
	struct view rest = view_of_text(call->verb->next);
	writer_init_buf(&w, &text);
	writer_text(&w, "\n");
	while (rest.ptr != NULL) {
		writer_text(&w, "-> ");
		answer_text_write_next(&w, view_cut(&rest, '\n'), answer);
		if (account != NULL)
			writer_format(&w, " --account %s", account);
		writer_text(&w, "\n");
	}
	return err_failed(writer_end(&w)) ? EXIT_DEFECT : print_text(&text);
}

static enum exit_status tell(const struct command_context *context, const struct command_call *call,
			     const struct page *page)
{
	struct view next = json_string_of(json_member(page->answer, "NextMarker"));
	if (call->verb->answer != NULL)
		return call->verb->answer(context, call, page->answer, buf_view(&page->text));
	enum exit_status status = command_print(context, page->answer, buf_view(&page->text));
	if (status != EXIT_DONE || context->json)
		return status;
	if (page->answer == NULL)
		(void)puts("Done.");
	if (next.len > 0)
		(void)printf("\n-> There are more: --marker %.*s\n", (int)next.len,
			     (const char *)next.ptr);
	return call->verb->next != NULL ? print_next(call, page->answer) : EXIT_DONE;
}

static enum exit_status ask_page(const struct command_context *context,
				 const struct command_call *call, struct page *page)
{
	struct err e = write_body(call, page);
	if (err_failed(e))
		return exit_of(e);
	json_free(&page->answer);
	buf_clear(&page->text);
	return request_send(context, call->verb->operation, buf_view(&page->body), &page->text,
			    &page->answer);
}

/* --- lists to their end --- */

struct pages {
	struct json *answers[PAGES_MAX];
	const struct json *lists[PAGES_MAX]; /* in them */
	size_t count;
};

static void pages_cleanup(struct pages *pages)
{
	for (size_t i = 0; i < pages->count; i++)
		json_free(&pages->answers[i]);
}

static void write_joined(const struct pages *pages, const char *name, struct json_out *out)
{
	json_out_begin_object(out, NULL);
	json_out_begin_array(out, name);
	for (size_t i = 0; i < pages->count; i++)
		for (size_t j = 0; j < json_count(pages->lists[i]); j++)
			json_out_value(out, NULL, json_element(pages->lists[i], j));
	json_out_end_array(out);
	json_out_bool(out, "Truncated", false);
	json_out_end_object(out);
}

static enum exit_status print_pages(const struct command_context *context,
				    const struct command_call *call, const struct pages *pages)
{
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, LIST_MAX);
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, &text);
	json_out_init(&out, &w);
	if (context->json) {
		write_joined(pages, call->verb->list, &out);
		writer_text(&w, "\n");
	} else {
		answer_text_write_lists(&w, pages->lists, pages->count);
	}
	return err_failed(writer_end(&w)) ? EXIT_DEFECT : print_text(&text);
}

/* Takes the page's answer. Whether another follows. */
static bool add_page(const struct command_call *call, struct page *page, struct pages *pages)
{
	size_t at = pages->count++;
	pages->answers[at] = TAKE(page->answer);
	pages->lists[at] = json_member(pages->answers[at], call->verb->list);
	struct view next = json_string_of(json_member(pages->answers[at], "NextMarker"));
	return next.len > 0 && !err_failed(text_copy(page->marker, sizeof page->marker, next));
}

static enum exit_status ask_list(const struct command_context *context,
				 const struct command_call *call, struct page *page,
				 struct pages *pages)
{
	for (bool more = true; more;) {
		if (pages->count == PAGES_MAX) {
			(void)fputs("holdfast: the list is too long to be shown whole: ask for "
				    "pages with --limit and --marker.\n",
				    stderr);
			return EXIT_DEFECT;
		}
		enum exit_status status = ask_page(context, call, page);
		if (status != EXIT_DONE)
			return status;
		more = add_page(call, page, pages);
	}
	return print_pages(context, call, pages);
}

static bool wants_all(const struct command_call *call)
{
	return call->verb->list != NULL && arguments_text(call->arguments, "limit") == NULL &&
	       arguments_text(call->arguments, "marker") == NULL;
}

enum exit_status command_ask(const struct command_context *context, const struct command_call *call)
{
	enum exit_status ready =
		call->verb->prepare != NULL ? call->verb->prepare(call) : EXIT_DONE;
	if (ready != EXIT_DONE)
		return ready;
	CLEANUP(page_cleanup) struct page page = {.marker = ""};
	CLEANUP(pages_cleanup) struct pages pages = {.count = 0};
	buf_init(&page.body, BODY_MAX);
	buf_init(&page.text, ANSWER_MAX);
	if (wants_all(call))
		return ask_list(context, call, &page, &pages);
	enum exit_status status = ask_page(context, call, &page);
	return status == EXIT_DONE ? tell(context, call, &page) : status;
}
