/* SPDX-License-Identifier: Apache-2.0 */
/* Framing and single headers, without a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/head.h"

static enum refusal check(const struct head_field *fields, size_t count, const char *version,
			  struct head *head)
{
	assert_int_equal(head_init(head, VIEW_LITERAL("/p?q=1?2"), fields, count).code, E_OK);
	return head_check(head, view_of_text(version));
}

#define FIELD(name_, value_)                              \
	{                                                 \
		VIEW_LITERAL(name_), VIEW_LITERAL(value_) \
	}

static void assert_refusal(const struct head_field *fields, size_t count, const char *version,
			   enum refusal wanted)
{
	struct head head;
	assert_int_equal(check(fields, count, version, &head), wanted);
	head_cleanup(&head);
}

static void the_target_is_cut_at_the_first_question_mark(void **state)
{
	(void)state;
	const struct head_field fields[] = {FIELD("host", "h")};
	struct head head;
	assert_int_equal(check(fields, 1, "HTTP/1.1", &head), REFUSAL_NONE);
	assert_true(view_equal_text(head.path, "/p"));
	assert_true(view_equal_text(head.query, "q=1?2"));
	assert_int_equal(head.content_length, HEAD_LENGTH_UNKNOWN);
	head_cleanup(&head);
}

static void values_are_copied_and_trimmed(void **state)
{
	(void)state;
	char value[] = " \tx y\t ";
	const struct head_field fields[] = {FIELD("Host", "h"),
					    {VIEW_LITERAL("X-Amz-Target"), view_of_text(value)}};
	struct head head;
	assert_int_equal(check(fields, 2, "HTTP/1.1", &head), REFUSAL_NONE);
	value[2] = '?';
	assert_true(view_equal_text(head.target, "x y"));
	head_cleanup(&head);
}

/* AWS Query protocol: by the media type alone, and never with a target. */
static void a_form_without_a_target_is_told(void **state)
{
	(void)state;
	static const struct {
		struct head_field type, other;
		bool form;
	} cases[] = {
		{FIELD("content-type", "application/x-www-form-urlencoded"), FIELD("a", "b"), true},
		{FIELD("Content-Type", "Application/X-WWW-Form-URLencoded ; charset=utf-8"),
		 FIELD("a", "b"), true},
		{FIELD("Content-Type", "application/x-www-form-urlencoded"),
		 FIELD("X-Amz-Target", "TrentService.ListKeys"), false},
		{FIELD("Content-Type", "application/x-www-form-urlencoded"),
		 FIELD("Content-Type", "application/x-www-form-urlencoded"), false},
		{FIELD("Content-Type", "application/x-www-form-urlencodedx"), FIELD("a", "b"),
		 false},
		{FIELD("Content-Type", "application/x-amz-json-1.1"), FIELD("a", "b"), false},
		{FIELD("a", "b"), FIELD("a", "b"), false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct head_field fields[] = {FIELD("Host", "h"), cases[i].type,
						    cases[i].other};
		struct head head;
		assert_int_equal(check(fields, 3, "HTTP/1.1", &head), REFUSAL_NONE);
		assert_int_equal(head.form, cases[i].form);
		head_cleanup(&head);
	}
}

static void framing_is_unambiguous(void **state)
{
	(void)state;
	const struct head_field both[] = {FIELD("Host", "h"), FIELD("Content-Length", "1"),
					  FIELD("Transfer-Encoding", "chunked")};
	assert_refusal(both, 3, "HTTP/1.1", REFUSAL_FRAMING_BOTH);
	const struct head_field twice[] = {FIELD("Host", "h"), FIELD("Content-Length", "1"),
					   FIELD("content-length", "1")};
	assert_refusal(twice, 3, "HTTP/1.1", REFUSAL_FRAMING_LENGTH);
	const struct head_field sign[] = {FIELD("Host", "h"), FIELD("Content-Length", "+1")};
	assert_refusal(sign, 2, "HTTP/1.1", REFUSAL_FRAMING_LENGTH);
	const struct head_field empty[] = {FIELD("Host", "h"), FIELD("Content-Length", "")};
	assert_refusal(empty, 2, "HTTP/1.1", REFUSAL_FRAMING_LENGTH);
	const struct head_field chunked[] = {FIELD("Host", "h"),
					     FIELD("Transfer-Encoding", "Chunked")};
	assert_refusal(chunked, 2, "HTTP/1.1", REFUSAL_NONE);
	assert_refusal(chunked, 2, "HTTP/1.0", REFUSAL_FRAMING_ENCODING);
	const struct head_field gzip[] = {FIELD("Host", "h"), FIELD("Transfer-Encoding", "gzip")};
	assert_refusal(gzip, 2, "HTTP/1.1", REFUSAL_FRAMING_ENCODING);
}

static void headers_past_the_bound_are_not_kept(void **state)
{
	(void)state;
	struct head_field fields[SIGV4_HEADERS_MAX] = {FIELD("Host", "h")};
	assert_refusal(fields, SIGV4_HEADERS_MAX, "HTTP/1.1", REFUSAL_NONE);
	assert_refusal(fields, SIGV4_HEADERS_MAX + 100, "HTTP/1.1", REFUSAL_HEADERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_target_is_cut_at_the_first_question_mark),
		cmocka_unit_test(values_are_copied_and_trimmed),
		cmocka_unit_test(a_form_without_a_target_is_told),
		cmocka_unit_test(framing_is_unambiguous),
		cmocka_unit_test(headers_past_the_bound_are_not_kept),
	};
	return cmocka_run_group_tests_name("server head", tests, NULL, NULL);
}
