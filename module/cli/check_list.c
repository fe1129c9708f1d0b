/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_list.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/status_text.h"

#define LIST_MAX ((size_t)1 << 20)
#define DETAIL_MAX 1024

static const char *const names[] = {
	[CHECK_OK] = "ok",
	[CHECK_UNKNOWN] = "unknown",
	[CHECK_WARNING] = "warning",
	[CHECK_FAILURE] = "failure",
};

void check_list_init(struct check_list *list)
{
	*list = (struct check_list){.group = "", .worst = CHECK_OK};
	buf_init(&list->text, LIST_MAX);
	writer_init_buf(&list->w, &list->text);
	json_out_init(&list->out, &list->w);
	json_out_begin_object(&list->out, NULL);
	json_out_begin_array(&list->out, "Checks");
}

void check_list_cleanup(struct check_list *list)
{
	buf_cleanup(&list->text);
}

static void count(struct check_list *list, enum check_level level)
{
	list->worst = MAX_OF(list->worst, level);
	list->count[level]++;
}

static void put_row(struct check_list *list, const struct check_head *head, struct view detail)
{
	struct json_out *out = &list->out;
	count(list, head->level);
	json_out_begin_object(out, NULL);
	json_out_text(out, "Group", view_of_text(list->group));
	json_out_text(out, "Name", view_of_text(head->name));
	json_out_text(out, "Level", view_of_text(names[head->level]));
	json_out_text(out, "Detail", detail);
	if (head->level != CHECK_OK && head->remedy != NULL && head->remedy[0] != '\0')
		json_out_text(out, "Remedy", view_of_text(head->remedy));
	json_out_end_object(out);
}

void check_list_put(struct check_list *list, const struct check_head *head, const char *format, ...)
{
	char detail[DETAIL_MAX] = "";
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	put_row(list, head, view_of_text(detail));
}

/* What is not known is not well. */
static enum check_level level_of(const struct json *row)
{
	struct view level = json_string_of(json_member(row, "Level"));
	for (enum check_level i = CHECK_OK; i <= CHECK_FAILURE; i++)
		if (view_equal_text(level, names[i]))
			return i;
	return CHECK_FAILURE;
}

void check_list_copy(struct check_list *list, const struct json *row)
{
	static const char *const members[] = {"Name", "Level", "Detail", "Remedy"};
	struct json_out *out = &list->out;
	count(list, level_of(row));
	json_out_begin_object(out, NULL);
	json_out_text(out, "Group", view_of_text(list->group));
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_member(row, members[i]) != NULL)
			json_out_value(out, members[i], json_member(row, members[i]));
	json_out_end_object(out);
}

NODISCARD struct err check_list_end(struct check_list *list,
				    const char *const verdicts[CHECK_FAILURE + 1])
{
	json_out_end_array(&list->out);
	json_out_text(&list->out, "Status", view_of_text(names[list->worst]));
	json_out_text(&list->out, "Verdict", view_of_text(verdicts[list->worst]));
	json_out_end_object(&list->out);
	return json_out_end(&list->out);
}

static struct err render(const struct check_list *list, struct buf *text)
{
	CLEANUP(json_free) struct json *document = NULL;
	struct writer w;
	writer_init_buf(&w, text);
	TRY(json_parse(buf_view(&list->text), &document));
	status_text_write(&w, document, status_text_wants_colour());
	return writer_end(&w);
}

enum exit_status check_list_print(const struct command_context *context, struct check_list *list)
{
	static const enum exit_status statuses[] = {
		[CHECK_OK] = EXIT_DONE,
		[CHECK_UNKNOWN] = EXIT_WARNING,
		[CHECK_WARNING] = EXIT_WARNING,
		[CHECK_FAILURE] = EXIT_UNWELL,
	};
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, LIST_MAX);
	struct err e =
		context->json ? buf_append(&text, buf_view(&list->text)) : render(list, &text);
	if (!err_failed(e) && context->json)
		e = buf_append_text(&text, "\n");
	if (err_failed(e))
		return EXIT_DEFECT;
	bool printed = fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
	return printed ? statuses[list->worst] : EXIT_IO;
}
