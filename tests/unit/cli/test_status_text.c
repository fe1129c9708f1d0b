/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static char text[4096];
static bool well;

static const char *label = "lab\\u001b[2Jel";

/* Renders a status whose parts are these. */
static void render(const char *ready, const char *token, const char *refused)
{
	char status[2048];
	assert_int_equal(
		text_format(status, sizeof status,
			    "{\"Version\":\"9.8\",\"UptimeSeconds\":90061,\"Ready\":{%s},"
			    "\"Installation\":{\"Id\":\"ab12\",\"Region\":\"eu-x-1\","
			    "\"Account\":\"000000000007\"},\"Token\":{%s,\"Condition\":\"up\","
			    "\"Label\":\"%s\",\"Suite\":2,\"Lanes\":1},"
			    "\"Store\":{\"Ok\":true},\"Audit\":{\"Ok\":true,\"Lines\":41},"
			    "\"Keys\":{\"Cached\":5,\"VersionsRefused\":%s},"
			    "\"Calls\":{\"Total\":1234,\"Failed\":56,\"UnderWay\":7}}",
			    ready, token, label, refused)
			.code,
		E_OK);
	struct json *json = NULL;
	assert_int_equal(json_parse(view_of_text(status), &json).code, E_OK);
	struct writer w;
	writer_init(&w, text, sizeof text);
	status_text_write(&w, json);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	well = status_text_is_well(json);
	json_free(&json);
}

#define GOOD "\"Ok\":true"
#define BAD "\"Ok\":false,\"Error\":\"E_HSM_AWAY\",\"Reason\":\"it is away\",\"Remedy\":\"look\""

static size_t times(const char *part)
{
	size_t found = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		found++;
	return found;
}

static void a_well_service_says_so_first(void **state)
{
	(void)state;
	render(GOOD, GOOD, "0");
	assert_true(well);
	assert_ptr_equal(strstr(text, "Holdfast is ready.\n"), text);
	assert_non_null(strstr(text, "version 9.8, up 1 d 1 h"));
	assert_non_null(strstr(text, "1234, 56 failed, 7 under way"));
	assert_non_null(strstr(text, "account 000000000007 in eu-x-1, installation ab12"));
	assert_int_equal(times("FAILED"), 0);
	assert_int_equal(times("->"), 0);
}

static void a_trouble_is_told_once_with_its_remedy(void **state)
{
	(void)state;
	render(BAD, BAD, "0");
	assert_false(well);
	assert_ptr_equal(strstr(text, "Holdfast is NOT WELL.\n"), text);
	assert_int_equal(times("FAILED"), 2);
	assert_int_equal(times("token: it is away [E_HSM_AWAY]\n  -> look\n"), 1);
	assert_int_equal(times("->"), 1);
}

static void a_trouble_of_the_whole_is_told(void **state)
{
	(void)state;
	render(BAD, GOOD, "0");
	assert_false(well);
	assert_int_equal(times("service: it is away [E_HSM_AWAY]\n  -> look\n"), 1);
}

static void refused_versions_are_a_trouble(void **state)
{
	(void)state;
	render(GOOD, GOOD, "3");
	assert_false(well);
	assert_non_null(strstr(text, "3 key versions REFUSED"));
	assert_int_equal(times("->"), 1);
}

static void a_token_never_reached_has_no_name_to_show(void **state)
{
	(void)state;
	const char *usual = label;
	label = "";
	render(BAD, BAD, "0");
	label = usual;
	assert_non_null(strstr(text, "  token      FAILED   up\n"));
	assert_null(strstr(text, "serial"));
}

static void control_characters_are_not_printed(void **state)
{
	(void)state;
	render(GOOD, GOOD, "0");
	assert_null(strchr(text, 0x1b));
	assert_non_null(strstr(text, "lab?[2Jel"));
}

static void an_empty_answer_is_not_well(void **state)
{
	(void)state;
	struct json *json = NULL;
	assert_int_equal(json_parse(VIEW_LITERAL("[]"), &json).code, E_OK);
	assert_false(status_text_is_well(json));
	json_free(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_well_service_says_so_first),
		cmocka_unit_test(a_trouble_is_told_once_with_its_remedy),
		cmocka_unit_test(a_trouble_of_the_whole_is_told),
		cmocka_unit_test(refused_versions_are_a_trouble),
		cmocka_unit_test(a_token_never_reached_has_no_name_to_show),
		cmocka_unit_test(control_characters_are_not_printed),
		cmocka_unit_test(an_empty_answer_is_not_well),
	};
	return cmocka_run_group_tests_name("cli status", tests, NULL, NULL);
}
