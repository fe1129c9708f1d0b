/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the validator, as AWS puts them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "service/shapes.h"
#include "service/tags.h"

static const char *const colours[] = {"RED", "GREEN", NULL};
static const struct schema_shape colour = {.type = SCHEMA_STRING, .values = colours};
static const struct schema_shape list = {.type = SCHEMA_LIST,
					 .has_min = true,
					 .min = 1,
					 .has_max = true,
					 .max = 2,
					 .element = &colour};
static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{"Plaintext", &shape_plaintext, false},
	{"NumberOfBytes", &shape_number_of_bytes, false},
	{"Colour", &colour, false},
	{"Colours", &list, false},
	{"DryRun", &shape_boolean, false},
	{"EncryptionContext", &shape_context, false},
	{"Marker", &shape_marker, false},
	{"Tags", &shape_tags, false},
	{NULL, NULL, false},
};
static const struct schema_shape shape = {.type = SCHEMA_STRUCTURE, .members = members};

static void check(const char *text, enum err_code code, const char *message)
{
	CLEANUP(json_free) struct json *input = NULL;
	CLEANUP(buf_cleanup) struct buf said;
	buf_init(&said, SCHEMA_MESSAGE_MAX);
	assert_int_equal(json_parse(view_of_text(text), &input).code, E_OK);
	assert_int_equal(schema_validate(&shape, input, &said).code, code);
	assert_int_equal(buf_append(&said, VIEW_LITERAL("\0")).code, E_OK);
	assert_string_equal((const char *)said.ptr, message);
}

#define ONE "1 validation error detected: "
#define BROKEN "' failed to satisfy constraint: Member must "

static void test_constraints(UNUSED void **state)
{
	static const struct {
		const char *input, *message;
	} rows[] = {
		{"{}", ONE "Value null at 'keyId" BROKEN "not be null"},
		{"{\"KeyId\":null}", ONE "Value null at 'keyId" BROKEN "not be null"},
		{"{\"KeyId\":\"\"}",
		 ONE "Value '' at 'keyId" BROKEN "have length greater than or equal to 1"},
		{"{\"KeyId\":\"k\",\"Plaintext\":\"\"}",
		 ONE "Value at 'plaintext" BROKEN "have length greater than or equal to 1"},
		{"{\"KeyId\":\"k\",\"NumberOfBytes\":1025}", ONE
		 "Value '1025' at 'numberOfBytes" BROKEN "have value less than or equal to 1024"},
		{"{\"KeyId\":\"k\",\"NumberOfBytes\":0}",
		 ONE "Value '0' at 'numberOfBytes" BROKEN "have value greater than or equal to 1"},
		{"{\"KeyId\":\"k\",\"Colour\":\"BLUE\"}",
		 ONE "Value 'BLUE' at 'colour" BROKEN "satisfy enum value set: [RED, GREEN]"},
		{"{\"KeyId\":\"k\",\"Colours\":[]}",
		 ONE "Value '[]' at 'colours" BROKEN "have length greater than or equal to 1"},
		{"{\"KeyId\":\"k\",\"Colours\":[\"RED\",\"BLUE\"]}",
		 ONE "Value '[RED, BLUE]' at 'colours" BROKEN
		     "satisfy constraint: [Member must satisfy enum value set: [RED, GREEN]]"},
		{"{\"KeyId\":\"k\",\"Marker\":\"\\u0100\"}",
		 ONE "Value '\xc4\x80' at 'marker" BROKEN
		     "satisfy regular expression pattern: [\\u0020-\\u00FF]*"},
		{"{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"\",\"TagValue\":\"v\"}]}",
		 ONE "Value '' at 'tags.1.member.tagKey" BROKEN
		     "have length greater than or equal to 1"},
		{"{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"v\"},{\"TagKey\":"
		 "\"b\"}]}",
		 ONE "Value null at 'tags.2.member.tagValue" BROKEN "not be null"},
		{"{\"KeyId\":\"\",\"NumberOfBytes\":0}",
		 "2 validation errors detected: Value '' at 'keyId" BROKEN
		 "have length greater than or equal to 1; Value '0' at 'numberOfBytes" BROKEN
		 "have value greater than or equal to 1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].input, E_VALIDATION, rows[i].message);
}

static void test_types(UNUSED void **state)
{
	static const struct {
		const char *input, *message;
	} rows[] = {
		{"{\"KeyId\":1}", "NUMBER_VALUE can not be converted to a String"},
		{"{\"KeyId\":true}", "TRUE_VALUE can not be converted to a String"},
		{"{\"KeyId\":{}}", "Start of structure or map found where not expected."},
		{"{\"KeyId\":[]}", "Start of list found where not expected"},
		{"{\"DryRun\":\"true\"}", "STRING_VALUE can not be converted to a Boolean"},
		{"{\"NumberOfBytes\":\"1\"}", "STRING_VALUE can not be converted to an Integer"},
		{"{\"NumberOfBytes\":1.5}", "NUMBER_VALUE can not be converted to an Integer"},
		{"{\"Colours\":\"RED\"}", "Expected list or null"},
		{"{\"EncryptionContext\":[]}", "Expected map or null"},
		{"{\"EncryptionContext\":{\"a\":null}}",
		 "NULL_VALUE can not be converted to a String"},
		{"{\"Tags\":[1]}", "Expected map or null"},
		{"[]", "Expected map or null"},
		{"{\"Plaintext\":\"a\"}", "The value is not valid Base64."},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].input, E_SERIALIZATION, rows[i].message);
}

static void test_what_is_right_says_nothing(UNUSED void **state)
{
	check("{\"KeyId\":\"k\"}", E_OK, "");
	check("{\"KeyId\":\"k\",\"Plaintext\":null,\"Unknown\":{\"deep\":[1]}}", E_OK, "");
	check("{\"KeyId\":\"k\",\"Colours\":[\"RED\"],\"EncryptionContext\":{}}", E_OK, "");
}

/* Lengths count characters of text and decoded bytes of blobs. */
static void test_lengths(UNUSED void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
	} rows[] = {{"", 0}, {"AA==", 1}, {"AAA=", 2}, {"AAAA", 3}, {"AAAAAA==", 4}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(schema_blob_length(view_of_text(rows[i].text)), rows[i].bytes);
}

/* A value is repeated up to a bound, and a character is never cut in two. */
static void test_long_values_are_cut(UNUSED void **state)
{
	static char input[8192];
	CLEANUP(json_free) struct json *document = NULL;
	CLEANUP(buf_cleanup) struct buf said;
	struct writer w;
	buf_init(&said, SCHEMA_MESSAGE_MAX);
	writer_init(&w, input, sizeof input);
	writer_text(&w, "{\"KeyId\":\"k\",\"Colour\":\"x");
	for (size_t i = 0; i < SCHEMA_VALUE_MAX; i++)
		writer_text(&w, "\xc3\xa9");
	writer_text(&w, "\"}");
	assert_int_equal(json_parse(view_of(input, w.len), &document).code, E_OK);
	assert_int_equal(schema_validate(&shape, document, &said).code, E_VALIDATION);
	assert_true(said.len < SCHEMA_VALUE_MAX + 256);
	assert_int_equal(buf_append(&said, VIEW_LITERAL("\0")).code, E_OK);
	assert_non_null(strstr((const char *)said.ptr, "\xc3\xa9' at 'colour'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constraints),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_what_is_right_says_nothing),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_long_values_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
