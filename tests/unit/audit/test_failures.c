/* SPDX-License-Identifier: Apache-2.0 */
/* Counting failed authentications: what is told apart, and that no flood grows without bound. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "audit/failures.h"
#include "audit/record.h"
#include "codec/json.h"

static struct failures failures;

static int setup(void **state)
{
	(void)state;
	return err_failed(failures_init(&failures)) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	failures_cleanup(&failures);
	return 0;
}

static bool count(const char *source, const char *reason, int64_t now_ms)
{
	return failures_count(&failures, view_of_text(source), view_of_text(reason), now_ms);
}

static uint64_t total(const struct failures_table *table, size_t *rows)
{
	uint64_t sum = 0;
	const struct failures_row *row = NULL;
	for (*rows = 0; (row = failures_row_at(table, *rows)) != NULL; (*rows)++)
		sum += row->count;
	return sum;
}

static void sources_and_reasons_are_told_apart(void **state)
{
	(void)state;
	assert_true(count("192.0.2.1", "A", 1000));
	assert_false(count("192.0.2.1", "A", 3000));
	assert_false(count("192.0.2.1", "A", 2000));
	assert_false(count("192.0.2.1", "B", 1000));
	assert_false(count("192.0.2.2", "A", 1000));
	const struct failures_table *table = failures_take(&failures);
	size_t rows = 0;
	assert_int_equal(total(table, &rows), 5);
	assert_int_equal(rows, 3);
	const struct failures_row *first = failures_row_at(table, 0);
	assert_int_equal(first->count, 3);
	assert_int_equal(first->first_ms, 1000);
	assert_int_equal(first->last_ms, 3000);
	failures_done(&failures, true);
}

/* "AB" from "C" is not "A" from "BC". */
static void a_key_has_two_parts(void **state)
{
	(void)state;
	(void)count("C", "AB", 1);
	(void)count("BC", "A", 1);
	size_t rows = 0;
	(void)total(failures_take(&failures), &rows);
	assert_int_equal(rows, 2);
	failures_done(&failures, true);
}

static void a_taken_table_is_empty_afterwards(void **state)
{
	(void)state;
	assert_null(failures_take(&failures));
	assert_true(count("a", "A", 1));
	assert_non_null(failures_take(&failures));
	assert_true(count("b", "B", 2)); /* while the first is written */
	failures_done(&failures, true);
	const struct failures_table *table = failures_take(&failures);
	size_t rows = 0;
	assert_int_equal(total(table, &rows), 1);
	assert_memory_equal(failures_row_at(table, 0)->key, "B\0b", 3);
	failures_done(&failures, true);
	assert_null(failures_take(&failures));
}

static void what_could_not_be_written_is_kept(void **state)
{
	(void)state;
	(void)count("a", "A", 5);
	(void)count("a", "A", 9);
	(void)failures_take(&failures);
	(void)count("a", "A", 7);
	(void)count("b", "A", 7);
	failures_done(&failures, false);
	const struct failures_table *table = failures_take(&failures);
	size_t rows = 0;
	assert_int_equal(total(table, &rows), 4);
	assert_int_equal(rows, 2);
	assert_int_equal(failures_row_at(table, 0)->count, 3);
	assert_int_equal(failures_row_at(table, 0)->first_ms, 5);
	assert_int_equal(failures_row_at(table, 0)->last_ms, 9);
	failures_done(&failures, true);
}

static void a_million_sources_make_few_rows_and_lose_no_count(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000000; i++) {
		char source[32];
		(void)snprintf(source, sizeof source, "10.%u.%u.%u", i >> 16, (i >> 8) & 255,
			       i & 255);
		(void)count(source, i % 3 ? "InvalidSignatureException" : "Expired", i);
	}
	const struct failures_table *table = failures_take(&failures);
	size_t rows = 0;
	assert_int_equal(total(table, &rows), 1000000);
	assert_int_equal(rows, FAILURES_SOURCES + 2);
	const struct failures_row *more = failures_row_at(table, FAILURES_SOURCES);
	assert_true(more->overflow);
	assert_int_equal(more->source_len, 0);
	/* And back, when they could not be written. */
	failures_done(&failures, false);
	assert_int_equal(total(failures_take(&failures), &rows), 1000000);
	assert_int_equal(rows, FAILURES_SOURCES + 2);
	failures_done(&failures, true);
}

