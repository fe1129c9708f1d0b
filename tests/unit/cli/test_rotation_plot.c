/* SPDX-License-Identifier: Apache-2.0 */
/* The plot: a row per key, a mark per version where its time is, and nothing but SVG. */
#include "cli/rotation_plot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */
#define VERSION(number, created, made)                                                             \
	"{\"Number\":" number ",\"Created\":\"" created "T00:00:00.000Z\",\"MadeBy\":\"" made "\"" \
	"}"

static struct buf svg;

static const char *plot(const char *keys)
{
	struct json *json = NULL;
	struct writer w;
	assert_int_equal(json_parse(view_of_text(keys), &json).code, E_OK);
	buf_cleanup(&svg);
	buf_init(&svg, (size_t)4 << 20);
	writer_init_buf(&w, &svg);
	rotation_plot_write(&w, json, NOW_MS);
	writer_u8(&w, '\0');
	assert_int_equal(writer_end(&w).code, E_OK);
	json_free(&json);
	return (const char *)svg.ptr;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

static int teardown(void **state)
{
	(void)state;
	buf_cleanup(&svg);
	return 0;
}

static void each_version_has_a_mark_of_its_kind(void **state)
{
	(void)state;
	const char *text =
		plot("[{\"KeyId\":\"k\",\"Aliases\":[\"alias/a\"],\"Versions\":[" VERSION(
			"1", "2024-01-01",
			"CREATION") "," VERSION("2", "2025-01-01",
						"AUTOMATIC") "," VERSION("3", "2025-07-01",
									 "ON_DEMAND") "],"
										      "\"RotationSe"
										      "ttings\":{"
										      "\"Next\":"
										      "\"2026-07-"
										      "01T00:00:00."
										      "000Z\"}}]");
	assert_int_equal(count(text, "<circle class=\"first\" r=\"5\""), 1);
	assert_int_equal(count(text, "<circle class=\"auto\" r=\"5\""), 1);
	assert_int_equal(count(text, "<path class=\"demand\" d=\"M"), 2); /* and the legend's */
	assert_int_equal(count(text, "<circle class=\"next\" r=\"4\""), 1);
	assert_int_equal(count(text, "<title>version "), 3);
	assert_non_null(strstr(text, ">alias/a</text>"));
	assert_null(strstr(text, "not drawn"));
}

/* The middle of three years is in the middle: of 985 - 268, 2.5 % are room at each end. */
static void time_goes_from_left_to_right(void **state)
{
	(void)state;
	const char *text = plot("[{\"KeyId\":\"k\",\"Versions\":[" VERSION(
		"1", "2024-01-01", "CREATION") "," VERSION("2", "2025-01-01", "AUTOMATIC") "]}]");
	double first = 0, second = 0;
	const char *at = strstr(text, "class=\"first\" r=\"5\"");
	assert_non_null(at);
	assert_int_equal(sscanf(strstr(at, "cx=\""), "cx=\"%lf", &first), 1);
	at = strstr(text, "class=\"auto\" r=\"5\"");
	assert_non_null(at);
	assert_int_equal(sscanf(strstr(at, "cx=\""), "cx=\"%lf", &second), 1);
	assert_true(first > 284 && first < 287);
	assert_true(second > 626 && second < 629);
}

static void names_are_text(void **state)
{
	(void)state;
	const char *text = plot("[{\"KeyId\":\"k\",\"Aliases\":[\"<script>\"],\"Versions\":[]}]");
	assert_null(strstr(text, "<script>"));
	assert_non_null(strstr(text, "&lt;script&gt;"));
}

/* A character that is as wide as two takes two cells; in between there is one for what is left out.
 */
static void long_names_keep_both_ends_and_whole_characters(void **state)
{
	(void)state;
	const char *text =
		plot("[{\"KeyId\":\"k\",\"Aliases\":["
		     "\"鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵"
		     "鍵鍵鍵鍵鍵鍵鍵\"],\"Versions\":[]}]");
	assert_int_equal(count(text, "鍵"), 10 + 7);
	assert_int_equal(count(text, "鍵…鍵"), 1);
	assert_null(strstr(text, "\xef\xbf\xbd"));
	text = plot("[{\"KeyId\":\"k\",\"Aliases\":[\"alias/fraud-detection/prod/"
		    "documents-of-customers-17"
		    "\"],\"Versions\":[]}]");
	assert_non_null(strstr(text, ">alias/fraud-detection…f-customers-17</text>"));
	text = plot("[{\"KeyId\":\"0d6f1b1e-4c0a-4f0e-9f55-0e9f6f0f1a2b\",\"Versions\":[]}]");
	assert_non_null(strstr(text, ">0d6f1b1e-4c0a-4f0e-9f55-0e9f6f0f1a2b</text>"));
}

/* A version that a key got because the old one's messages were used up is no new key. */
static void a_rotation_for_another_reason_is_a_rotation(void **state)
{
	(void)state;
	const char *text = plot("[{\"KeyId\":\"k\",\"Versions\":[" VERSION(
		"1", "2024-01-01", "CREATION") "," VERSION("2", "2025-01-01",
							   "MESSAGE_BUDGET") "]}]");
	assert_int_equal(count(text, "<circle class=\"first\" r=\"5\""), 1);
	assert_int_equal(count(text, "<circle class=\"auto\" r=\"5\""), 1);
}

static void no_key_and_a_bad_time_are_no_trouble(void **state)
{
	(void)state;
	assert_non_null(strstr(plot("[]"), "</svg>"));
	assert_non_null(strstr(plot("[{\"KeyId\":\"k\",\"Versions\":[{\"Created\":\"soon\"}]}]"),
			       "</svg>"));
}

static void more_keys_than_rows_are_counted(void **state)
{
	(void)state;
	static char keys[64 << 10];
	struct writer w;
	writer_init(&w, keys, sizeof keys);
	for (size_t i = 0; i < ROTATION_PLOT_KEYS_MAX + 7; i++)
		writer_format(&w, "%c{\"KeyId\":\"k%zu\",\"Versions\":[]}", i == 0 ? '[' : ',', i);
	writer_text(&w, "]");
	assert_int_equal(writer_end_text(&w).code, E_OK);
	const char *text = plot(keys);
	assert_int_equal(count(text, "<text class=\"name\""), ROTATION_PLOT_KEYS_MAX);
	assert_non_null(strstr(text, "7 more keys are not drawn"));
	/* Charts that fit onto a page each, with an axis each. */
	assert_int_equal(count(text, "<svg class=\"plot\""), 9);
	assert_int_equal(count(text, "<line class=\"now\""), 9);
	assert_non_null(strstr(text, "keys 361 to 400"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_a_mark_of_its_kind),
		cmocka_unit_test(time_goes_from_left_to_right),
		cmocka_unit_test(names_are_text),
		cmocka_unit_test(long_names_keep_both_ends_and_whole_characters),
		cmocka_unit_test(a_rotation_for_another_reason_is_a_rotation),
		cmocka_unit_test(no_key_and_a_bad_time_are_no_trouble),
		cmocka_unit_test(more_keys_than_rows_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
