/* SPDX-License-Identifier: Apache-2.0 */
/* The Authorization header: the spellings that clients use, and each way to be incomplete. */
#include "example_request.h"

static void assert_parsed_example(const struct sigv4_parsed *p)
{
	assert_true(view_equal_text(p->access_key_id, "AKIDEXAMPLE"));
	assert_true(view_equal_text(p->date, "20150830"));
	assert_true(view_equal_text(p->region, "us-east-1"));
	assert_true(view_equal_text(p->service, "kms"));
	assert_true(view_equal_text(p->signed_headers, EXAMPLE_SIGNED));
	assert_true(view_equal_text(p->signature, EXAMPLE_SIGNATURE));
	assert_true(view_equal_text(p->amz_date, "20150830T123600Z"));
	assert_true(p->time_ms == EXAMPLE_NOW_MS);
}

static void parts_are_taken_apart(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_parse(&e, NULL);
	assert_parsed_example(&e.parsed);
	assert_int_equal(e.parsed.session_token.len, 0);
}

static void session_token_is_taken(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_add(&e, "x-amz-security-token", "AQoDYXdz//==");
	example_parse(&e, NULL);
	assert_true(view_equal_text(e.parsed.session_token, "AQoDYXdz//=="));
}

static void blanks_and_order_do_not_matter(void **state)
{
	static const char *const forms[] = {
		"AWS4-HMAC-SHA256 Credential=" EXAMPLE_CREDENTIAL ",SignedHeaders=" EXAMPLE_SIGNED
		",Signature=" EXAMPLE_SIGNATURE,
		"AWS4-HMAC-SHA256   Credential=" EXAMPLE_CREDENTIAL
		"  ,\tSignedHeaders=" EXAMPLE_SIGNED " ,  Signature=" EXAMPLE_SIGNATURE " ",
		"AWS4-HMAC-SHA256 Signature=" EXAMPLE_SIGNATURE ", SignedHeaders=" EXAMPLE_SIGNED
		", Credential=" EXAMPLE_CREDENTIAL,
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct example e;
		example_init(&e);
		example_set(&e, "Authorization", forms[i]);
		example_parse(&e, NULL);
		assert_parsed_example(&e.parsed);
	}
}

static void names_of_headers_are_found_in_any_case(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_set(&e, "Authorization", NULL);
	example_set(&e, "X-Amz-Date", NULL);
	example_add(&e, "aUTHORIZATION", EXAMPLE_AUTHORIZATION);
	example_add(&e, "x-amz-DATE", "20150830T123600Z");
	example_parse(&e, NULL);
	assert_parsed_example(&e.parsed);
}

static void assert_refused(struct example *e, enum err_code code, const char *part)
{
	struct sigv4_parsed untouched = {.time_ms = 42};
	struct err got = sigv4_parse(&e->request, &untouched, &e->reason);
	if (got.code != code)
		fail_msg("%s: %s", err_name(got), e->reason.text);
	assert_true(untouched.time_ms == 42);
	assert_reason(e, part);
}

static void missing_header_is_told_apart(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	example_set(&e, "Authorization", NULL);
	assert_refused(&e, E_AUTH_MISSING, "Missing Authentication Token");
	example_add(&e, "Authorization", "");
	assert_refused(&e, E_AUTH_MISSING, "Missing Authentication Token");
}

#define ALGORITHM "AWS4-HMAC-SHA256 "
#define CREDENTIAL "Credential=" EXAMPLE_CREDENTIAL
#define SIGNED "SignedHeaders=" EXAMPLE_SIGNED
#define SIGNATURE "Signature=" EXAMPLE_SIGNATURE
#define WITH_SCOPE(scope) ALGORITHM "Credential=" scope ", " SIGNED ", " SIGNATURE
#define WITH_SIGNATURE(text) ALGORITHM CREDENTIAL ", " SIGNED ", Signature=" text
#define FIVE "Credential must have exactly 5 slash-delimited elements"
#define DIGITS "Signature must be 64 hexadecimal digits"

