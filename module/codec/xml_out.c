/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/xml_out.h"

#include <inttypes.h>

#include "base/text.h"
#include "codec/timestamp.h"

void xml_out_init(struct xml_out *out, struct writer *w)
{
	*out = (struct xml_out){.w = w};
}

static void put_tag(struct xml_out *out, const char *before, const char *name)
{
	writer_text(out->w, before);
	writer_text(out->w, name);
	writer_u8(out->w, '>');
}

void xml_out_begin(struct xml_out *out, const char *name, const char *space)
{
	if (out->depth >= XML_DEPTH_MAX) {
		writer_fail(out->w, ERR(E_BUG));
		return;
	}
	out->open[out->depth++] = name;
	if (space == NULL) {
		put_tag(out, "<", name);
		return;
	}
	writer_u8(out->w, '<');
	writer_text(out->w, name);
	writer_text(out->w, " xmlns=\"");
	writer_text(out->w, space);
	writer_text(out->w, "\">");
}

void xml_out_end(struct xml_out *out)
{
	if (out->depth == 0) {
		writer_fail(out->w, ERR(E_BUG));
		return;
	}
	put_tag(out, "</", out->open[--out->depth]);
}

/* XML 1.0 §2.4, and §2.11, by which a parser changes line ends that are not references. */
static const struct {
	uint8_t byte;
	const char *reference;
} references[] = {
	{'&', "&amp;"},   {'<', "&lt;"},   {'>', "&gt;"},   {'"', "&quot;"},
	{'\'', "&apos;"}, {'\t', "&#x9;"}, {'\n', "&#xA;"}, {'\r', "&#xD;"},
};

static const char *reference_of(uint8_t byte)
{
	for (size_t i = 0; i < ARRAY_LEN(references); i++)
		if (references[i].byte == byte)
			return references[i].reference;
	return NULL;
}

/* XML 1.0 §2.2, Char: of a whole character in UTF-8. */
static bool is_allowed(struct view character)
{
	static const uint8_t last_two[] = {0xef, 0xbf}; /* U+FFFE, U+FFFF: EF BF BE, EF BF BF */
	if (character.ptr[0] < 0x20)
		return false;
	return character.len != 3 || !view_starts_with(character, VIEW_ARRAY(last_two)) ||
	       character.ptr[2] < 0xbe;
}

/* One character; returns the bytes it took. */
static size_t put_character(struct writer *w, struct view text)
{
	static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */
	const char *reference = reference_of(text.ptr[0]);
	size_t n = text_character(text);
	if (reference != NULL)
		writer_text(w, reference);
	else if (n > 0 && is_allowed(view_part(text, 0, n)))
		writer_bytes(w, view_part(text, 0, n));
	else
		writer_bytes(w, VIEW_ARRAY(replacement));
	return MAX_OF(n, (size_t)1);
}

void xml_out_text(struct xml_out *out, const char *name, struct view text)
{
	put_tag(out, "<", name);
	while (text.len > 0)
		text = view_part(text, put_character(out->w, text), text.len);
	put_tag(out, "</", name);
}

void xml_out_integer(struct xml_out *out, const char *name, int64_t value)
{
	put_tag(out, "<", name);
	writer_format(out->w, "%" PRId64, value);
	put_tag(out, "</", name);
}

void xml_out_time(struct xml_out *out, const char *name, int64_t unix_ms)
{
	char text[TIMESTAMP_ISO_TEXT];
	timestamp_iso(unix_ms, false, text);
	xml_out_text(out, name, view_of_text(text));
}

NODISCARD struct err xml_out_finish(const struct xml_out *out)
{
	TRY(writer_end(out->w));
	ENSURE(out->depth == 0);
	return OK;
}
