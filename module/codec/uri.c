/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3986 §2.1 and §2.3; "Create a signed AWS API request": UriEncode(). */
#include "codec/uri.h"

#include "base/ascii.h"
#include "codec/hex.h"

static bool is_unreserved(uint8_t c)
{
	return ascii_is(c, ASCII_ALPHANUMERIC) || c == '-' || c == '.' || c == '_' || c == '~';
}

static void put_escape(struct writer *w, uint8_t c)
{
	static const char upper[] = "0123456789ABCDEF";
	const uint8_t escape[] = {'%', (uint8_t)upper[c >> 4], (uint8_t)upper[c & 0x0f]};
	writer_bytes(w, VIEW_ARRAY(escape));
}

void uri_encode(struct writer *w, struct view text, bool keep_slash)
{
	size_t start = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (is_unreserved(text.ptr[i]) || (keep_slash && text.ptr[i] == '/'))
			continue;
		writer_bytes(w, view_part(text, start, i - start));
		put_escape(w, text.ptr[i]);
		start = i + 1;
	}
	writer_bytes(w, view_part(text, start, text.len));
}

NODISCARD struct err uri_decode(struct writer *w, struct view text)
{
	while (text.len > 0) {
		struct view plain = view_part(text, 0, view_find(text, '%'));
		writer_bytes(w, plain);
		text = view_part(text, plain.len, text.len);
		if (text.len == 0)
			break;
		uint8_t byte = 0;
		TRY(hex_decode(view_part(text, 1, 2), &byte, 1));
		writer_u8(w, byte);
		text = view_part(text, 3, text.len);
	}
	return writer_end(w);
}
