/* SPDX-License-Identifier: Apache-2.0 */
#include "event/spool_text.h"

#include "base/text.h"
#include "codec/json.h"

void spool_text_put(struct writer *w, const struct queue_entry *entry)
{
	writer_format(w, "+ %lld ", (long long)entry->posted_ms);
	writer_text(w, entry->line);
	writer_u8(w, '\n');
}

void spool_text_gone(struct writer *w, const char *id)
{
	writer_format(w, "- %s\n", id);
}

static struct err put(struct queue *queue, int64_t posted_ms, struct view line, size_t *lost)
{
	CLEANUP(json_free) struct json *document = NULL;
	struct err e = json_parse(line, &document);
	if (err_failed(e))
		return err_is(e, E_NOMEM) ? e : ERR(E_FORMAT);
	struct view id = json_string_of(json_member(document, "id"));
	REQUIRE(id.len == EVENT_ID_LEN, E_FORMAT);
	/* It goes into a header of HTTP. */
	for (size_t i = 0; i < id.len; i++)
		REQUIRE(id.ptr[i] > ' ' && id.ptr[i] < 0x7f && id.ptr[i] != '"', E_FORMAT);
	if (queue->count == queue->cap) {
		queue_pop(queue);
		(*lost)++;
	}
	return queue_put(queue, id, posted_ms, line);
}

/* One that had no room was the oldest: its end may still be told. */
static struct err gone(struct queue *queue, struct view id, size_t *lost)
{
	const struct queue_entry *oldest = queue_at(queue, 0);
	if (oldest != NULL && view_equal_text(id, oldest->id)) {
		queue_pop(queue);
		return OK;
	}
	REQUIRE(*lost > 0, E_FORMAT);
	(*lost)--;
	return OK;
}

static struct err read_line(struct view line, struct queue *queue, size_t *lost)
{
	int64_t posted_ms = 0;
	struct view rest = view_part(line, 2, line.len);
	REQUIRE(line.len > 2 && line.len <= SPOOL_LINE_MAX && line.ptr[1] == ' ', E_FORMAT);
	if (line.ptr[0] == '-')
		return gone(queue, rest, lost);
	REQUIRE(line.ptr[0] == '+', E_FORMAT);
	struct view number = view_cut(&rest, ' ');
	REQUIRE(!err_failed(text_parse_integer(number, 0, INT64_MAX, &posted_ms)), E_FORMAT);
	REQUIRE(rest.len <= EVENT_LINE_MAX, E_FORMAT);
	return put(queue, posted_ms, rest, lost);
}

NODISCARD struct err spool_text_read(struct view bytes, struct queue *queue,
				     struct spool_text_result *out)
{
	*out = (struct spool_text_result){.whole = bytes.len};
	while (out->whole > 0 && bytes.ptr[out->whole - 1] != '\n')
		out->whole--;
	struct view rest = view_part(bytes, 0, out->whole);
	while (rest.len > 0)
		TRY(read_line(view_cut(&rest, '\n'), queue, &out->lost));
	return OK;
}
