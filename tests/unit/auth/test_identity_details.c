/* SPDX-License-Identifier: Apache-2.0 */
/* The document of an identity: one text for the same details, and nothing but that is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/identity.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"

#define POLICY "arn:aws:iam::111122223333:policy/"
#define WHOLE                                                                             \
	"{\"Description\":\"rea\\\"der\",\"Document\":\"{\\\"Version\\\":1}\","           \
	"\"PermissionsBoundary\":\"" POLICY "Edge\","                                     \
	"\"Policies\":[{\"Name\":\"A\",\"Document\":\"{}\"},{\"Name\":\"a\",\"Document\"" \
	":\"{ }\"}],\"Tags\":[{\"Key\":\"K\",\"Value\":\"\"}],"                           \
	"\"AttachedPolicies\":[\"" POLICY "P\",\"" POLICY "Q\"],"                         \
	"\"Groups\":[\"admins\",\"readers\"],\"MaxSessionDuration\":3600}"

#define UNORDERED                                             \
	"{\"Policies\":[{\"Name\":\"b\",\"Document\":\"x\"}," \
	"{\"Name\":\"a\",\"Document\":\"y\"}]}"

static struct err read_and_drop(const char *text)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	return auth_details_parse(view_of_text(text), &details);
}

static void assert_code(const char *text, uint16_t code)
{
	struct err e = read_and_drop(text);
	if (e.code != code)
		fail_msg("%s for %.200s", err_name(e), text);
}

static void everything_is_read(UNUSED void **state)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	assert_false(err_failed(auth_details_parse(VIEW_LITERAL(WHOLE), &details)));
	assert_string_equal(details.description, "rea\"der");
	assert_string_equal(details.document, "{\"Version\":1}");
	assert_string_equal(details.boundary, POLICY "Edge");
	assert_int_equal(details.policy_count, 2);
	assert_string_equal(details.policies[1].name, "a");
	assert_string_equal(details.policies[1].text, "{ }");
	assert_int_equal(details.tag_count, 1);
	assert_string_equal(details.tags[0].name, "K");
	assert_string_equal(details.tags[0].text, "");
	assert_int_equal(details.attached_count, 2);
	assert_string_equal(details.attached[0], POLICY "P");
	assert_int_equal(details.group_count, 2);
	assert_string_equal(details.groups[1], "readers");
	assert_int_equal(details.session_seconds_max, 3600);
}

static void what_is_written_is_what_was_read(UNUSED void **state)
{
	static const char *const texts[] = {
		WHOLE, "{}", "{\"Groups\":[\"g\"]}", "{\"Description\":\"\\u0001\"}",
		"{\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"b\",\"Value\":\"\"}]}"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(auth_details_cleanup) struct auth_details details = {0};
		CLEANUP(mem_free_at) char *text = NULL;
		assert_false(err_failed(auth_details_parse(view_of_text(texts[i]), &details)));
		assert_false(err_failed(auth_details_write(&details, &text)));
		assert_string_equal(text, texts[i]);
	}
}

static void nothing_is_an_empty_description(UNUSED void **state)
{
	CLEANUP(auth_details_cleanup) struct auth_details details = {0};
	assert_false(err_failed(auth_details_parse(VIEW_LITERAL("{}"), &details)));
	assert_string_equal(details.description, "");
	assert_null(details.document);
	assert_null(details.boundary);
	assert_null(details.policies);
	assert_null(details.groups);
	assert_int_equal(details.session_seconds_max, 0);
}

static void other_forms_are_refused(UNUSED void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{\"Unknown\":1}",
		"{\"description\":\"\"}",
		"{\"Description\":null}",
		"{\"Description\":1}",
		"{\"Description\":\"a\",\"Description\":\"b\"}",
		"{\"Description\":\"\\u0000\"}",
		"{\"Description\":\"\xff\"}",
		"{\"Document\":\"\"}",
		"{\"Document\":{}}",
		"{\"PermissionsBoundary\":\"\"}",
		"{\"Policies\":{}}",
		"{\"Policies\":[1]}",
		"{\"Policies\":[{\"Name\":\"a\"}]}",
		"{\"Policies\":[{\"Name\":\"a\",\"Text\":\"b\"}]}",
		"{\"Policies\":[{\"Name\":\"a\",\"Document\":\"b\",\"More\":\"c\"}]}",
		"{\"Policies\":[{\"Name\":\"\",\"Document\":\"b\"}]}",
		"{\"Policies\":[{\"Name\":\"a\",\"Document\":\"\"}]}",
		UNORDERED,
		"{\"Tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"a\",\"Value\":\"2\"}]}",
		"{\"Tags\":[{\"Key\":\"a\",\"Value\":1}]}",
		"{\"AttachedPolicies\":[\"b\",\"a\"]}",
		"{\"AttachedPolicies\":[\"\"]}",
		"{\"Groups\":[\"a\",\"a\"]}",
		"{\"Groups\":[\"a\",null]}",
		"{\"Groups\":\"a\"}",
		"{\"MaxSessionDuration\":\"3600\"}",
		"{\"MaxSessionDuration\":3600.0}",
		"{} {}",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_code(texts[i], E_FORMAT);
}

/* {"<list>":["000","001",...]} */
static void write_list(const char *list, size_t count, char *text, size_t cap)
{
	struct writer w;
	writer_init(&w, text, cap);
	writer_format(&w, "{\"%s\":[", list);
	for (size_t i = 0; i < count; i++)
		writer_format(&w, "%s\"%03zu\"", i ? "," : "", i);
	writer_text(&w, "]}");
	assert_false(err_failed(writer_end_text(&w)));
}

