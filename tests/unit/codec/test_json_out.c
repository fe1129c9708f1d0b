/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: punctuation, escapes, and the mistakes that mark the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/json.h"

struct sheet {
	char text[2048];
	struct writer w;
	struct json_out out;
};

static void sheet_init(struct sheet *s)
{
	writer_init(&s->w, s->text, sizeof s->text);
	json_out_init(&s->out, &s->w);
}

static void assert_sheet(const struct sheet *s, const char *expected)
{
	assert_int_equal(json_out_end(&s->out).code, E_OK);
	assert_int_equal(s->w.len, view_of_text(expected).len);
	assert_memory_equal(s->text, expected, s->w.len);
}

static void commas_and_colons_come_by_themselves(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_object(&s.out, NULL);
	json_out_text(&s.out, "a", VIEW_LITERAL("x"));
	json_out_integer(&s.out, "b", -5);
	json_out_begin_array(&s.out, "c");
	json_out_bool(&s.out, NULL, true);
	json_out_bool(&s.out, NULL, false);
	json_out_begin_object(&s.out, NULL);
	json_out_null(&s.out, "d");
	json_out_end_object(&s.out);
	json_out_begin_array(&s.out, NULL);
	json_out_end_array(&s.out);
	json_out_end_array(&s.out);
	json_out_named_text(&s.out, VIEW_LITERAL("k\"y"), VIEW_NONE);
	json_out_named_text(&s.out, VIEW_NONE, VIEW_LITERAL("v"));
	json_out_end_object(&s.out);
	assert_sheet(&s, "{\"a\":\"x\",\"b\":-5,\"c\":[true,false,{\"d\":null},[]],"
			 "\"k\\\"y\":\"\",\"\":\"v\"}");
}

static void root_may_be_a_plain_value(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_integer(&s.out, NULL, INT64_MIN);
	assert_sheet(&s, "-9223372036854775808");
}

static void strings_are_escaped(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_text(&s.out, NULL,
		      VIEW_LITERAL("\"\\/\b\f\n\r\t\0\x01\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80"));
	assert_sheet(&s, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\xc3\xa9\xf0\x9f\x98"
			 "\x80\"");
}