static const struct {
	const char *authorization, *part;
} refusals[] = {
	{"Bearer abc", "requires 'AWS4-HMAC-SHA256'"},
	{"AWS4-HMAC-SHA256", "requires 'Credential' parameter. Authorization header requires "
			     "'Signature' parameter. Authorization header requires "
			     "'SignedHeaders' parameter."},
	{"aws4-hmac-sha256 " CREDENTIAL ", " SIGNED ", " SIGNATURE, "as its algorithm"},
	{"AWS4-HMAC-SHA512 " CREDENTIAL ", " SIGNED ", " SIGNATURE,
	 "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."},
	{"AWS4-ECDSA-P256-SHA256 " CREDENTIAL ", " SIGNED ", " SIGNATURE,
	 "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."},
	{ALGORITHM SIGNED ", " SIGNATURE, "requires 'Credential' parameter."},
	{ALGORITHM CREDENTIAL ", " SIGNATURE, "requires 'SignedHeaders' parameter."},
	{ALGORITHM CREDENTIAL ", " SIGNED, "requires 'Signature' parameter."},
	{ALGORITHM "Credential=, " SIGNED ", " SIGNATURE, "requires 'Credential' parameter."},
	{ALGORITHM CREDENTIAL ", SignedHeaders=, " SIGNATURE, "requires 'SignedHeaders'"},
	{ALGORITHM CREDENTIAL ", " SIGNED ", Signature=", "requires 'Signature' parameter."},
	{ALGORITHM "FooBar, " CREDENTIAL ", " SIGNED ", " SIGNATURE,
	 "'FooBar' not a valid key=value pair"},
	{ALGORITHM CREDENTIAL " " SIGNED " " SIGNATURE, "requires 'Signature' parameter."},
	{ALGORITHM CREDENTIAL ", " CREDENTIAL ", " SIGNED ", " SIGNATURE, "repeated 'Credential'"},
	{ALGORITHM CREDENTIAL ", " SIGNED ", " SIGNED ", " SIGNATURE, "repeated 'SignedHeaders'"},
	{ALGORITHM CREDENTIAL ", " SIGNED ", " SIGNATURE ", " SIGNATURE, "repeated 'Signature'"},
	{ALGORITHM CREDENTIAL ", " SIGNED ", " SIGNATURE ", X=1", "unknown or repeated 'X'"},
	{ALGORITHM "credential=" EXAMPLE_CREDENTIAL ", " SIGNED ", " SIGNATURE, "'credential'"},
	{WITH_SCOPE("AKIDEXAMPLE"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/20150830/us-east-1/kms"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request/"), FIVE},
	{WITH_SCOPE("/20150830/us-east-1/kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKID EXAMPLE/20150830/us-east-1/kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKID\nEXAMPLE/20150830/us-east-1/kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/2015083/us-east-1/kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/2015O830/us-east-1/kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/20150830//kms/aws4_request"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/20150830/us-east-1//aws4_request"), FIVE},
	{WITH_SCOPE("AKIDEXAMPLE/20150830/us-east-1/kms/aws5_request"),
	 "valid terminator: 'aws4_request', not 'aws5_request'."},
	{WITH_SCOPE("AKIDEXAMPLE/20150830/us-east-1/kms/"), "valid terminator"},
	{WITH_SIGNATURE("abc"), DIGITS},
	{WITH_SIGNATURE("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg"),
	 DIGITS},
	{WITH_SIGNATURE(EXAMPLE_SIGNATURE "00"), DIGITS},
};

static void incomplete_headers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct example e;
		example_init(&e);
		example_set(&e, "Authorization", refusals[i].authorization);
		assert_refused(&e, E_AUTH_INCOMPLETE, refusals[i].part);
	}
}