static void lists_are_bounded(UNUSED void **state)
{
	static const struct {
		const char *list;
		size_t max;
	} rows[] = {{"AttachedPolicies", AUTH_ATTACHED_MAX}, {"Groups", AUTH_GROUPS_MAX}};
	char text[2048];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		write_list(rows[i].list, rows[i].max, text, sizeof text);
		assert_code(text, E_OK);
		write_list(rows[i].list, rows[i].max + 1, text, sizeof text);
		assert_code(text, E_BOUNDS);
	}
}

static void tags_are_bounded(UNUSED void **state)
{
	char text[4096];
	for (size_t count = AUTH_TAGS_MAX; count <= AUTH_TAGS_MAX + 1; count++) {
		struct writer w;
		writer_init(&w, text, sizeof text);
		writer_text(&w, "{\"Tags\":[");
		for (size_t i = 0; i < count; i++)
			writer_format(&w, "%s{\"Key\":\"%03zu\",\"Value\":\"\"}", i ? "," : "", i);
		writer_text(&w, "]}");
		assert_false(err_failed(writer_end_text(&w)));
		assert_code(text, count > AUTH_TAGS_MAX ? E_BOUNDS : E_OK);
	}
}

static void lengths_are_bounded(UNUSED void **state)
{
	static char text[AUTH_DETAILS_MAX + 64];
	static const struct {
		const char *before, *after;
		size_t max;
	} rows[] = {
		{"{\"Description\":\"", "\"}", 4096},
		{"{\"Document\":\"", "\"}", 32768},
		{"{\"PermissionsBoundary\":\"", "\"}", AUTH_ARN_MAX},
		{"{\"AttachedPolicies\":[\"", "\"]}", AUTH_ARN_MAX},
		{"{\"Groups\":[\"", "\"]}", AUTH_NAME_MAX},
		{"{\"Policies\":[{\"Name\":\"", "\",\"Document\":\"x\"}]}", AUTH_NAME_MAX},
		{"{\"Policies\":[{\"Name\":\"x\",\"Document\":\"", "\"}]}", 32768},
		{"{\"Tags\":[{\"Key\":\"", "\",\"Value\":\"\"}]}", 512},
		{"{\"Tags\":[{\"Key\":\"x\",\"Value\":\"", "\"}]}", 1024},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t over = 0; over < 2; over++) {
			struct writer w;
			writer_init(&w, text, sizeof text);
			writer_text(&w, rows[i].before);
			for (size_t n = 0; n < rows[i].max + over; n++)
				writer_u8(&w, 'x');
			writer_text(&w, rows[i].after);
			assert_false(err_failed(writer_end_text(&w)));
			assert_code(text, over ? E_BOUNDS : E_OK);
		}
}

static void session_length_is_bounded(UNUSED void **state)
{
	assert_code("{\"MaxSessionDuration\":899}", E_BOUNDS);
	assert_code("{\"MaxSessionDuration\":900}", E_OK);
	assert_code("{\"MaxSessionDuration\":43200}", E_OK);
	assert_code("{\"MaxSessionDuration\":43201}", E_BOUNDS);
	assert_code("{\"MaxSessionDuration\":-1}", E_BOUNDS);
}

/* As much as is allowed of each may still be more than a row takes. */
static void whole_is_bounded(UNUSED void **state)
{
	static char large[32768 + 1];
	for (size_t i = 0; i < sizeof large - 1; i++)
		large[i] = 'x';
	char a[] = "a", b[] = "b", none[] = "";
	struct auth_named_text policies[] = {{a, large}, {b, large}};
	const struct auth_details details = {
		.description = none, .document = large, .policies = policies, .policy_count = 2};
	char *text = NULL;
	assert_true(err_is(auth_details_write(&details, &text), E_BOUNDS));
	assert_null(text);
	static char over[AUTH_DETAILS_MAX + 2];
	for (size_t i = 0; i < sizeof over - 1; i++)
		over[i] = ' ';
	over[0] = '{';
	over[sizeof over - 2] = '}';
	assert_code(over, E_BOUNDS);
	over[sizeof over - 3] = '}';
	over[sizeof over - 2] = '\0';
	assert_code(over, E_OK);
}

static void what_could_not_be_read_is_not_written(UNUSED void **state)
{
	char a[] = "a", b[] = "b", none[] = "";
	char *unordered[] = {b, a};
	const struct auth_details details = {
		.description = none, .groups = unordered, .group_count = 2};
	const struct auth_details silent = {.description = NULL};
	char *text = NULL;
	assert_true(err_is(auth_details_write(&details, &text), E_FORMAT));
	assert_true(err_is(auth_details_write(&silent, &text), E_FORMAT));
	assert_null(text);
}

static int set_up(UNUSED void **state)
{
	return err_failed(json_start());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_read),
		cmocka_unit_test(what_is_written_is_what_was_read),
		cmocka_unit_test(nothing_is_an_empty_description),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(tags_are_bounded),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(session_length_is_bounded),
		cmocka_unit_test(whole_is_bounded),
		cmocka_unit_test(what_could_not_be_read_is_not_written),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
