/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a form: refused, or pairs within the bounds that are the same after being encoded
 * and read again. Any bytes as a text of an XML reply: nothing in it can be taken for markup.
 */
#include "base/text.h"
#include "codec/form.h"
#include "codec/uri.h"
#include "codec/xml_out.h"
#include "target.h"

#define WRITTEN_MAX ((size_t)32 << 20)

static size_t write_again(const struct form *form, struct buf *out)
{
	struct writer w;
	struct form_pair pair;
	size_t at = 0;
	writer_init_buf(&w, out);
	for (; form_at(form, at, &pair); at++) {
		must(pair.name.len > 0 && text_is_utf8(pair.name) && text_is_utf8(pair.value));
		must(view_find(pair.name, 0) == pair.name.len);
		must(view_find(pair.value, 0) == pair.value.len);
		writer_text(&w, at > 0 ? "&" : "");
		uri_encode(&w, pair.name, false);
		writer_u8(&w, '=');
		uri_encode(&w, pair.value, false);
	}
	must(!err_failed(writer_end(&w)) && at <= FORM_PAIRS_MAX);
	return at;
}

static void check_same(const struct form *a, const struct form *b, size_t count)
{
	struct form_pair x, y;
	for (size_t i = 0; i < count; i++) {
		must(form_at(a, i, &x) && form_at(b, i, &y));
		must(view_equal(x.name, y.name) && view_equal(x.value, y.value));
	}
	must(!form_at(b, count, &y));
}

static void check_round_trip(const struct form *form)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(form_free) struct form *again = NULL;
	buf_init(&text, WRITTEN_MAX);
	size_t count = write_again(form, &text);
	struct err e = form_parse(buf_view(&text), &again);
	if (err_is(e, E_BOUNDS)) /* escapes take more room than what they stand for */
		return;
	must(!err_failed(e));
	check_same(form, again, count);
}

static void check_xml(struct view data)
{
	CLEANUP(buf_cleanup) struct buf text;
	struct writer w;
	struct xml_out out;
	buf_init(&text, WRITTEN_MAX);
	writer_init_buf(&w, &text);
	xml_out_init(&out, &w);
	xml_out_text(&out, "T", data);
	must(!err_failed(xml_out_finish(&out)) && text_is_utf8(buf_view(&text)));
	struct view inside = view_part(buf_view(&text), 3, text.len - 7);
	for (size_t i = 0; i < inside.len; i++)
		must(inside.ptr[i] >= 0x20 && inside.ptr[i] != '<' && inside.ptr[i] != '>');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(form_free) struct form *form = NULL;
	struct err e = form_parse(view_of(data, size), &form);
	must(err_failed(e) == (form == NULL));
	must(!err_is(e, E_BUG) && !err_is(e, E_NOMEM));
	if (form != NULL)
		check_round_trip(form);
	check_xml(view_of(data, size));
	return 0;
}