static void long_access_key_ids_are_refused(void **state)
{
	char text[1024], id[AUTH_ACCESS_KEY_ID_MAX + 2] = "";
	struct example e;
	(void)state;
	for (size_t i = 0; i <= AUTH_ACCESS_KEY_ID_MAX; i++)
		id[i] = 'A';
	assert_int_equal(
		text_format(text, sizeof text, WITH_SCOPE("%s/20150830/r/s/aws4_request"), id).code,
		E_OK);
	example_init(&e);
	example_set(&e, "Authorization", text);
	assert_refused(&e, E_AUTH_INCOMPLETE, FIVE);
	id[AUTH_ACCESS_KEY_ID_MAX] = '\0';
	assert_int_equal(
		text_format(text, sizeof text, WITH_SCOPE("%s/20150830/r/s/aws4_request"), id).code,
		E_OK);
	example_set(&e, "Authorization", text);
	example_parse(&e, NULL);
}

static void huge_headers_are_refused(void **state)
{
	static char text[9000];
	struct example e;
	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = ',';
	assert_int_equal(text_format(text, sizeof text, "%s", EXAMPLE_AUTHORIZATION).code, E_OK);
	text[sizeof EXAMPLE_AUTHORIZATION - 1] = ',';
	example_init(&e);
	example_set(&e, "Authorization", text);
	assert_refused(&e, E_AUTH_INCOMPLETE, "longer than 8192 bytes");
}

static void date_must_be_there_and_exist(void **state)
{
	static const char *const dates[] = {"20150830", "2015-08-30T12:36:00Z", "20150230T123600Z",
					    "Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600"};
	struct example e;
	(void)state;
	example_init(&e);
	example_set(&e, "X-Amz-Date", NULL);
	assert_refused(&e, E_AUTH_INCOMPLETE,
		       "requires existence of either a 'X-Amz-Date' or a 'Date' header.");
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		example_init(&e);
		example_set(&e, "X-Amz-Date", dates[i]);
		assert_refused(&e, E_AUTH_INCOMPLETE, "Date must be in ISO-8601 'basic format'.");
	}
}

static void doubled_headers_are_refused(void **state)
{
	static const char *const names[] = {"Authorization", "X-Amz-Date", "X-Amz-Security-Token"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct example e;
		example_init(&e);
		example_add(&e, names[i], "x");
		if (i == 2)
			example_add(&e, "x-amz-security-token", "x");
		assert_refused(&e, E_AUTH_INCOMPLETE, "must be sent once.");
	}
}

static void query_string_form_is_refused(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	e.request.query = VIEW_LITERAL("Action=x&X-Amz-Signature=" EXAMPLE_SIGNATURE);
	assert_refused(&e, E_AUTH_INCOMPLETE, "not in the query string");
	example_set(&e, "Authorization", NULL);
	assert_refused(&e, E_AUTH_INCOMPLETE, "not in the query string");
	e.request.query = VIEW_LITERAL("x-amz-signature=1");
	assert_refused(&e, E_AUTH_INCOMPLETE, "not in the query string");
}

static void number_of_headers_is_bounded(void **state)
{
	struct example e;
	(void)state;
	example_init(&e);
	while (e.request.header_count < SIGV4_HEADERS_MAX)
		example_add(&e, "X-Other", "1");
	example_parse(&e, NULL);
	example_add(&e, "X-Other", "1");
	assert_refused(&e, E_BOUNDS, "More than 64 headers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_taken_apart),
		cmocka_unit_test(session_token_is_taken),
		cmocka_unit_test(blanks_and_order_do_not_matter),
		cmocka_unit_test(names_of_headers_are_found_in_any_case),
		cmocka_unit_test(missing_header_is_told_apart),
		cmocka_unit_test(incomplete_headers_are_refused),
		cmocka_unit_test(long_access_key_ids_are_refused),
		cmocka_unit_test(huge_headers_are_refused),
		cmocka_unit_test(date_must_be_there_and_exist),
		cmocka_unit_test(doubled_headers_are_refused),
		cmocka_unit_test(query_string_form_is_refused),
		cmocka_unit_test(number_of_headers_is_bounded),
	};
	return cmocka_run_group_tests_name("sigv4_parse", tests, NULL, NULL);
}
