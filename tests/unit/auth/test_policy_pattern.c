/* SPDX-License-Identifier: Apache-2.0 */
/* Wildcards against a matcher that is slow and obvious, and against what would be slow. */
#include <string.h>

#include "policy_example.h"

#define LENGTH_MAX 12
#define ROUNDS 20000

static uint32_t seed = 20261122;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % below;
}

static void draw_text(const char *letters, char out[LENGTH_MAX + 1])
{
	uint32_t length = draw(LENGTH_MAX + 1);
	for (uint32_t i = 0; i < length; i++)
		out[i] = letters[draw((uint32_t)strlen(letters))];
	out[length] = '\0';
}

/* fits[i][k]: the last i characters of the pattern fit the last k of the text. */
static bool obviously_fits(struct view pattern, struct view text)
{
	bool fits[LENGTH_MAX + 1][LENGTH_MAX + 1] = {{true}};
	for (size_t i = 1; i <= pattern.len; i++) {
		uint8_t p = pattern.ptr[pattern.len - i];
		for (size_t k = 0; k <= text.len; k++) {
			bool one = k > 0 && fits[i - 1][k - 1] &&
				   (p == '?' || p == text.ptr[text.len - k]);
			bool run = p == '*' && (fits[i - 1][k] || (k > 0 && fits[i][k - 1]));
			fits[i][k] = run || (one && p != '*');
		}
	}
	return fits[pattern.len][text.len];
}

/* Of both, the first five colons separate. */
static bool obviously_fits_arn(struct view pattern, struct view text)
{
	for (size_t i = 0; i < 5; i++) {
		struct view pattern_part = view_cut(&pattern, ':');
		struct view text_part = view_cut(&text, ':');
		if (pattern.ptr == NULL || text.ptr == NULL ||
		    !obviously_fits(pattern_part, text_part))
			return false;
	}
	return obviously_fits(pattern, text);
}

static bool fits(const char *operator, const char * pattern, const char *text)
{
	const struct view value = view_of_text(text);
	struct auth_context context = {0};
	char condition[256];
	auth_context_put_text(&context, AUTH_AWS_USER_NAME, &value);
	snprintf(condition, sizeof condition, "{\"%s\":{\"aws:username\":\"%s\"}}", operator,
		 pattern);
	return holds(condition, &context);
}

static void runs_fit_what_they_obviously_fit(void **state)
{
	size_t fitting = 0;
	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		char pattern[LENGTH_MAX + 1], text[LENGTH_MAX + 1];
		draw_text("ab*?*", pattern);
		draw_text("aab", text);
		bool expected = obviously_fits(view_of_text(pattern), view_of_text(text));
		if (fits("StringLike", pattern, text) != expected)
			fail_msg("\"%s\" and \"%s\"", pattern, text);
		fitting += expected;
	}
	assert_in_range(fitting, ROUNDS / 20, ROUNDS / 2);
}

static void parts_of_arns_fit_what_they_obviously_fit(void **state)
{
	size_t fitting = 0, asked_of = 0;
	(void)state;
	for (size_t i = 0; i < 10 * ROUNDS && asked_of < ROUNDS; i++) {
		char pattern[LENGTH_MAX + 1], text[LENGTH_MAX + 1];
		size_t colons = 0;
		draw_text("::a*?:*", pattern);
		draw_text("::a:b", text);
		for (size_t k = 0; pattern[k] != '\0'; k++)
			colons += pattern[k] == ':';
		if (colons < 5)
			continue;
		asked_of++;
		bool expected = obviously_fits_arn(view_of_text(pattern), view_of_text(text));
		if (fits("ArnLike", pattern, text) != expected)
			fail_msg("\"%s\" and \"%s\"", pattern, text);
		fitting += expected;
	}
	assert_in_range(fitting, 20, ROUNDS / 2);
}

/* `unit` again and again, then `end`, against a long text of one letter. */
static bool long_text_fits(const char *unit, size_t count, const char *end)
{
	static char condition[STATEMENT_MAX - 256], text[8192];
	const struct view value = VIEW_ARRAY(text);
	struct auth_context context = {0};
	size_t at = 0;
	memset(text, 'a', sizeof text);
	auth_context_put_text(&context, AUTH_AWS_USER_NAME, &value);
	at += (size_t)snprintf(condition, sizeof condition, "{\"StringLike\":{\"aws:username\":\"");
	for (size_t i = 0; i < count && at < sizeof condition - 64; i++)
		at += (size_t)snprintf(condition + at, sizeof condition - at, "%s", unit);
	snprintf(condition + at, sizeof condition - at, "%s\"}}", end);
	return holds(condition, &context);
}

/* What takes exponential time where every run is tried again. */
static void runs_after_runs_are_quick(void **state)
{
	(void)state;
	assert_false(long_text_fits("*a", 3000, "b"));
	assert_false(long_text_fits("*a?", 500, "b"));
	assert_false(long_text_fits("*aaaaaaa", 700, "*b*"));
	assert_true(long_text_fits("*a", 3000, "*"));
	assert_true(long_text_fits("*a?", 500, "*a"));
	assert_false(long_text_fits("*a?", 500, "**b*"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_fit_what_they_obviously_fit),
		cmocka_unit_test(parts_of_arns_fit_what_they_obviously_fit),
		cmocka_unit_test(runs_after_runs_are_quick),
	};
	return cmocka_run_group_tests_name("policy patterns", tests, start_json, NULL);
}