static void invalid_utf8_is_replaced(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_text(&s.out, NULL,
		      VIEW_LITERAL("a\xff"
				   "b\xc3"));
	assert_sheet(&s, "\"a\xef\xbf\xbd"
			 "b\xef\xbf\xbd\"");
	sheet_init(&s);
	json_out_text(&s.out, NULL, VIEW_LITERAL("\xc0\xaf\xed\xa0\x80"));
	assert_sheet(&s, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void times_are_seconds_with_milliseconds(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_array(&s.out, NULL);
	json_out_time(&s.out, NULL, 1763750571123);
	json_out_time(&s.out, NULL, 1763750571000);
	json_out_time(&s.out, NULL, 7);
	json_out_time(&s.out, NULL, -1500);
	json_out_time(&s.out, NULL, INT64_MIN);
	json_out_end_array(&s.out);
	assert_sheet(&s, "[1763750571.123,1763750571.000,0.007,-1.500,-9223372036854775.808]");
}

static void bytes_are_base64(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_array(&s.out, NULL);
	json_out_base64(&s.out, NULL, VIEW_LITERAL("\xfb\xff"));
	json_out_base64(&s.out, NULL, VIEW_NONE);
	json_out_end_array(&s.out);
	assert_sheet(&s, "[\"+/8=\",\"\"]");
}

static void bytes_are_hex_where_that_is_asked(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_array(&s.out, NULL);
	json_out_hex(&s.out, NULL, VIEW_LITERAL("\x00\xfb\xff"));
	json_out_hex(&s.out, NULL, VIEW_NONE);
	json_out_end_array(&s.out);
	assert_sheet(&s, "[\"00fbff\",\"\"]");
}

static void secret_is_written_into_locked_memory(void **state)
{
	struct secret *room = NULL;
	struct writer w;
	struct json_out out;
	(void)state;
	assert_int_equal(secret_new(64, &room).code, E_OK);
	writer_init_secret(&w, room);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_base64(&out, "Plaintext", VIEW_LITERAL("key"));
	json_out_end_object(&out);
	assert_int_equal(json_out_end(&out).code, E_OK);
	assert_int_equal(writer_end_secret(&w, room).code, E_OK);
	assert_true(view_equal_text(secret_view(room), "{\"Plaintext\":\"a2V5\"}"));
	secret_free(&room);
}

static void parsed_part_is_written_again(void **state)
{
	static const char text[] =
		"{\"z\":[1,-2.5,1.0,1e+300,true,false,null,{\"\":\"\\n\"}],\"a\":{}}";
	struct json *document = NULL;
	struct sheet s;
	(void)state;
	assert_int_equal(json_start().code, E_OK);
	assert_int_equal(json_parse(VIEW_LITERAL(text), &document).code, E_OK);
	sheet_init(&s);
	json_out_begin_array(&s.out, NULL);
	json_out_value(&s.out, NULL, json_member(document, "z"));
	json_out_value(&s.out, NULL, document);
	json_out_end_array(&s.out);
	json_free(&document);
	assert_sheet(&s, "[[1,-2.5,1.0,1.0000000000000001e+300,true,false,null,{\"\":\"\\n\"}],"
			 "{\"z\":[1,-2.5,1.0,1.0000000000000001e+300,true,false,null,"
			 "{\"\":\"\\n\"}],\"a\":{}}]");
}

static void what_was_written_before_is_put_in_as_it_is(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_object(&s.out, NULL);
	json_out_written(&s.out, "List", VIEW_LITERAL("[{\"a\":1},2]"));
	json_out_written(&s.out, "More", VIEW_LITERAL("{}"));
	json_out_end_object(&s.out);
	assert_sheet(&s, "{\"List\":[{\"a\":1},2],\"More\":{}}");
}

static void assert_bug(const struct sheet *s)
{
	assert_int_equal(json_out_end(&s->out).code, E_BUG);
}

static void open_containers_are_a_bug(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_object(&s.out, NULL);
	assert_bug(&s);
	sheet_init(&s);
	assert_bug(&s);
}

static void crossed_ends_are_a_bug(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_object(&s.out, NULL);
	json_out_end_array(&s.out);
	assert_bug(&s);
	sheet_init(&s);
	json_out_end_object(&s.out);
	assert_bug(&s);
}

static void name_outside_an_object_is_a_bug(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_integer(&s.out, "a", 1);
	assert_bug(&s);
	sheet_init(&s);
	json_out_begin_array(&s.out, NULL);
	json_out_integer(&s.out, "a", 1);
	json_out_end_array(&s.out);
	assert_bug(&s);
}

static void missing_name_in_an_object_is_a_bug(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_begin_object(&s.out, NULL);
	json_out_integer(&s.out, NULL, 1);
	json_out_end_object(&s.out);
	assert_bug(&s);
}

static void second_root_is_a_bug(void **state)
{
	struct sheet s;
	(void)state;
	sheet_init(&s);
	json_out_null(&s.out, NULL);
	json_out_null(&s.out, NULL);
	assert_bug(&s);
}

static struct err end_of_nested(size_t depth)
{
	struct sheet s;
	sheet_init(&s);
	for (size_t i = 0; i < depth; i++)
		json_out_begin_array(&s.out, NULL);
	for (size_t i = 0; i < depth; i++)
		json_out_end_array(&s.out);
	return json_out_end(&s.out);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(end_of_nested(31).code, E_OK);
	assert_int_equal(end_of_nested(32).code, E_BUG);
	assert_int_equal(end_of_nested(100).code, E_BUG);
}

static void room_is_bounded(void **state)
{
	char room[4];
	struct writer w;
	struct json_out out;
	(void)state;
	writer_init(&w, room, sizeof room);
	json_out_init(&out, &w);
	json_out_text(&out, NULL, VIEW_LITERAL("abc"));
	assert_int_equal(json_out_end(&out).code, E_BOUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_colons_come_by_themselves),
		cmocka_unit_test(root_may_be_a_plain_value),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(invalid_utf8_is_replaced),
		cmocka_unit_test(times_are_seconds_with_milliseconds),
		cmocka_unit_test(bytes_are_base64),
		cmocka_unit_test(bytes_are_hex_where_that_is_asked),
		cmocka_unit_test(secret_is_written_into_locked_memory),
		cmocka_unit_test(parsed_part_is_written_again),
		cmocka_unit_test(what_was_written_before_is_put_in_as_it_is),
		cmocka_unit_test(open_containers_are_a_bug),
		cmocka_unit_test(crossed_ends_are_a_bug),
		cmocka_unit_test(name_outside_an_object_is_a_bug),
		cmocka_unit_test(missing_name_in_an_object_is_a_bug),
		cmocka_unit_test(second_root_is_a_bug),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(room_is_bounded),
	};
	return cmocka_run_group_tests_name("json_out", tests, NULL, NULL);
}
