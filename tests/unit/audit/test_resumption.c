/* SPDX-License-Identifier: Apache-2.0 */
/* The record ResumeAuditLog: written and read back, by nobody but the service, and what the
 * verification makes of it. */
#include "doctored.h"

#include <stdio.h>
#include <string.h>

#include "audit/resumption.h"

static const struct audit_resumption all = {.from = 3,
					    .to = 5,
					    .behind_stop = true,
					    .wrong = 2,
					    .previous_key = "0123456789abcdef",
					    .key = "fedcba9876543210"};

static void appended(const struct audit_resumption *resumption)
{
	const struct audit_log_options options = {
		.directory = fixture_directory, .clock = &clock_system, .signer = &signer.port};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	assert_false(err_failed(audit_resumption_append(log_open, 1795287601000, "eu-x-1",
							"000000000007", resumption)));
	audit_log_close(&log_open);
	load(&now);
}

static void it_is_read_back_as_it_was_written(void **state)
{
	(void)state;
	bool is = false;
	struct audit_resumption back;
	appended(&all);
	struct view line = view_of_text(now.text[made.lines]);
	assert_false(err_failed(audit_resumption_parse(line, &back, &is)));
	assert_true(is);
	assert_int_equal(back.from, 3);
	assert_int_equal(back.to, 5);
	assert_int_equal(back.wrong, 2);
	assert_true(back.behind_stop);
	assert_string_equal(back.previous_key, all.previous_key);
	assert_string_equal(back.key, all.key);
	assert_true(audit_resumption_switches(&back));
}

static void a_callers_record_is_none(void **state)
{
	(void)state;
	bool is = true;
	struct audit_resumption back;
	static const char callers[] =
		"{\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"ResumeAuditLog\","
		"\"eventType\":\"AwsApiCall\",\"serviceEventDetails\":{\"key\":"
		"\"0123456789abcdef\",\"firstUnproven\":1,\"lastUnproven\":2}}";
	assert_false(err_failed(audit_resumption_parse(view_of_text(callers), &back, &is)));
	assert_false(is);
}

static void the_lines_that_it_names_are_reported(void **state)
{
	(void)state;
	appended(&all);
	is_sound();
	assert_int_equal(report.unproven_count, 1);
	assert_int_equal(report.unproven[0].from, 3);
	assert_int_equal(report.unproven[0].to, 5);
	assert_int_equal(report.unproven[0].told, made.lines + 1);
	assert_int_equal(report.unproven_lines, 3);
	assert_int_equal(report.behind_stops, 1);
}

/* A forged signature that a later genuine one covers: the first pass looks at it all the same. */
static void the_signature_before_it_is_checked(void **state)
{
	(void)state;
	size_t last = now.lines - 1;
	spoil_signature(last);
	appended(&(const struct audit_resumption){.wrong = 1, .key = "fedcba9876543210"});
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(it_is_read_back_as_it_was_written),
		VERIFY_TEST(a_callers_record_is_none),
		VERIFY_TEST(the_lines_that_it_names_are_reported),
		VERIFY_TEST(the_signature_before_it_is_checked),
	};
	return cmocka_run_group_tests_name("audit_resumption", tests, NULL, NULL);
}
