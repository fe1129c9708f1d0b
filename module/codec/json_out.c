/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: each call writes one name or value and whatever punctuation must stand before it. */
#include "codec/json.h"

#include "base/mem.h"
#include "base/text.h"
#include "codec/base64.h"
#include "codec/hex.h"

#define OUT_DEPTH_MAX 31 /* a bit each in `started` and `objects`; bit 0 is outside the root */
#define NUMBER_TEXT 40

static uint32_t bit_of(const struct json_out *out)
{
	return UINT32_C(1) << out->depth;
}

void json_out_init(struct json_out *out, struct writer *w)
{
	*out = (struct json_out){.w = w};
}

static void broken(struct json_out *out)
{
	writer_fail(out->w, ERR(E_BUG));
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_escape(struct writer *w, uint8_t c)
{
	static const char letters[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
					  {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if (c != (uint8_t)letters[i][0])
			continue;
		writer_u8(w, '\\');
		writer_u8(w, (uint8_t)letters[i][1]);
		return;
	}
	writer_format(w, "\\u%04x", c);
}

/* One character that cannot be copied as it is, or may not be; returns the bytes it took. */
static size_t put_special(struct writer *w, struct view text)
{
	static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */
	if (text.ptr[0] < 0x80) {
		put_escape(w, text.ptr[0]);
		return 1;
	}
	size_t n = text_character(text);
	writer_bytes(w, n > 0 ? view_part(text, 0, n) : VIEW_ARRAY(replacement));
	return MAX_OF(n, (size_t)1);
}

static size_t plain_run(struct view text)
{
	size_t plain = 0;
	while (plain < text.len && is_plain(text.ptr[plain]))
		plain++;
	return plain;
}

/* Most strings need no escape and go out in one piece. */
static void put_plain(struct writer *w, struct view text)
{
	uint8_t *at = writer_room(w, text.len + 2);
	if (at == NULL)
		return;
	at[0] = '"';
	mem_copy(at + 1, text.len, text.ptr, text.len);
	at[text.len + 1] = '"';
}

static void put_string(struct writer *w, struct view text)
{
	if (plain_run(text) == text.len) {
		put_plain(w, text);
		return;
	}
	writer_u8(w, '"');
	while (text.len > 0) {
		size_t plain = plain_run(text);
		writer_bytes(w, view_part(text, 0, plain));
		text = view_part(text, plain, text.len);
		if (text.len > 0)
			text = view_part(text, put_special(w, text), text.len);
	}
	writer_u8(w, '"');
}

/* What stands before a value: a comma, and the name where one belongs (name NULL: none). */
static void put_lead(struct json_out *out, const struct view *name)
{
	bool in_object = (out->objects & bit_of(out)) != 0;
	bool first = (out->started & bit_of(out)) == 0;
	if (in_object != (name != NULL) || (out->depth == 0 && !first)) {
		broken(out);
		return;
	}
	out->started |= bit_of(out);
	if (!first)
		writer_u8(out->w, ',');
	if (name == NULL)
		return;
	put_string(out->w, *name);
	writer_u8(out->w, ':');
}

static void put_lead_text(struct json_out *out, const char *name)
{
	struct view given = view_of_text(name);
	put_lead(out, name != NULL ? &given : NULL);
}

static void open_level(struct json_out *out, bool object)
{
	if (out->depth >= OUT_DEPTH_MAX) {
		broken(out);
		return;
	}
	writer_u8(out->w, object ? '{' : '[');
	out->depth++;
	out->started &= ~bit_of(out);
	out->objects = object ? out->objects | bit_of(out) : out->objects & ~bit_of(out);
}

static void close_level(struct json_out *out, bool object)
{
	bool in_object = (out->objects & bit_of(out)) != 0;
	if (out->depth == 0 || in_object != object) {
		broken(out);
		return;
	}
	out->depth--;
	writer_u8(out->w, object ? '}' : ']');
}

void json_out_begin_object(struct json_out *out, const char *name)
{
	put_lead_text(out, name);
	open_level(out, true);
}

void json_out_end_object(struct json_out *out)
{
	close_level(out, true);
}

void json_out_begin_array(struct json_out *out, const char *name)
{
	put_lead_text(out, name);
	open_level(out, false);
}

void json_out_end_array(struct json_out *out)
{
	close_level(out, false);
}

void json_out_text(struct json_out *out, const char *name, struct view text)
{
	put_lead_text(out, name);
	put_string(out->w, text);
}

void json_out_named_text(struct json_out *out, struct view name, struct view text)
{
	put_lead(out, &name);
	put_string(out->w, text);
}

static void put_integer(struct writer *w, int64_t value)
{
	writer_format(w, "%lld", (long long)value);
}

void json_out_integer(struct json_out *out, const char *name, int64_t value)
{
	put_lead_text(out, name);
	put_integer(out->w, value);
}

void json_out_bool(struct json_out *out, const char *name, bool value)
{
	put_lead_text(out, name);
	writer_text(out->w, value ? "true" : "false");
}

void json_out_null(struct json_out *out, const char *name)
{
	put_lead_text(out, name);
	writer_text(out->w, "null");
}

void json_out_base64(struct json_out *out, const char *name, struct view bytes)
{
	put_lead_text(out, name);
	writer_u8(out->w, '"');
	base64_encode(out->w, bytes);
	writer_u8(out->w, '"');
}

void json_out_hex(struct json_out *out, const char *name, struct view bytes)
{
	put_lead_text(out, name);
	writer_u8(out->w, '"');
	hex_encode(out->w, bytes);
	writer_u8(out->w, '"');
}

void json_out_time(struct json_out *out, const char *name, int64_t unix_ms)
{
	put_lead_text(out, name);
	/* In unsigned numbers, where the smallest one has a magnitude as well. */
	uint64_t magnitude = unix_ms < 0 ? 0 - (uint64_t)unix_ms : (uint64_t)unix_ms;
	writer_format(out->w, "%s%llu.%03u", unix_ms < 0 ? "-" : "",
		      (unsigned long long)(magnitude / 1000), (unsigned)(magnitude % 1000));
}

/* 17 digits bring the same double back; a real stays one, even when it is whole. */
static void put_real(struct writer *w, double value)
{
	char text[NUMBER_TEXT];
	struct err e = text_format(text, sizeof text, "%.17g", value);
	if (err_failed(e)) {
		writer_fail(w, e);
		return;
	}
	struct view number = view_of_text(text);
	writer_bytes(w, number);
	if (view_find(number, '.') == number.len && view_find(number, 'e') == number.len)
		writer_text(w, ".0");
}

static void put_value(struct json_out *out, const struct view *name, const struct json *value);

static void put_members(struct json_out *out, const struct json *object)
{
	struct view name;
	const struct json *value;
	open_level(out, true);
	for (size_t at = 0; json_next_member(object, &at, &name, &value);)
		put_value(out, &name, value);
	close_level(out, true);
}

static void put_elements(struct json_out *out, const struct json *array)
{
	open_level(out, false);
	for (size_t i = 0; i < json_count(array); i++)
		put_value(out, NULL, json_element(array, i));
	close_level(out, false);
}

/* Recursion ends: a parsed document is at most JSON_DEPTH_MAX deep. */
static void put_value(struct json_out *out, const struct view *name, const struct json *value)
{
	put_lead(out, name);
	switch (json_type_of(value)) {
	case JSON_TYPE_NULL:
		writer_text(out->w, "null");
		break;
	case JSON_TYPE_BOOL:
		writer_text(out->w, json_bool_of(value) ? "true" : "false");
		break;
	case JSON_TYPE_INTEGER:
		put_integer(out->w, json_integer_of(value));
		break;
	case JSON_TYPE_REAL:
		put_real(out->w, json_number_of(value));
		break;
	case JSON_TYPE_STRING:
		put_string(out->w, json_string_of(value));
		break;
	case JSON_TYPE_ARRAY:
		put_elements(out, value);
		break;
	case JSON_TYPE_OBJECT:
		put_members(out, value);
		break;
	}
}

void json_out_value(struct json_out *out, const char *name, const struct json *value)
{
	struct view given = view_of_text(name);
	put_value(out, name != NULL ? &given : NULL, value);
}

void json_out_written(struct json_out *out, const char *name, struct view json)
{
	put_lead_text(out, name);
	writer_bytes(out->w, json);
}

NODISCARD struct err json_out_end(const struct json_out *out)
{
	TRY(writer_end(out->w));
	ENSURE(out->depth == 0 && (out->started & 1) != 0);
	return OK;
}
