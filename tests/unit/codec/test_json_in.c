/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in: what is taken, what is refused and with which error, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/entropy.h"
#include "base/writer.h"
#include "codec/hex.h"
#include "codec/json.h"
#include "tests/support/memory_search.h"

static int start(void **state)
{
	(void)state;
	return err_failed(json_start()) ? -1 : 0;
}

static struct json *parsed(const char *text)
{
	struct json *document = NULL;
	struct err e = json_parse(view_of_text(text), &document);
	assert_int_equal(e.code, E_OK);
	assert_non_null(document);
	return document;
}

static void refused_bytes(struct view text, enum err_code code)
{
	struct json *document = (struct json *)(uintptr_t)1;
	struct err e = json_parse(text, &document);
	if (e.code != code)
		fail_msg("%s instead of %s for %.*s", err_name(e),
			 err_name((struct err){.code = (uint16_t)code}),
			 (int)MIN_OF(text.len, (size_t)80), (const char *)text.ptr);
	assert_null(document);
}

static void refused(const char *text, enum err_code code)
{
	refused_bytes(view_of_text(text), code);
}

static void assert_view(struct view v, const char *text)
{
	assert_int_equal(v.len, view_of_text(text).len);
	assert_memory_equal(v.ptr, text, v.len);
}

static void root_may_be_of_any_type(void **state)
{
	static const struct {
		const char *text;
		enum json_type type;
	} rows[] = {
		{"null", JSON_TYPE_NULL},    {" true ", JSON_TYPE_BOOL}, {"false", JSON_TYPE_BOOL},
		{"-12", JSON_TYPE_INTEGER},  {"1.5", JSON_TYPE_REAL},    {"1e2", JSON_TYPE_REAL},
		{"\"x\"", JSON_TYPE_STRING}, {"[]", JSON_TYPE_ARRAY},    {"{}", JSON_TYPE_OBJECT},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(json_free) struct json *document = parsed(rows[i].text);
		assert_int_equal(json_type_of(document), rows[i].type);
	}
}

static void members_are_found_by_name(void **state)
{
	(void)state;
	CLEANUP(json_free)
	struct json *document = parsed("{\"a\":1,\"b\":{\"c\":\"d\"},\"e\":[true,2.5,\"f\"]}");
	assert_int_equal(json_count(document), 3);
	assert_int_equal(json_integer_of(json_member(document, "a")), 1);
	assert_view(json_string_of(json_member(json_member(document, "b"), "c")), "d");
	const struct json *e = json_member(document, "e");
	assert_int_equal(json_count(e), 3);
	assert_true(json_bool_of(json_element(e, 0)));
	assert_true(json_number_of(json_element(e, 1)) == 2.5);
	assert_view(json_string_of(json_element(e, 2)), "f");
	assert_null(json_element(e, 3));
	assert_null(json_member(document, "z"));
	assert_null(json_member(e, "a"));
	assert_null(json_member(NULL, "a"));
}

static void members_are_walked_in_the_order_of_the_text(void **state)
{
	static const char *const names[] = {"z", "a", "m", "", "b"};
	(void)state;
	CLEANUP(json_free)
	struct json *document = parsed("{\"z\":0,\"a\":1,\"m\":2,\"\":3,\"b\":4}");
	size_t at = 0;
	struct view name = VIEW_NONE;
	const struct json *value = NULL;
	for (int64_t i = 0; i < (int64_t)ARRAY_LEN(names); i++) {
		assert_true(json_next_member(document, &at, &name, &value));
		assert_view(name, names[i]);
		assert_int_equal(json_integer_of(value), i);
	}
	assert_false(json_next_member(document, &at, &name, &value));
	assert_false(json_next_member(document, &at, &name, &value));
}

static void walking_what_is_no_object_ends_at_once(void **state)
{
	(void)state;
	CLEANUP(json_free) struct json *array = parsed("[1]");
	CLEANUP(json_free) struct json *empty = parsed("{}");
	struct view name = VIEW_NONE;
	const struct json *value = NULL;
	size_t at = 0;
	assert_false(json_next_member(array, &at, &name, &value));
	assert_false(json_next_member(empty, &at, &name, &value));
	assert_false(json_next_member(NULL, &at, &name, &value));
}

static void values_of_another_type_are_zero(void **state)
{
	(void)state;
	CLEANUP(json_free) struct json *text = parsed("\"7\"");
	CLEANUP(json_free) struct json *number = parsed("7");
	assert_int_equal(json_integer_of(text), 0);
	assert_true(json_number_of(text) == 0.0);
	assert_true(json_number_of(number) == 7.0);
	assert_int_equal(json_string_of(number).len, 0);
	assert_false(json_bool_of(number));
	assert_int_equal(json_count(number), 0);
	assert_int_equal(json_type_of(NULL), JSON_TYPE_NULL);
}

