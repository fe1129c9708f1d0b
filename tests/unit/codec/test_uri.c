/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/uri.h"

static void assert_encoded(const char *text, bool keep_slash, const char *expected)
{
	char room[128];
	struct writer w;
	writer_init(&w, room, sizeof room);
	uri_encode(&w, view_of_text(text), keep_slash);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	assert_string_equal(room, expected);
}

static void unreserved_bytes_stay(void **state)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	(void)state;
	assert_encoded(all, false, all);
	assert_encoded("", false, "");
}

static void everything_else_is_escaped_in_upper_case(void **state)
{
	(void)state;
	assert_encoded("a b", false, "a%20b");
	assert_encoded("%+*'!()&=:@\x7f", false, "%25%2B%2A%27%21%28%29%26%3D%3A%40%7F");
	assert_encoded("\xe1\x88\xb4", false, "%E1%88%B4");
}

static void slash_stays_when_asked(void **state)
{
	(void)state;
	assert_encoded("/a/b c/", true, "/a/b%20c/");
	assert_encoded("/a", false, "%2Fa");
}

static void escapes_are_undone_and_plus_stays(void **state)
{
	char room[32];
	struct writer w;
	(void)state;
	writer_init(&w, room, sizeof room);
	assert_int_equal(uri_decode(&w, VIEW_LITERAL("a%20b+c%2f%2F%e1%88%b4")).code, E_OK);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	assert_string_equal(room, "a b+c//\xe1\x88\xb4");
}

static void broken_escapes_are_refused(void **state)
{
	static const char *const texts[] = {"%", "a%", "%2", "a%2", "%2g", "%g2", "%%20", "% 2"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char room[32];
		struct writer w;
		writer_init(&w, room, sizeof room);
		assert_int_equal(uri_decode(&w, view_of_text(texts[i])).code, E_FORMAT);
	}
}

static void every_byte_comes_back(void **state)
{
	uint8_t bytes[256], back[256];
	char text[3 * 256];
	struct writer w, r;
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	writer_init(&w, text, sizeof text);
	uri_encode(&w, VIEW_ARRAY(bytes), false);
	assert_int_equal(writer_end(&w).code, E_OK);
	assert_int_equal(w.len, 66 + 3 * (256 - 66));
	writer_init(&r, back, sizeof back);
	assert_int_equal(uri_decode(&r, view_of(text, w.len)).code, E_OK);
	assert_int_equal(r.len, sizeof bytes);
	assert_memory_equal(back, bytes, sizeof bytes);
}

static void room_is_bounded(void **state)
{
	char room[3];
	struct writer w;
	(void)state;
	writer_init(&w, room, sizeof room);
	assert_int_equal(uri_decode(&w, VIEW_LITERAL("ab%20c")).code, E_BOUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unreserved_bytes_stay),
		cmocka_unit_test(everything_else_is_escaped_in_upper_case),
		cmocka_unit_test(slash_stays_when_asked),
		cmocka_unit_test(escapes_are_undone_and_plus_stays),
		cmocka_unit_test(broken_escapes_are_refused),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(room_is_bounded),
	};
	return cmocka_run_group_tests_name("uri", tests, NULL, NULL);
}
