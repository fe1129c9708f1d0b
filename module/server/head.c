/* SPDX-License-Identifier: Apache-2.0 */
#include "server/head.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

static struct view copied(struct writer *w, struct view bytes)
{
	uint8_t *room = writer_room(w, bytes.len);
	if (room == NULL)
		return VIEW_NONE;
	mem_copy(room, bytes.len, bytes.ptr, bytes.len);
	return view_of(room, bytes.len);
}

static struct err size_needed(struct view uri, const struct head_field *fields, size_t count,
			      size_t *out)
{
	size_t total = uri.len + 1;
	for (size_t i = 0; i < count; i++) {
		REQUIRE(!__builtin_add_overflow(total, fields[i].name.len, &total), E_BOUNDS);
		REQUIRE(!__builtin_add_overflow(total, fields[i].value.len, &total), E_BOUNDS);
	}
	*out = total;
	return OK;
}

NODISCARD struct err head_init(struct head *head, struct view uri, const struct head_field *fields,
			       size_t count)
{
	*head = (struct head){.content_length = HEAD_LENGTH_UNKNOWN, .count = count};
	size_t kept = MIN_OF(count, (size_t)SIGV4_HEADERS_MAX);
	size_t total = 0;
	TRY(size_needed(uri, fields, kept, &total));
	CLEANUP(mem_free_at) char *text = NULL;
	CLEANUP(mem_free_at) struct http_header *headers = NULL;
	TRY(MEM_NEW_ARRAY(total, &text));
	TRY(MEM_NEW_ARRAY(kept, &headers));
	struct writer w;
	writer_init(&w, text, total);
	struct view rest = copied(&w, uri);
	for (size_t i = 0; i < kept; i++) {
		headers[i].name = copied(&w, fields[i].name);
		headers[i].value = view_trim(copied(&w, fields[i].value));
	}
	TRY(writer_end(&w));
	head->path = view_cut(&rest, '?');
	head->query = rest.ptr ? rest : VIEW_NONE;
	head->text = TAKE(text);
	head->headers = TAKE(headers);
	return OK;
}

void head_cleanup(struct head *head)
{
	mem_free(TAKE(head->text));
	mem_free(TAKE(head->headers));
	*head = (struct head){.content_length = HEAD_LENGTH_UNKNOWN};
}

/* How often a header stands; *value is that of the first. */
static size_t find(const struct head *head, const char *name, struct view *value)
{
	struct view wanted = view_of_text(name);
	size_t found = 0;
	*value = VIEW_NONE;
	for (size_t i = 0; i < head->count; i++) {
		if (!view_equal_ignore_case(head->headers[i].name, wanted))
			continue;
		if (found == 0)
			*value = head->headers[i].value;
		found++;
	}
	return found;
}

static enum refusal check_length(struct head *head)
{
	struct view value;
	size_t found = find(head, "Content-Length", &value);
	if (found == 0)
		return REFUSAL_NONE;
	if (head->chunked)
		return REFUSAL_FRAMING_BOTH;
	if (found > 1 || err_failed(text_parse_integer(value, 0, INT64_MAX, &head->content_length)))
		return REFUSAL_FRAMING_LENGTH;
	return REFUSAL_NONE;
}

static enum refusal check_encoding(struct head *head, struct view version)
{
	struct view value;
	size_t found = find(head, "Transfer-Encoding", &value);
	if (found == 0)
		return REFUSAL_NONE;
	head->chunked = true;
	struct view length;
	if (find(head, "Content-Length", &length) > 0)
		return REFUSAL_FRAMING_BOTH;
	bool plain = found == 1 && view_equal_ignore_case(value, VIEW_LITERAL("chunked"));
	return plain && view_equal_text(version, "HTTP/1.1") ? REFUSAL_NONE
							     : REFUSAL_FRAMING_ENCODING;
}

/* The media type alone counts, not its parameters (RFC 9110 §8.3.1). */
static bool is_form(const struct head *head)
{
	struct view type, target;
	if (find(head, "Content-Type", &type) != 1 || find(head, "X-Amz-Target", &target) > 0)
		return false;
	return view_equal_ignore_case(view_trim(view_cut(&type, ';')),
				      VIEW_LITERAL("application/x-www-form-urlencoded"));
}

static enum refusal check_singles(struct head *head)
{
	struct view value;
	if (find(head, "Host", &value) != 1 || value.len == 0)
		return REFUSAL_HOST;
	if (find(head, "X-Amz-Target", &head->target) > 1)
		return REFUSAL_TARGET;
	(void)find(head, "User-Agent", &head->user_agent);
	head->form = is_form(head);
	return REFUSAL_NONE;
}

enum refusal head_check(struct head *head, struct view version)
{
	if (head->count > SIGV4_HEADERS_MAX)
		return REFUSAL_HEADERS;
	struct view expect;
	head->expects_continue = find(head, "Expect", &expect) > 0;
	enum refusal refusal = check_encoding(head, version);
	if (refusal == REFUSAL_NONE)
		refusal = check_length(head);
	if (refusal == REFUSAL_NONE)
		refusal = check_singles(head);
	return refusal;
}
