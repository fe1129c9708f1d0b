/* SPDX-License-Identifier: Apache-2.0 */
/* Base64: RFC 4648 §10, every symbol, and the strictness that gives each value one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/base64.h"

static const struct {
	const char *bytes, *text;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};

static void published_vectors_encode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char text[16];
		struct writer w;
		writer_init(&w, text, sizeof text);
		base64_encode(&w, view_of_text(vectors[i].bytes));
		assert_int_equal(writer_end_text(&w).code, E_OK);
		assert_string_equal(text, vectors[i].text);
	}
}

static void published_vectors_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char bytes[16];
		struct writer w;
		writer_init(&w, bytes, sizeof bytes);
		assert_int_equal(base64_decode(&w, view_of_text(vectors[i].text)).code, E_OK);
		assert_int_equal(writer_end_text(&w).code, E_OK);
		assert_string_equal(bytes, vectors[i].bytes);
	}
}

static void every_symbol_stands_for_its_value(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[48], back[48];
	char text[65];
	struct writer w, r;
	(void)state;
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t four = (4 * i) << 18 | (4 * i + 1) << 12 | (4 * i + 2) << 6 | (4 * i + 3);
		bytes[3 * i] = (uint8_t)(four >> 16);
		bytes[3 * i + 1] = (uint8_t)(four >> 8);
		bytes[3 * i + 2] = (uint8_t)four;
	}
	writer_init(&w, text, sizeof text);
	base64_encode(&w, VIEW_ARRAY(bytes));
	assert_int_equal(writer_end_text(&w).code, E_OK);
	assert_string_equal(text, alphabet);
	writer_init(&r, back, sizeof back);
	assert_int_equal(base64_decode(&r, VIEW_LITERAL(alphabet)).code, E_OK);
	assert_memory_equal(back, bytes, sizeof bytes);
}

static bool decodes(const char *text, size_t len)
{
	uint8_t room[64];
	struct writer w;
	writer_init(&w, room, sizeof room);
	struct err e = base64_decode(&w, view_of(text, len));
	assert_true(err_is(e, E_OK) || err_is(e, E_FORMAT));
	return !err_failed(e);
}

static void foreign_symbols_are_refused(void **state)
{
	int taken = 0;
	(void)state;
	for (int c = 0; c < 256; c++) {
		const char text[] = {'A', (char)c, 'A', 'A'};
		taken += decodes(text, sizeof text);
	}
	assert_int_equal(taken, 64);
}

static void loose_forms_are_refused(void **state)
{
	static const char *const texts[] = {
		"Z",      "Zg",       "Zg=",  "Zm8",    "====",    "Z===",
		"=Zg=",   "Zg==Zg==", "Zm=v", "Zm9v\n", "Zm 9v==", " Zg==",
		"Zg==\n", "Zm9v====", "Zh==", "Zm9=",   "-_-_",    "Zg=A",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (decodes(texts[i], view_of_text(texts[i]).len))
			fail_msg("taken: %s", texts[i]);
}

static void every_length_comes_back(void **state)
{
	uint8_t bytes[100], back[100];
	char text[BASE64_ENCODED_LEN(100)];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		struct writer w, r;
		writer_init(&w, text, sizeof text);
		base64_encode(&w, view_of(bytes, n));
		assert_int_equal(writer_end(&w).code, E_OK);
		assert_int_equal(w.len, BASE64_ENCODED_LEN(n));
		writer_init(&r, back, sizeof back);
		assert_int_equal(base64_decode(&r, view_of(text, w.len)).code, E_OK);
		assert_int_equal(r.len, n);
		assert_true(r.len <= BASE64_DECODED_MAX(w.len));
		assert_true(view_equal(view_of(back, n), view_of(bytes, n)));
	}
}

static void room_is_exact(void **state)
{
	uint8_t room[4];
	struct writer w;
	(void)state;
	writer_init(&w, room, 1);
	assert_int_equal(base64_decode(&w, VIEW_LITERAL("Zg==")).code, E_OK);
	writer_init(&w, room, 1);
	assert_int_equal(base64_decode(&w, VIEW_LITERAL("Zm8=")).code, E_BOUNDS);
	writer_init(&w, room, 3);
	base64_encode(&w, VIEW_LITERAL("f"));
	assert_int_equal(writer_end(&w).code, E_BOUNDS);
}

static void growing_buffers_take_it(void **state)
{
	CLEANUP(buf_cleanup) struct buf b;
	struct writer w;
	(void)state;
	buf_init(&b, 64);
	writer_init_buf(&w, &b);
	assert_int_equal(base64_decode(&w, VIEW_NONE).code, E_OK);
	assert_int_equal(base64_decode(&w, VIEW_LITERAL("Zm9v")).code, E_OK);
	base64_encode(&w, VIEW_NONE);
	base64_encode(&w, VIEW_LITERAL("foo"));
	assert_true(view_equal_text(buf_view(&b), "fooZm9v"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_encode),
		cmocka_unit_test(published_vectors_decode),
		cmocka_unit_test(every_symbol_stands_for_its_value),
		cmocka_unit_test(foreign_symbols_are_refused),
		cmocka_unit_test(loose_forms_are_refused),
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(room_is_exact),
		cmocka_unit_test(growing_buffers_take_it),
	};
	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