static void reasons_beyond_the_bound_share_the_last_row(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		char text[16];
		(void)snprintf(text, sizeof text, "r%d", i);
		(void)count(text, text, i);
	}
	const struct failures_table *table = failures_take(&failures);
	size_t rows = 0;
	assert_int_equal(total(table, &rows), 1000);
	assert_int_equal(rows, FAILURES_ROWS);
	assert_memory_equal(failures_row_at(table, rows - 1)->key, "Various", 8);
	failures_done(&failures, true);
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	char text[1000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void)count(text, text, 1);
	const struct failures_row *row = failures_row_at(failures_take(&failures), 0);
	assert_int_equal(row->reason_len, FAILURES_TEXT_MAX);
	assert_int_equal(row->source_len, FAILURES_TEXT_MAX);
	failures_done(&failures, true);
}

static void a_row_becomes_a_record(void **state)
{
	(void)state;
	char line[4096];
	struct writer w;
	(void)count("192.0.2.1", "InvalidSignatureException", INT64_C(1795287600000));
	(void)count("192.0.2.1", "InvalidSignatureException", INT64_C(1795287609000));
	writer_init(&w, line, sizeof line);
	assert_false(
		err_failed(failures_row_write(failures_row_at(failures_take(&failures), 0), &w)));
	failures_done(&failures, true);
	CLEANUP(json_free) struct json *record = NULL;
	assert_false(err_failed(json_parse(view_of(line, w.len), &record)));
	const struct json *data = json_member(record, "additionalEventData");
	assert_int_equal(json_integer_of(json_member(data, "count")), 2);
	static const char *const expected[][2] = {{"sourceIPAddress", "192.0.2.1"},
						  {"errorCode", "InvalidSignatureException"},
						  {"eventType", "AwsApiCall"},
						  {"eventTime", "2026-11-21T19:00:09Z"}};
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_true(view_equal_text(json_string_of(json_member(record, expected[i][0])),
					    expected[i][1]));
	assert_true(view_equal_text(json_string_of(json_member(data, "firstSeen")),
				    "2026-11-21T19:00:00Z"));
	assert_true(view_equal_text(json_string_of(json_member(data, "lastSeen")),
				    "2026-11-21T19:00:09Z"));
}

static void *count_many(void *user)
{
	(void)user;
	for (int i = 0; i < 20000; i++)
		(void)count(i % 2 ? "a" : "b", "A", i);
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	(void)state;
	pthread_t threads[4];
	uint64_t sum = 0;
	size_t rows = 0;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (int round = 0; round < 200; round++) {
		const struct failures_table *table = failures_take(&failures);
		sum += table != NULL && round % 2 ? total(table, &rows) : 0;
		if (table != NULL)
			failures_done(&failures, round % 2);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	const struct failures_table *table = failures_take(&failures);
	sum += table != NULL ? total(table, &rows) : 0;
	assert_int_equal(sum, 80000);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sources_and_reasons_are_told_apart),
		TEST(a_key_has_two_parts),
		TEST(a_taken_table_is_empty_afterwards),
		TEST(what_could_not_be_written_is_kept),
		TEST(a_million_sources_make_few_rows_and_lose_no_count),
		TEST(reasons_beyond_the_bound_share_the_last_row),
		TEST(long_texts_are_cut),
		TEST(a_row_becomes_a_record),
		TEST(threads_lose_no_count),
	};
	return cmocka_run_group_tests_name("audit_failures", tests, NULL, NULL);
}
