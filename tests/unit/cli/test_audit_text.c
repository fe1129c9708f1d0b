/* SPDX-License-Identifier: Apache-2.0 */
/* What holdfast audit verify says of a report, and ends with. */
#include "cli/audit_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 4096

static const uint8_t keys[2 * AUDIT_POINT_LEN] = {4, 1};

static struct audit_verify_report proven(void)
{
	return (struct audit_verify_report){.segments = 1,
					    .lines = 12,
					    .records = 10,
					    .attestations = 2,
					    .begin = {.sequence = 1},
					    .head = {.sequence = 12},
					    .attested = {.sequence = 12},
					    .first_ms = 1000,
					    .last_ms = 2000};
}

static const char *text_of(const struct audit_verify_report *report)
{
	static char text[TEXT_MAX];
	struct writer w;
	writer_init(&w, text, sizeof text);
	audit_text_write(&(const struct audit_text){.directory = "/var/log",
						    .public_keys = keys,
						    .report = report},
			 &w);
	assert_false(err_failed(writer_end_text(&w)));
	return text;
}

static void what_is_signed_for_is_sound(UNUSED void **state)
{
	const struct audit_verify_report report = proven();
	assert_int_equal(audit_text_exit(&report), EXIT_DONE);
	assert_non_null(strstr(text_of(&report), "SOUND\n"));
}

static void counts_and_sizes_are_in_words(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.bytes = 1023;
	assert_non_null(strstr(text_of(&report), "10 in 1 segment, 1023 bytes, "));
	assert_non_null(strstr(text_of(&report), "(2 signatures)"));
	report.segments = 2;
	report.bytes = 1024;
	report.attestations = 1;
	report.removed_segments = 1;
	assert_non_null(strstr(text_of(&report), "10 in 2 segments, 1 KiB, "));
	assert_non_null(strstr(text_of(&report), "(1 signature)"));
	assert_non_null(strstr(text_of(&report), "  removed   1 segment before, "));
	report.bytes = UINT64_C(5) << 40;
	assert_non_null(strstr(text_of(&report), ", 5120 GiB, "));
}

/* Whoever can write to the folder can chain a log of his own. */
static void a_log_that_nothing_signs_for_is_not_called_sound(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.attestations = 0;
	report.attested.sequence = 0;
	assert_int_equal(audit_text_exit(&report), EXIT_WARNING);
	assert_null(strstr(text_of(&report), "SOUND"));
	report.unchained = report.records;
	assert_int_equal(audit_text_exit(&report), EXIT_WARNING);
}

static void a_short_tail_is_nothing_to_act_on_and_an_old_one_is(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.unattested = 1;
	report.unattested_ms = report.last_ms;
	assert_int_equal(audit_text_exit(&report), EXIT_DONE);
	report.last_ms += INT64_C(11) * 60 * 1000;
	assert_int_equal(audit_text_exit(&report), EXIT_WARNING);
}

static void a_problem_is_told_first_whatever_is_signed(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.problems = 1;
	report.first.kind = AUDIT_PROBLEM_REORDERED;
	assert_int_equal(audit_text_exit(&report), EXIT_REFUSED);
	assert_int_equal(strncmp(text_of(&report), "NOT SOUND: ", 11), 0);
}

static void keys_are_told_with_their_lines_and_a_return_is_a_warning(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.turn_count = 2;
	report.turns[0] = (struct audit_turn){.from = 1, .to = 4, .first = 5, .signatures = 1};
	report.turns[1] = (struct audit_turn){
		.key = 1, .from = 5, .to = 11, .first = 12, .signatures = 1, .recorded = true};
	assert_int_equal(audit_text_exit(&report), EXIT_DONE);
	const char *text = text_of(&report);
	assert_non_null(strstr(text, "lines 1 to 4, 1 signature\n"));
	assert_non_null(strstr(text, "lines 5 to 11, 1 signature; the log has the service's"));
	assert_null(strstr(text, "WARNING"));
	report.turns[1].returned = true;
	report.returns = 1;
	assert_int_equal(audit_text_exit(&report), EXIT_WARNING);
	assert_non_null(strstr(text_of(&report), "WARNING   from line 12 on"));
}

/* A service that was killed leaves some, too: to be looked at, and no fault by itself. */
static void lines_found_at_a_start_are_told(UNUSED void **state)
{
	struct audit_verify_report report = proven();
	report.unproven_count = 1;
	report.unproven[0] = (struct audit_unproven){.from = 7, .to = 9, .told = 10};
	assert_int_equal(audit_text_exit(&report), EXIT_DONE);
	assert_non_null(strstr(text_of(&report), "lines 7 to 9, at a start (told in line 10)"));
	report.unproven[0].behind_stop = true;
	report.behind_stops = 1;
	assert_int_equal(audit_text_exit(&report), EXIT_WARNING);
	assert_non_null(strstr(text_of(&report), "WARNING   lines 7 to 9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_for_is_sound),
		cmocka_unit_test(counts_and_sizes_are_in_words),
		cmocka_unit_test(a_log_that_nothing_signs_for_is_not_called_sound),
		cmocka_unit_test(a_short_tail_is_nothing_to_act_on_and_an_old_one_is),
		cmocka_unit_test(a_problem_is_told_first_whatever_is_signed),
		cmocka_unit_test(keys_are_told_with_their_lines_and_a_return_is_a_warning),
		cmocka_unit_test(lines_found_at_a_start_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
