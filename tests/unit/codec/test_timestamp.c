/* SPDX-License-Identifier: Apache-2.0 */
/* Timestamps: against libc's calendar for every day of its cycle, known points, and what does not
 * exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/text.h"
#include "codec/timestamp.h"

#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DAY_MS INT64_C(86400000)
#define CYCLE_END_MS (DAY_MS * 146097) /* the calendar repeats itself after 400 years */

static void known_points_are_written(void **state)
{
	static const struct {
		int64_t ms;
		const char *iso, *iso_ms, *basic;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "19700101T000000Z"},
		{1440938160000, "2015-08-30T12:36:00Z", "2015-08-30T12:36:00.000Z",
		 "20150830T123600Z"},
		{951782399999, "2000-02-28T23:59:59Z", "2000-02-28T23:59:59.999Z",
		 "20000228T235959Z"},
		{951868799001, "2000-02-29T23:59:59Z", "2000-02-29T23:59:59.001Z",
		 "20000229T235959Z"},
		{LAST_MS, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "99991231T235959Z"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char iso[TIMESTAMP_ISO_TEXT], basic[TIMESTAMP_BASIC_TEXT];
		timestamp_iso(rows[i].ms, false, iso);
		assert_string_equal(iso, rows[i].iso);
		timestamp_iso(rows[i].ms, true, iso);
		assert_string_equal(iso, rows[i].iso_ms);
		timestamp_basic(rows[i].ms, basic);
		assert_string_equal(basic, rows[i].basic);
	}
}

static void days_agree_with_libc(void **state)
{
	(void)state;
	for (int64_t ms = 45296789; ms <= LAST_MS; ms += ms < CYCLE_END_MS ? DAY_MS : 61 * DAY_MS) {
		char ours[TIMESTAMP_ISO_TEXT], libcs[TIMESTAMP_ISO_TEXT];
		time_t s = (time_t)(ms / 1000);
		struct tm utc;
		assert_non_null(gmtime_r(&s, &utc));
		assert_true(strftime(libcs, sizeof libcs, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
		timestamp_iso(ms, false, ours);
		if (!text_equal(ours, libcs))
			fail_msg("%s instead of %s", ours, libcs);
		int64_t back = -1;
		assert_int_equal(timestamp_parse_iso(view_of_text(ours), &back).code, E_OK);
		assert_true(back == ms / 1000 * 1000);
	}
}

static void outside_times_are_clamped(void **state)
{
	char text[TIMESTAMP_ISO_TEXT];
	(void)state;
	timestamp_iso(-1, true, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	timestamp_iso(INT64_MIN, true, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	timestamp_iso(LAST_MS + 1, true, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	timestamp_iso(INT64_MAX, true, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void written_forms_are_read_back(void **state)
{
	int64_t ms = 0;
	(void)state;
	assert_int_equal(timestamp_parse_basic(VIEW_LITERAL("20150830T123600Z"), &ms).code, E_OK);
	assert_true(ms == 1440938160000);
	assert_int_equal(timestamp_parse_iso(VIEW_LITERAL("2015-08-30T12:36:00.042Z"), &ms).code,
			 E_OK);
	assert_true(ms == 1440938160042);
	assert_int_equal(timestamp_parse_iso(VIEW_LITERAL("2015-08-30T12:36:00Z"), &ms).code, E_OK);
	assert_true(ms == 1440938160000);
	assert_int_equal(timestamp_parse_basic(VIEW_LITERAL("20240229T000000Z"), &ms).code, E_OK);
	assert_int_equal(timestamp_parse_basic(VIEW_LITERAL("20000229T000000Z"), &ms).code, E_OK);
}

static void what_does_not_exist_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"20260230T000000Z",
		"20250229T000000Z",
		"21000229T000000Z",
		"20260431T000000Z",
		"20260001T000000Z",
		"20261301T000000Z",
		"20260100T000000Z",
		"20260132T000000Z",
		"20260101T240000Z",
		"20260101T006000Z",
		"20260101T000060Z",
		"19691231T235959Z",
		"00000101T000000Z",
		"20260101T000000",
		"20260101T000000z",
		"20260101 000000Z",
		"2026010AT000000Z",
		"20260101T000000ZZ",
		"2026-01-01T00:00:00Z",
		"+0260101T000000Z",
		" 20260101T00000Z",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t ms = 42;
		assert_int_equal(timestamp_parse_basic(view_of_text(texts[i]), &ms).code, E_FORMAT);
		assert_true(ms == 42);
	}
}

static void loose_iso_forms_are_refused(void **state)
{
	static const char *const texts[] = {
		"2026-02-30T00:00:00Z",     "2026-01-01 00:00:00Z",     "2026-01-01T00:00:00",
		"2026-01-01T00:00:00+0000", "2026-01-01T00:00:00.1Z",   "2026-01-01T00:00:00.1234Z",
		"2026-01-01T00:00:00,123Z", "2026-01-01T00:00:00.12aZ", "20260101T000000Z",
		"2026-01-01T00:00:60.000Z", "10000-01-01T00:00:00Z",    "2026-1-01T00:00:00Z",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t ms = 42;
		assert_int_equal(timestamp_parse_iso(view_of_text(texts[i]), &ms).code, E_FORMAT);
		assert_true(ms == 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_points_are_written),
		cmocka_unit_test(days_agree_with_libc),
		cmocka_unit_test(outside_times_are_clamped),
		cmocka_unit_test(written_forms_are_read_back),
		cmocka_unit_test(what_does_not_exist_is_refused),
		cmocka_unit_test(loose_iso_forms_are_refused),
	};
	return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