static void integers_have_64_bits(void **state)
{
	(void)state;
	CLEANUP(json_free) struct json *largest = parsed("9223372036854775807");
	CLEANUP(json_free) struct json *smallest = parsed("-9223372036854775808");
	assert_true(json_integer_of(largest) == INT64_MAX);
	assert_true(json_integer_of(smallest) == INT64_MIN);
	refused("9223372036854775808", E_FORMAT);
	refused("-9223372036854775809", E_FORMAT);
	refused("1e309", E_FORMAT);
	refused("-1e999999999", E_FORMAT);
}

static void broken_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"}",
		"[1,]",
		"{\"a\":1,}",
		"{\"a\"}",
		"{a:1}",
		"'a'",
		"01",
		"+1",
		".5",
		"1.",
		"1e",
		"0x10",
		"nul",
		"True",
		"NaN",
		"Infinity",
		"[1 2]",
		"{} {}",
		"{}x",
		"[1]]",
		"\"a",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\n\"",
		"\"\t\"",
		"{\"a\":1 \"b\":2}",
		"/**/1",
		"\"\\u0000\"",
		"{\"a\\u0000b\":1}",
		"\"\\ud800\"",
		"\"\\udc00\\ud800\"",
		"\"\\ud800x\"",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		refused(texts[i], E_FORMAT);
}

static void raw_nul_bytes_are_refused(void **state)
{
	(void)state;
	refused_bytes(VIEW_LITERAL("{}\0"), E_FORMAT);
	refused_bytes(VIEW_LITERAL("\"a\0b\""), E_FORMAT);
	refused_bytes(VIEW_NONE, E_FORMAT);
}

static void byte_order_mark_is_refused(void **state)
{
	(void)state;
	refused("\xef\xbb\xbf{}", E_FORMAT);
}

static void invalid_utf8_is_refused(void **state)
{
	static const char *const texts[] = {
		"\"\xff\"",     "\"\xc0\xaf\"",         "\"\xed\xa0\x80\"",
		"\"\xe2\x82\"", "\"\xf4\x90\x80\x80\"", "{\"\x80\":1}",
		"\xff",         "[1,\xe2\x82]",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		refused(texts[i], E_UTF8);
}

static void escapes_are_undone(void **state)
{
	(void)state;
	CLEANUP(json_free)
	struct json *document = parsed("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"");
	assert_view(json_string_of(document), "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
}

static void doubled_members_are_refused(void **state)
{
	(void)state;
	refused("{\"a\":1,\"a\":2}", E_DUPLICATE);
	refused("{\"a\":1,\"\\u0061\":2}", E_DUPLICATE);
	refused("[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", E_DUPLICATE);
}

static void fault_is_located(void **state)
{
	struct json *document = NULL;
	(void)state;
	struct err e = json_parse(view_of_text("{\"a\": 1, oops}"), &document);
	assert_int_equal(e.code, E_FORMAT);
	assert_in_range(e.detail, 9, 13);
}

static void nest(struct buf *text, size_t depth, const char *open, const char *close)
{
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_append_text(text, open).code, E_OK);
	assert_int_equal(buf_append_text(text, "1").code, E_OK);
	for (size_t i = 0; i < depth; i++)
		assert_int_equal(buf_append_text(text, close).code, E_OK);
}

static struct err parse_nested(size_t depth, const char *open, const char *close)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(json_free) struct json *document = NULL;
	buf_init(&text, 1 << 20);
	nest(&text, depth, open, close);
	return json_parse(buf_view(&text), &document);
}

static void depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_nested(JSON_DEPTH_MAX, "[", "]").code, E_OK);
	assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, "[", "]").code, E_BOUNDS);
	assert_int_equal(parse_nested(JSON_DEPTH_MAX, "{\"a\":", "}").code, E_OK);
	assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1, "{\"a\":", "}").code, E_BOUNDS);
	assert_int_equal(parse_nested(100000, "[", "").code, E_BOUNDS);
}

/* The array itself is a token as well. */
static struct err parse_elements(size_t count, const char *element)
{
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(json_free) struct json *document = NULL;
	buf_init(&text, 1 << 20);
	assert_int_equal(buf_append_text(&text, "[").code, E_OK);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(buf_append_text(&text, i > 0 ? "," : "").code, E_OK);
		assert_int_equal(buf_append_text(&text, element).code, E_OK);
	}
	assert_int_equal(buf_append_text(&text, "]").code, E_OK);
	return json_parse(buf_view(&text), &document);
}

