/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/html.h"

#include "base/text.h"

static const struct {
	uint8_t character;
	const char *entity;
} entities[] = {
	{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"},
};

static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x80, 0x9f},     /* C1 controls */
	{0xad, 0xad},     /* soft hyphen */
	{0x61c, 0x61c},   /* Arabic letter mark: of direction */
	{0x180e, 0x180e}, /* Mongolian vowel separator */
	{0x200b, 0x200f}, /* zero width, marks of direction */
	{0x2028, 0x202e}, /* line and paragraph ends, embeddings and overrides */
	{0x2060, 0x206f}, /* invisible operators, isolates */
	{0xfeff, 0xfeff},   {0xfff9, 0xfffb}, /* interlinear annotations */
	{0xe0000, 0xe007f},                   /* tags */
};

static void put_ascii(struct writer *w, uint8_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
		if (entities[i].character == c) {
			writer_text(w, entities[i].entity);
			return;
		}
	}
	bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
	if (control)
		writer_text(w, "\xef\xbf\xbd");
	else
		writer_u8(w, c);
}

/* The code point of a character that text_character() has found whole. */
static uint32_t code_point(struct view character)
{
	static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t point = character.ptr[0] & masks[character.len];
	for (size_t i = 1; i < character.len; i++)
		point = point << 6 | (character.ptr[i] & 0x3fu);
	return point;
}

static bool is_hidden(uint32_t point)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (point >= hidden[i].first && point <= hidden[i].last)
			return true;
	return false;
}

/* Returns the bytes that it took. */
static size_t put_wide(struct writer *w, struct view text)
{
	size_t n = text_character(text);
	if (n == 0) {
		writer_text(w, "\xef\xbf\xbd");
		return 1;
	}
	struct view character = view_part(text, 0, n);
	uint32_t point = code_point(character);
	if (is_hidden(point))
		writer_format(w, "[U+%04X]", (unsigned)point);
	else
		writer_bytes(w, character);
	return n;
}

void html_text(struct writer *w, struct view text)
{
	while (text.len > 0) {
		size_t taken = 1;
		if (text.ptr[0] < 0x80)
			put_ascii(w, text.ptr[0]);
		else
			taken = put_wide(w, text);
		text = view_part(text, taken, text.len);
	}
}

void html_element(struct writer *w, const char *element, const char *class, struct view text)
{
	writer_format(w, "<%s", element);
	if (class != NULL)
		writer_format(w, " class=\"%s\"", class);
	writer_u8(w, '>');
	html_text(w, text);
	writer_format(w, "</%s>", element);
}

static void put_pair(struct writer *w, const char *name, const char *element, struct view text)
{
	if (text.len == 0)
		return;
	writer_format(w, "<tr><th scope=\"row\">%s</th><td>", name);
	html_element(w, element, NULL, text);
	writer_text(w, "</td></tr>\n");
}

void html_pair(struct writer *w, const char *name, struct view text)
{
	put_pair(w, name, "span", text);
}

void html_pair_code(struct writer *w, const char *name, struct view text)
{
	put_pair(w, name, "code", text);
}

void html_table_begin(struct writer *w, const char *class, const struct html_column *columns)
{
	writer_format(w, "<div class=\"scroll\"><table class=\"%s\"><colgroup>", class);
	for (size_t i = 0; columns[i].name != NULL; i++)
		if (columns[i].percent > 0)
			writer_format(w, "<col style=\"width:%u%%\">", columns[i].percent);
		else
			writer_text(w, "<col>");
	writer_text(w, "</colgroup>\n<thead><tr>");
	for (size_t i = 0; columns[i].name != NULL; i++)
		writer_format(w, "<th scope=\"col\">%s</th>", columns[i].name);
	writer_text(w, "</tr></thead><tbody>\n");
}

void html_row_name(struct writer *w, struct view text)
{
	writer_text(w, "<th scope=\"row\">");
	html_text(w, text);
	writer_text(w, "</th>");
}

void html_table_end(struct writer *w)
{
	writer_text(w, "</tbody></table></div>\n");
}

struct view html_value(const struct json *value, char room[HTML_NUMBER_TEXT])
{
	switch (json_type_of(value)) {
	case JSON_TYPE_STRING:
		return json_string_of(value);
	case JSON_TYPE_BOOL:
		return view_of_text(json_bool_of(value) ? "yes" : "no");
	case JSON_TYPE_INTEGER:
		if (err_failed(text_format(room, HTML_NUMBER_TEXT, "%lld",
					   (long long)json_integer_of(value))))
			return VIEW_NONE;
		return view_of_text(room);
	case JSON_TYPE_NULL:
	case JSON_TYPE_REAL:
	case JSON_TYPE_ARRAY:
	case JSON_TYPE_OBJECT:
		break;
	}
	return VIEW_NONE;
}
