/* SPDX-License-Identifier: Apache-2.0 */
/* Text that others wrote, in a page: it is shown, and is never part of the page. */
#include "cli/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char page[4096];

static const char *escaped(struct view text)
{
	struct writer w;
	writer_init(&w, page, sizeof page);
	html_text(&w, text);
	assert_int_equal(writer_end_text(&w).code, E_OK);
	return page;
}

static void what_is_markup_is_escaped(void **state)
{
	(void)state;
	assert_string_equal(escaped(VIEW_LITERAL("<script>alert('a' & \"b\")</script>")),
			    "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;");
	assert_string_equal(escaped(VIEW_LITERAL("&amp;")), "&amp;amp;");
}

static void no_byte_of_ascii_makes_markup(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x80; c++) {
		uint8_t byte = (uint8_t)c;
		const char *text = escaped(view_of(&byte, 1));
		assert_null(strpbrk(text, "<>\"'"));
		assert_true(text[0] != '&' || strchr(text, ';') != NULL);
	}
}

static void policies_keep_their_lines(void **state)
{
	(void)state;
	assert_string_equal(escaped(VIEW_LITERAL("{\n\t\"Id\": 1\r\n}")),
			    "{\n\t&quot;Id&quot;: 1\r\n}");
}

static void control_characters_and_bad_utf8_are_replaced(void **state)
{
	(void)state;
	assert_string_equal(escaped(VIEW_LITERAL("a\0b\x1b[2J\x7f")),
			    "a\xef\xbf\xbd"
			    "b\xef\xbf\xbd[2J\xef\xbf\xbd");
	assert_string_equal(escaped(VIEW_LITERAL("\xff\xc0\xaf<")),
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd&lt;");
	assert_string_equal(escaped(VIEW_LITERAL("\xe2\x82")), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void letters_of_all_scripts_stay(void **state)
{
	(void)state;
	assert_string_equal(escaped(VIEW_LITERAL("Schlüssel ключ 鍵 🔑")), "Schlüssel ключ 鍵 🔑");
}

/* U+202E turns what follows round: "exe.txt" could be read for "txt.exe". */
static void marks_that_turn_text_round_are_told(void **state)
{
	(void)state;
	assert_string_equal(escaped(VIEW_LITERAL("a\xe2\x80\xae"
						 "b")),
			    "a[U+202E]b");
	assert_string_equal(escaped(VIEW_LITERAL("\xe2\x80\x8b\xe2\x81\xa6\xef\xbb\xbf")),
			    "[U+200B][U+2066][U+FEFF]");
	assert_string_equal(escaped(VIEW_LITERAL("\xd8\x9c\xc2\xad\xf3\xa0\x81\x81")),
			    "[U+061C][U+00AD][U+E0041]");
}

static void a_pair_without_text_is_left_out(void **state)
{
	(void)state;
	struct writer w;
	writer_init(&w, page, sizeof page);
	html_pair(&w, "Name", VIEW_NONE);
	assert_int_equal(w.len, 0);
	html_pair_code(&w, "Name", VIEW_LITERAL("<b>"));
	assert_int_equal(writer_end_text(&w).code, E_OK);
	assert_string_equal(page, "<tr><th scope=\"row\">Name</th><td><code>&lt;b&gt;</code></td>"
				  "</tr>\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_markup_is_escaped),
		cmocka_unit_test(no_byte_of_ascii_makes_markup),
		cmocka_unit_test(policies_keep_their_lines),
		cmocka_unit_test(control_characters_and_bad_utf8_are_replaced),
		cmocka_unit_test(letters_of_all_scripts_stay),
		cmocka_unit_test(marks_that_turn_text_round_are_told),
		cmocka_unit_test(a_pair_without_text_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
