/* SPDX-License-Identifier: Apache-2.0 */
/* URL Standard, "application/x-www-form-urlencoded"; stricter, where that mends what is broken. */
#include "codec/form.h"

#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"
#include "codec/hex.h"

struct form {
	uint8_t *text; /* all names and values, decoded: never longer than what was sent */
	struct form_pair pairs[FORM_PAIRS_MAX];
	size_t count;
};

/* What no serializer leaves as it is: blanks, controls, everything beyond ASCII. */
static bool stands_unescaped(uint8_t byte)
{
	return byte > 0x20 && byte < 0x7f;
}

static struct err decode_byte(struct view *rest, uint8_t *out)
{
	uint8_t byte = rest->ptr[0];
	size_t used = 1;
	if (byte == '+') {
		*out = ' ';
	} else if (byte == '%') {
		TRY(hex_decode(view_part(*rest, 1, 2), out, 1));
		used = 3;
	} else {
		REQUIRE(stands_unescaped(byte), E_FORMAT);
		*out = byte;
	}
	*rest = view_part(*rest, used, rest->len);
	return OK;
}

static struct err decode(struct view text, struct writer *w, struct view *out)
{
	size_t start = w->len;
	while (text.len > 0) {
		uint8_t byte = 0;
		TRY(decode_byte(&text, &byte));
		REQUIRE(byte != '\0', E_FORMAT);
		writer_u8(w, byte);
	}
	TRY(writer_end(w));
	*out = view_of(w->ptr + start, w->len - start);
	return text_is_utf8(*out) ? OK : ERR(E_UTF8);
}

static bool holds(const struct form *form, struct view name)
{
	for (size_t i = 0; i < form->count; i++)
		if (view_equal(form->pairs[i].name, name))
			return true;
	return false;
}

static struct err add_pair(struct form *form, struct view text, struct writer *w)
{
	REQUIRE(form->count < FORM_PAIRS_MAX, E_BOUNDS);
	struct form_pair pair;
	struct view value = text;
	struct view name = view_cut(&value, '=');
	REQUIRE(value.ptr != NULL, E_FORMAT);
	TRY(decode(name, w, &pair.name));
	TRY(decode(value, w, &pair.value));
	REQUIRE(pair.name.len > 0, E_FORMAT);
	REQUIRE(!holds(form, pair.name), E_DUPLICATE);
	form->pairs[form->count++] = pair;
	return OK;
}

NODISCARD struct err form_parse(struct view text, struct form **out)
{
	REQUIRE(text.len <= FORM_BYTES_MAX, E_BOUNDS);
	CLEANUP(form_free) struct form *form = NULL;
	TRY(MEM_NEW(&form));
	TRY(MEM_NEW_ARRAY(text.len + 1, &form->text));
	struct writer w;
	writer_init(&w, form->text, text.len);
	struct view rest = text.len > 0 ? text : VIEW_NONE;
	while (rest.ptr != NULL)
		TRY(add_pair(form, view_cut(&rest, '&'), &w));
	*out = TAKE(form);
	return OK;
}

void form_free(struct form **form)
{
	if (*form == NULL)
		return;
	mem_free((*form)->text);
	mem_free(TAKE(*form));
}

bool form_at(const struct form *form, size_t at, struct form_pair *out)
{
	if (at >= form->count)
		return false;
	*out = form->pairs[at];
	return true;
}

bool form_find(const struct form *form, const char *name, struct view *value)
{
	*value = VIEW_NONE;
	for (size_t i = 0; i < form->count; i++) {
		if (!view_equal_text(form->pairs[i].name, name))
			continue;
		*value = form->pairs[i].value;
		return true;
	}
	return false;
}
