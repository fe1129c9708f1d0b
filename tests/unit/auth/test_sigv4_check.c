/* SPDX-License-Identifier: Apache-2.0 */
/* Scope, clock and the set of signed headers; each rule alone, with AWS's words where it has any.
 */
#include "example_request.h"

static void assert_accepted(struct example *e)
{
	struct err got = sigv4_check(&e->request, &e->parsed, &e->rules, &e->reason);
	if (err_failed(got))
		fail_msg("%s: %s", err_name(got), e->reason.text);
	assert_string_equal(e->reason.text, "");
}

static void assert_refused(struct example *e, enum err_code code, const char *part)
{
	struct err got = sigv4_check(&e->request, &e->parsed, &e->rules, &e->reason);
	if (got.code != code)
		fail_msg("%s: %s", err_name(got), e->reason.text);
	assert_reason(e, part);
}

static void sound_request_is_accepted(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	assert_accepted(&e);
}

static void scope_must_be_ours(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	e.rules.region = VIEW_LITERAL("us-east-2");
	assert_refused(&e, E_AUTH_SCOPE, "Credential should be scoped to a valid region.");
	example_init(&e);
	example_parse(&e, NULL);
	e.parsed.service = VIEW_LITERAL("s3");
	assert_refused(&e, E_AUTH_SCOPE, "Credential should be scoped to correct service: 'kms'.");
	e.parsed.region = VIEW_LITERAL("us-east-1x");
	assert_refused(&e, E_AUTH_SCOPE,
		       "Credential should be scoped to a valid region. Credential should be scoped "
		       "to correct service: 'kms'.");
}

static void date_of_scope_must_be_that_of_the_request(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	e.parsed.date = VIEW_LITERAL("20150831");
	assert_refused(&e, E_AUTH_SCOPE,
		       "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
		       "date from HTTP: '20150831' != '20150830', from '20150830T123600Z'.");
}

#define MINUTE_MS INT64_C(60000)

static void five_minutes_off_are_accepted(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	e.rules.now_ms = EXAMPLE_NOW_MS + 5 * MINUTE_MS;
	assert_accepted(&e);
	e.rules.now_ms = EXAMPLE_NOW_MS - 5 * MINUTE_MS;
	assert_accepted(&e);
}

static void more_than_five_minutes_off_are_refused(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	e.rules.now_ms = EXAMPLE_NOW_MS + 6 * MINUTE_MS;
	assert_refused(&e, E_AUTH_EXPIRED,
		       "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z "
		       "(20150830T124200Z - 5 min.)");
	e.rules.now_ms = EXAMPLE_NOW_MS - 6 * MINUTE_MS;
	assert_refused(&e, E_AUTH_EXPIRED,
		       "Signature not yet current: 20150830T123600Z is still later than "
		       "20150830T123500Z (20150830T123000Z + 5 min.)");
	e.rules.now_ms = EXAMPLE_NOW_MS + 5 * MINUTE_MS + 1;
	assert_refused(&e, E_AUTH_EXPIRED, "Signature expired");
	e.rules.now_ms = EXAMPLE_NOW_MS - 5 * MINUTE_MS - 1;
	assert_refused(&e, E_AUTH_EXPIRED, "Signature not yet current");
}

static void required_headers_must_be_signed(void **state)
{
	static const struct {
		const char *signed_headers, *part;
	} rows[] = {
		{"content-type;x-amz-date;x-amz-target",
		 "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"content-type;host;x-amz-target", "'X-Amz-Date' must be a 'SignedHeader'"},
		{"host;x-amz-date;x-amz-target", "'Content-Type' must be a 'SignedHeader'"},
		{"content-type;host;x-amz-date", "'X-Amz-Target' must be a 'SignedHeader'"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct example e;
		example_init(&e);
		example_parse(&e, rows[i].signed_headers);
		assert_refused(&e, E_AUTH_SIGNATURE, rows[i].part);
	}
}

static void every_amz_header_must_be_signed(void **state)
{
	static const char *const names[] = {"x-amz-security-token", "X-AMZ-anything", "X-Amz-"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct example e;
		example_init(&e);
		example_parse(&e, NULL);
		example_add(&e, names[i], "1");
		assert_refused(&e, E_AUTH_SIGNATURE, names[i]);
	}
}

static void other_headers_need_no_signature(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	example_add(&e, "X-Amzn-Trace-Id", "1");
	example_add(&e, "amz-sdk-request", "1");
	example_add(&e, "Accept", "*/*");
	example_add(&e, "Accept", "*/*");
	assert_accepted(&e);
}

static void content_type_need_not_be_sent(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_set(&e, "Content-Type", NULL);
	example_parse(&e, "host;x-amz-date;x-amz-target");
	assert_accepted(&e);
}

static void xks_needs_host_and_date_only(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	e.rules.xks = true;
	example_parse(&e, "host;x-amz-date");
	assert_accepted(&e);
	e.parsed.signed_headers = VIEW_LITERAL("host");
	assert_refused(&e, E_AUTH_SIGNATURE, "'X-Amz-Date' must be a 'SignedHeader'");
	e.parsed.signed_headers = VIEW_LITERAL("x-amz-date");
	assert_refused(&e, E_AUTH_SIGNATURE, "'Host' or ':authority'");
}

static void list_must_be_sorted_lower_case_and_plain(void **state)
{
	static const char *const lists[] = {
		"host;content-type;x-amz-date;x-amz-target",
		"content-type;Host;x-amz-date;x-amz-target",
		"content-type;host;host;x-amz-date;x-amz-target",
		"content-type;host;x-amz-date;x-amz-target;",
		";content-type;host;x-amz-date;x-amz-target",
		"content-type;;host;x-amz-date;x-amz-target",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct example e;
		example_init(&e);
		example_parse(&e, lists[i]);
		assert_refused(&e, E_AUTH_SIGNATURE, "lower-case names in ascending order");
	}
}

static void named_headers_must_be_sent(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, "accept;" EXAMPLE_SIGNED);
	assert_refused(&e, E_AUTH_SIGNATURE, "'accept' must be sent once");
	example_init(&e);
	example_parse(&e, "content-type; host;x-amz-date;x-amz-target");
	assert_refused(&e, E_AUTH_SIGNATURE, "lower-case names in ascending order");
}

static void doubled_signed_headers_are_refused(void **state)
{
	static const char *const names[] = {"host", "Content-type", "x-amz-target", "X-AMZ-DATE"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct example e;
		example_init(&e);
		example_parse(&e, NULL);
		example_add(&e, names[i], "x");
		assert_refused(&e, E_AUTH_SIGNATURE, "must be sent once");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_request_is_accepted),
		cmocka_unit_test(scope_must_be_ours),
		cmocka_unit_test(date_of_scope_must_be_that_of_the_request),
		cmocka_unit_test(five_minutes_off_are_accepted),
		cmocka_unit_test(more_than_five_minutes_off_are_refused),
		cmocka_unit_test(required_headers_must_be_signed),
		cmocka_unit_test(every_amz_header_must_be_signed),
		cmocka_unit_test(other_headers_need_no_signature),
		cmocka_unit_test(content_type_need_not_be_sent),
		cmocka_unit_test(xks_needs_host_and_date_only),
		cmocka_unit_test(list_must_be_sorted_lower_case_and_plain),
		cmocka_unit_test(named_headers_must_be_sent),
		cmocka_unit_test(doubled_signed_headers_are_refused),
	};
	return cmocka_run_group_tests_name("sigv4_check", tests, NULL, NULL);
}