static void number_of_tokens_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_elements(JSON_TOKENS_MAX - 1, "1").code, E_OK);
	assert_int_equal(parse_elements(JSON_TOKENS_MAX, "1").code, E_BOUNDS);
	assert_int_equal(parse_elements(JSON_TOKENS_MAX, "\"\"").code, E_BOUNDS);
	assert_int_equal(parse_elements(JSON_TOKENS_MAX, "[]").code, E_BOUNDS);
	assert_int_equal(parse_elements(JSON_TOKENS_MAX / 2, "{\"a\":1}").code, E_BOUNDS);
}

static void a_long_document_has_the_bound_that_it_is_given(void **state)
{
	(void)state;
	CLEANUP(json_free) struct json *document = NULL;
	assert_int_equal(json_parse_long(VIEW_LITERAL("[1,2,3]"), 3, &document).code, E_BOUNDS);
	assert_null(document);
	assert_int_equal(json_parse_long(VIEW_LITERAL("[1,2,3]"), 4, &document).code, E_OK);
}

static void brackets_in_strings_do_not_count(void **state)
{
	(void)state;
	CLEANUP(json_free)
	struct json *document =
		parsed("\"[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[{{{{{{{{{{\"");
	assert_int_equal(json_type_of(document), JSON_TYPE_STRING);
}

static void length_of_numbers_is_bounded(void **state)
{
	char text[JSON_NUMBER_MAX + 2];
	(void)state;
	text[0] = '0';
	text[1] = '.';
	for (size_t i = 2; i <= JSON_NUMBER_MAX; i++)
		text[i] = '1';
	text[JSON_NUMBER_MAX] = '\0';
	CLEANUP(json_free) struct json *document = parsed(text);
	assert_int_equal(json_type_of(document), JSON_TYPE_REAL);
	text[JSON_NUMBER_MAX] = '1';
	text[JSON_NUMBER_MAX + 1] = '\0';
	refused(text, E_BOUNDS);
}

/* A document {"a":"<32 hex digits>"<end>; the digits are the pattern to be searched. */
static void write_random_document(uint8_t document[64], struct memory_pattern *pattern,
				  const char *end)
{
	uint8_t bytes[MEMORY_PATTERN_LEN / 2];
	struct writer w;
	assert_int_equal(entropy_fill(bytes, sizeof bytes).code, E_OK);
	writer_init(&w, document, 64);
	writer_text(&w, "{\"a\":\"");
	hex_encode(&w, VIEW_ARRAY(bytes));
	memory_pattern_init(pattern, document + w.len - MEMORY_PATTERN_LEN);
	writer_text(&w, end);
	assert_int_equal(writer_end_text(&w).code, E_OK);
}

static void nothing_of_a_freed_document_stays_behind(void **state)
{
	static uint8_t text[64];
	struct memory_pattern pattern;
	(void)state;
	write_random_document(text, &pattern, "\"}");
	struct json *document = parsed((const char *)text);
	mem_wipe(text, sizeof text);
	assert_int_equal(memory_search(&pattern), 1); /* in the document */
	json_free(&document);
	assert_int_equal(memory_search(&pattern), 0);
}

static void nothing_of_a_refused_document_stays_behind(void **state)
{
	static uint8_t text[64];
	struct memory_pattern pattern;
	(void)state;
	write_random_document(text, &pattern, "\" oops");
	refused((const char *)text, E_FORMAT);
	mem_wipe(text, sizeof text);
	assert_int_equal(memory_search(&pattern), 0);
}

static void freeing_nothing_is_allowed(void **state)
{
	(void)state;
	struct json *document = NULL;
	json_free(&document);
	document = parsed("{}");
	json_free(&document);
	assert_null(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_may_be_of_any_type),
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(members_are_walked_in_the_order_of_the_text),
		cmocka_unit_test(walking_what_is_no_object_ends_at_once),
		cmocka_unit_test(values_of_another_type_are_zero),
		cmocka_unit_test(integers_have_64_bits),
		cmocka_unit_test(broken_text_is_refused),
		cmocka_unit_test(raw_nul_bytes_are_refused),
		cmocka_unit_test(byte_order_mark_is_refused),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(doubled_members_are_refused),
		cmocka_unit_test(fault_is_located),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(number_of_tokens_is_bounded),
		cmocka_unit_test(a_long_document_has_the_bound_that_it_is_given),
		cmocka_unit_test(brackets_in_strings_do_not_count),
		cmocka_unit_test(length_of_numbers_is_bounded),
		cmocka_unit_test(nothing_of_a_freed_document_stays_behind),
		cmocka_unit_test(nothing_of_a_refused_document_stays_behind),
		cmocka_unit_test(freeing_nothing_is_allowed),
	};
	return cmocka_run_group_tests_name("json_in", tests, start, NULL);
}
