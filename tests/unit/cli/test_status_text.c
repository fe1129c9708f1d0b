/* SPDX-License-Identifier: Apache-2.0 */
/* A status for people: the verdict first, each trouble with what to do, nothing that a terminal
 * would obey. */
#include "cli/status_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char text[4096];
static enum exit_status status;

static void render(const char *json_text, bool colour)
{
	struct json *json = NULL;
	assert_int_equal(json_parse(view_of_text(json_text), &json).code, E_OK);
	struct writer w;
	writer_init(&w, text, sizeof text);
	status_text_write(&w, json, colour);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	status = status_text_exit(json);
	json_free(&json);
}

#define WELL "{\"Name\":\"store\",\"Level\":\"ok\",\"Detail\":\"readable\"}"
#define LOW                                                                                    \
	"{\"Name\":\"audit disk\",\"Level\":\"warning\",\"Detail\":\"7 MiB free\",\"Remedy\":" \
	"\"make room\"}"
#define AWAY "{\"Name\":\"token\",\"Level\":\"failure\",\"Detail\":\"away\",\"Remedy\":\"look\"}"

static void a_well_service_says_so_first(void **state)
{
	(void)state;
	render("{\"Status\":\"ok\",\"Checks\":[" WELL "]}", false);
	assert_string_equal(text, "Holdfast is well.\n\n  store           ok      readable\n");
	assert_int_equal(status, EXIT_DONE);
}

/* The longest name that there is. */
static void names_leave_room_before_the_word(void **state)
{
	(void)state;
	render("{\"Status\":\"ok\",\"Checks\":[{\"Name\":\"events endpoint\",\"Level\":\"ok\","
	       "\"Detail\":\"told\"}]}",
	       false);
	assert_non_null(strstr(text, "  events endpoint ok      told\n"));
}

static void a_warning_comes_with_its_remedy_below(void **state)
{
	(void)state;
	render("{\"Status\":\"warning\",\"Checks\":[" WELL "," LOW "]}", false);
	assert_string_equal(text, "Holdfast serves, and needs attention.\n\n"
				  "  store           ok      readable\n"
				  "  audit disk      WARNING 7 MiB free\n"
				  "                  -> make room\n");
	assert_int_equal(status, EXIT_WARNING);
}

static void a_failure_is_told_as_one(void **state)
{
	(void)state;
	render("{\"Status\":\"failure\",\"Checks\":[" AWAY "," LOW "]}", false);
	assert_ptr_equal(strstr(text, "Holdfast is NOT WELL.\n"), text);
	assert_non_null(
		strstr(text, "  token           FAILED  away\n                  -> look\n"));
	assert_int_equal(status, EXIT_UNWELL);
}

static void colours_are_for_terminals(void **state)
{
	(void)state;
	render("{\"Status\":\"failure\",\"Checks\":[" AWAY "," WELL "]}", true);
	assert_non_null(strstr(text, "\033[31mFAILED  \033[0maway"));
	assert_null(strstr(text, "\033[32mok"));
	render("{\"Status\":\"failure\",\"Checks\":[" AWAY "]}", false);
	assert_null(strchr(text, '\033'));
}

static void what_a_terminal_would_obey_is_replaced(void **state)
{
	(void)state;
	render("{\"Status\":\"ok\",\"Checks\":[{\"Name\":\"a\\u001bc\",\"Level\":\"ok\","
	       "\"Detail\":\"lab\\u001b[2Jel\\n\\u00e9\"}]}",
	       false);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "lab?[2Jel???"));
}

static void what_is_not_known_is_not_well(void **state)
{
	(void)state;
	render("{\"Status\":\"splendid\",\"Checks\":[]}", false);
	assert_int_equal(status, EXIT_UNWELL);
	render("{}", false);
	assert_int_equal(status, EXIT_DEFECT);
}

static void groups_have_headings_and_a_verdict_of_their_own(void **state)
{
	(void)state;
	render("{\"Status\":\"unknown\",\"Verdict\":\"Some could not be seen.\",\"Checks\":["
	       "{\"Group\":\"Store\",\"Name\":\"seals\",\"Level\":\"unknown\",\"Detail\":\"away\","
	       "\"Remedy\":\"start it\"},"
	       "{\"Group\":\"Store\",\"Name\":\"schema\",\"Level\":\"ok\",\"Detail\":\"5\"},"
	       "{\"Group\":\"Units\",\"Name\":\"holdfast-token.service\",\"Level\":\"ok\","
	       "\"Detail\":\"none\"}]}",
	       false);
	assert_string_equal(text, "Some could not be seen.\n\n"
				  "Store\n"
				  "  seals                  UNSEEN  away\n"
				  "                         -> start it\n"
				  "  schema                 ok      5\n"
				  "\n"
				  "Units\n"
				  "  holdfast-token.service ok      none\n");
	assert_int_equal(status, EXIT_WARNING);
}

static void what_is_to_be_done_about_several_rows_is_said_once(void **state)
{
	(void)state;
	render("{\"Status\":\"failure\",\"Checks\":["
	       "{\"Name\":\"a\",\"Level\":\"failure\",\"Detail\":\"x\",\"Remedy\":\"do\"},"
	       "{\"Name\":\"b\",\"Level\":\"failure\",\"Detail\":\"y\",\"Remedy\":\"do\"},"
	       "{\"Name\":\"c\",\"Level\":\"failure\",\"Detail\":\"z\",\"Remedy\":\"other\"}]}",
	       false);
	assert_string_equal(text, "Holdfast is NOT WELL.\n\n"
				  "  a               FAILED  x\n"
				  "  b               FAILED  y\n"
				  "                  -> do\n"
				  "  c               FAILED  z\n"
				  "                  -> other\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_service_says_so_first),
		cmocka_unit_test(names_leave_room_before_the_word),
		cmocka_unit_test(a_warning_comes_with_its_remedy_below),
		cmocka_unit_test(a_failure_is_told_as_one),
		cmocka_unit_test(colours_are_for_terminals),
		cmocka_unit_test(what_a_terminal_would_obey_is_replaced),
		cmocka_unit_test(what_is_not_known_is_not_well),
		cmocka_unit_test(groups_have_headings_and_a_verdict_of_their_own),
		cmocka_unit_test(what_is_to_be_done_about_several_rows_is_said_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
