/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as JSON: refused, or within the bounds and the same after being written and read again.
 * Any bytes as a string of a reply: the reply is JSON whatever they were.
 */
#include "base/text.h"
#include "codec/json.h"
#include "target.h"

#define WRITTEN_MAX ((size_t)32 << 20)

static size_t count_checked(const struct json *value, size_t depth);

static size_t count_members(const struct json *object, size_t depth)
{
	size_t tokens = 0, members = 0;
	struct view name;
	const struct json *value;
	for (size_t at = 0; json_next_member(object, &at, &name, &value); members++) {
		must(text_is_utf8(name) && view_find(name, 0) == name.len);
		tokens += 1 + count_checked(value, depth);
	}
	must(members == json_count(object));
	return tokens;
}

/* Values and names below, this one included; everything that json.h promises on the way. */
static size_t count_checked(const struct json *value, size_t depth)
{
	enum json_type type = json_type_of(value);
	struct view text = json_string_of(value);
	size_t tokens = 1;
	must(text_is_utf8(text) && view_find(text, 0) == text.len);
	if (type != JSON_TYPE_ARRAY && type != JSON_TYPE_OBJECT)
		return tokens;
	must(depth + 1 <= JSON_DEPTH_MAX);
	if (type == JSON_TYPE_OBJECT)
		return tokens + count_members(value, depth + 1);
	for (size_t i = 0; i < json_count(value); i++)
		tokens += count_checked(json_element(value, i), depth + 1);
	return tokens;
}

static void write_value(const struct json *value, struct buf *out)
{
	struct writer w;
	struct json_out json;
	writer_init_buf(&w, out);
	json_out_init(&json, &w);
	json_out_value(&json, NULL, value);
	must(!err_failed(json_out_end(&json)));
}

static void check_round_trip(const struct json *document)
{
	CLEANUP(buf_cleanup) struct buf first;
	CLEANUP(buf_cleanup) struct buf second;
	CLEANUP(json_free) struct json *again = NULL;
	buf_init(&first, WRITTEN_MAX);
	buf_init(&second, WRITTEN_MAX);
	write_value(document, &first);
	must(!err_failed(json_parse(buf_view(&first), &again)));
	write_value(again, &second);
	must(view_equal(buf_view(&first), buf_view(&second)));
}

static void check_text(struct view data)
{
	CLEANUP(buf_cleanup) struct buf out;
	CLEANUP(json_free) struct json *again = NULL;
	struct writer w;
	struct json_out json;
	buf_init(&out, WRITTEN_MAX);
	writer_init_buf(&w, &out);
	json_out_init(&json, &w);
	json_out_text(&json, NULL, data);
	must(!err_failed(json_out_end(&json)) && text_is_utf8(buf_view(&out)));
	struct err e = json_parse(buf_view(&out), &again);
	/* Only a NUL character is written and not read again. */
	must(view_find(data, 0) == data.len ? !err_failed(e) : err_is(e, E_FORMAT));
	if (!err_failed(e) && text_is_utf8(data))
		must(view_equal(json_string_of(again), data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_free) struct json *document = NULL;
	struct err e = json_parse(view_of(data, size), &document);
	must(err_failed(e) == (document == NULL));
	must(!err_is(e, E_BUG) && !err_is(e, E_NOMEM));
	if (document != NULL) {
		must(count_checked(document, 0) <= JSON_TOKENS_MAX);
		check_round_trip(document);
	}
	check_text(view_of(data, size));
	return 0;
}
