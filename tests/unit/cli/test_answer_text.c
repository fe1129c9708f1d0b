/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as people see them. */
#include "cli/answer_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"

#define TEXT_MAX 4096

static void show(const char *answer, char out[TEXT_MAX])
{
	CLEANUP(json_free) struct json *json = NULL;
	struct writer w;
	writer_init(&w, out, TEXT_MAX);
	assert_false(err_failed(json_parse(view_of_text(answer), &json)));
	answer_text_write(&w, json);
	assert_false(err_failed(writer_end_text(&w)));
}

#define EXPECT(answer, expected)                      \
	do {                                          \
		char text_[TEXT_MAX];                 \
		show(answer, text_);                  \
		assert_string_equal(text_, expected); \
	} while (0)

static void the_one_thing_asked_for_needs_no_name(void **state)
{
	(void)state;
	EXPECT("{\"Identity\":{\"Name\":\"alice\",\"CreateDate\":1.5,\"Groups\":[],"
	       "\"Attached\":[\"a\",\"b\"],\"Administrator\":true,\"Count\":3}}",
	       "Name                  alice\n"
	       "CreateDate            1970-01-01T00:00:01Z\n"
	       "Groups                -\n"
	       "Attached\n"
	       "  a\n"
	       "  b\n"
	       "Administrator         yes\n"
	       "Count                 3\n");
}

static void lists_are_tables(void **state)
{
	(void)state;
	EXPECT("{\"Users\":[{\"Name\":\"alice\",\"Id\":\"1\"},{\"Name\":\"bo\",\"More\":\"x\"}],"
	       "\"Truncated\":true,\"NextMarker\":\"m\"}",
	       "Name   Id  More\n"
	       "alice  1\n"
	       "bo         x\n");
	EXPECT("{\"Users\":[],\"Truncated\":false}", "There is none.\n");
}

static void lists_of_several_pages_are_one_table(void **state)
{
	(void)state;
	static const char *const texts[] = {"[{\"Name\":\"bo\",\"Id\":\"1\"}]", "[]",
					    "[{\"Name\":\"alice\",\"Id\":\"2\"}]"};
	struct json *lists[ARRAY_LEN(texts)] = {NULL};
	const struct json *borrowed[ARRAY_LEN(texts)];
	char out[TEXT_MAX];
	struct writer w;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_false(err_failed(json_parse(view_of_text(texts[i]), &lists[i])));
		borrowed[i] = lists[i];
	}
	writer_init(&w, out, sizeof out);
	answer_text_write_lists(&w, borrowed, ARRAY_LEN(borrowed));
	assert_false(err_failed(writer_end_text(&w)));
	assert_string_equal(out, "Name   Id\nbo     1\nalice  2\n");
	writer_init(&w, out, sizeof out);
	answer_text_write_lists(&w, &borrowed[1], 1);
	assert_false(err_failed(writer_end_text(&w)));
	assert_string_equal(out, "There is none.\n");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		json_free(&lists[i]);
}

static void what_comes_next_has_the_answers_names(void **state)
{
	(void)state;
	CLEANUP(json_free) struct json *json = NULL;
	char out[TEXT_MAX];
	struct writer w;
	assert_false(err_failed(
		json_parse(VIEW_LITERAL("{\"Identity\":{\"Name\":\"al\\u001bice\"}}"), &json)));
	writer_init(&w, out, sizeof out);
	answer_text_write_next(&w, VIEW_LITERAL("key of {Name}, {Other}; {Name"), json);
	assert_false(err_failed(writer_end_text(&w)));
	assert_string_equal(out, "key of al?ice, ; al?ice");
}

static void verdicts_are_words(void **state)
{
	(void)state;
	EXPECT("{\"Rows\":3,\"Verdict\":\"E_OK\"}",
	       "Rows                  3\n"
	       "Verdict               sound: every row carries its seal\n");
	EXPECT("{\"Rows\":3,\"Verdict\":\"E_STORE_SEAL\"}",
	       "Rows                  3\n"
	       "Verdict               rows are refused in it, as in the store: see holdfast store "
	       "verify\n");
}

static void documents_stand_below_their_name(void **state)
{
	(void)state;
	EXPECT("{\"I\":{\"Policies\":[{\"PolicyName\":\"p\",\"Document\":\"{\\n}\"}]}}",
	       "Policies\n"
	       "  PolicyName            p\n"
	       "  Document\n"
	       "    {\n"
	       "    }\n");
}

static void nothing_steers_the_terminal(void **state)
{
	(void)state;
	EXPECT("{\"I\":{\"Name\":\"a\\u001b[2Jb\\u007f\"}}", "Name                  a?[2Jb?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_thing_asked_for_needs_no_name),
		cmocka_unit_test(lists_are_tables),
		cmocka_unit_test(lists_of_several_pages_are_one_table),
		cmocka_unit_test(what_comes_next_has_the_answers_names),
		cmocka_unit_test(verdicts_are_words),
		cmocka_unit_test(documents_stand_below_their_name),
		cmocka_unit_test(nothing_steers_the_terminal),
	};
	return cmocka_run_group_tests_name("cli answer text", tests, NULL, NULL);
}
