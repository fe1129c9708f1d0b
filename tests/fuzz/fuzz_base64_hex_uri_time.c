/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small codecs: what one of them reads, it writes back as it was (Base64, hex in lower case,
 * timestamps) or to the same value (percent-encoding); what it writes, it reads. The first byte
 * chooses.
 */
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "codec/uri.h"
#include "target.h"

#define INPUT_MAX ((size_t)4096)

static uint8_t there[3 * INPUT_MAX], back[9 * INPUT_MAX];

static struct view written(const struct writer *w)
{
	must(!err_failed(writer_end(w)));
	return view_of(w->ptr, w->len);
}

static void check_base64(struct view input)
{
	struct writer w, r;
	writer_init(&w, there, sizeof there);
	writer_init(&r, back, sizeof back);
	if (!err_failed(base64_decode(&w, input))) {
		must(w.len <= BASE64_DECODED_MAX(input.len));
		base64_encode(&r, written(&w));
		must(view_equal(written(&r), input));
	}
	writer_init(&w, there, sizeof there);
	writer_init(&r, back, sizeof back);
	base64_encode(&w, input);
	must(w.len == BASE64_ENCODED_LEN(input.len));
	must(!err_failed(base64_decode(&r, written(&w))));
	must(view_equal(written(&r), input));
}

static void check_hex(struct view input)
{
	struct writer w;
	writer_init(&w, back, sizeof back);
	if (!err_failed(hex_decode(input, there, input.len / 2))) {
		hex_encode(&w, view_of(there, input.len / 2));
		must(view_equal_ignore_case(written(&w), input));
	}
	writer_init(&w, back, sizeof back);
	hex_encode(&w, input);
	must(!err_failed(hex_decode(written(&w), there, input.len)));
	must(view_equal(view_of(there, input.len), input));
}

static void check_uri(struct view input)
{
	struct writer w, r;
	writer_init(&w, there, sizeof there);
	writer_init(&r, back, sizeof back);
	if (!err_failed(uri_decode(&w, input))) {
		must(w.len <= input.len);
		uri_encode(&r, written(&w), false);
		must(r.len <= 3 * w.len);
	}
	writer_init(&w, there, sizeof there);
	writer_init(&r, back, sizeof back);
	uri_encode(&w, input, input.len % 2 == 1);
	must(!err_failed(uri_decode(&r, written(&w))));
	must(view_equal(written(&r), input));
}

static void check_timestamp(struct view input)
{
	char basic[TIMESTAMP_BASIC_TEXT], iso[TIMESTAMP_ISO_TEXT];
	int64_t ms = -1;
	if (!err_failed(timestamp_parse_basic(input, &ms))) {
		timestamp_basic(ms, basic);
		must(view_equal_text(input, basic));
	}
	if (!err_failed(timestamp_parse_iso(input, &ms))) {
		timestamp_iso(ms, input.len == TIMESTAMP_ISO_TEXT - 1, iso);
		must(view_equal_text(input, iso));
	}
	for (size_t i = 0; i < input.len; i++)
		ms = (int64_t)((uint64_t)ms << 8 | input.ptr[i]);
	timestamp_iso(ms, true, iso);
	must(!err_failed(timestamp_parse_iso(view_of_text(iso), &ms)) && ms >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const checks[])(struct view) = {check_base64, check_hex, check_uri,
						      check_timestamp};
	if (size == 0)
		return 0;
	checks[data[0] % ARRAY_LEN(checks)](view_of(data + 1, MIN_OF(size - 1, INPUT_MAX)));
	return 0;
}
