/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/xml_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char room[512];
static struct writer w;
static struct xml_out out;

static int begin(UNUSED void **state)
{
	writer_init(&w, room, sizeof room);
	xml_out_init(&out, &w);
	return 0;
}

static void expect(const char *text)
{
	assert_false(err_failed(xml_out_finish(&out)));
	assert_true(view_equal_text(view_of(room, w.len), text));
}

static void test_elements_nest(UNUSED void **state)
{
	xml_out_begin(&out, "R", "https://x/");
	xml_out_begin(&out, "A", NULL);
	xml_out_text(&out, "B", VIEW_LITERAL("b"));
	xml_out_end(&out);
	xml_out_integer(&out, "C", -7);
	xml_out_end(&out);
	expect("<R xmlns=\"https://x/\"><A><B>b</B></A><C>-7</C></R>");
}

static void test_markup_is_escaped(UNUSED void **state)
{
	xml_out_text(&out, "T", VIEW_LITERAL("a<b>&\"c\"'d'"));
	expect("<T>a&lt;b&gt;&amp;&quot;c&quot;&apos;d&apos;</T>");
}

static void test_line_ends_and_tabs_are_references(UNUSED void **state)
{
	xml_out_text(&out, "T", VIEW_LITERAL("a\tb\r\nc"));
	expect("<T>a&#x9;b&#xD;&#xA;c</T>");
}

static void test_controls_are_replaced(UNUSED void **state)
{
	xml_out_text(&out, "T", VIEW_LITERAL("a\x01\x1f\0b"));
	expect("<T>a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	       "b</T>");
}

static void test_noncharacters_are_replaced(UNUSED void **state)
{
	xml_out_text(&out, "T", VIEW_LITERAL("\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbc"));
	expect("<T>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbc</T>");
}

static void test_broken_utf8_is_replaced(UNUSED void **state)
{
	xml_out_text(&out, "T", VIEW_LITERAL("\xc3\xa4\xff\xc3"));
	expect("<T>\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd</T>");
}

static void test_times_are_in_whole_seconds(UNUSED void **state)
{
	xml_out_time(&out, "E", INT64_C(1763800000999));
	expect("<E>2025-11-22T08:26:40Z</E>");
}

static void test_what_is_open_must_end(UNUSED void **state)
{
	xml_out_begin(&out, "A", NULL);
	assert_true(err_is(xml_out_finish(&out), E_BUG));
}

static void test_an_end_without_a_beginning_is_a_defect(UNUSED void **state)
{
	xml_out_end(&out);
	assert_true(err_is(xml_out_finish(&out), E_BUG));
}

static void test_depth_is_bounded(UNUSED void **state)
{
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		xml_out_begin(&out, "A", NULL);
	assert_true(err_is(xml_out_finish(&out), E_BUG));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_elements_nest),
		TEST(test_markup_is_escaped),
		TEST(test_line_ends_and_tabs_are_references),
		TEST(test_controls_are_replaced),
		TEST(test_noncharacters_are_replaced),
		TEST(test_broken_utf8_is_replaced),
		TEST(test_times_are_in_whole_seconds),
		TEST(test_what_is_open_must_end),
		TEST(test_an_end_without_a_beginning_is_a_defect),
		TEST(test_depth_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
