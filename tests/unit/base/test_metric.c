/* SPDX-License-Identifier: Apache-2.0 */
/* Counting, and the text that Prometheus reads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/metric.h"

#define THREADS 4
#define ROUNDS 20000
#define MS 1000000

/* Everything as one text; ends with a NUL. */
static const char *text(void)
{
	static char room[METRIC_TEXT_MAX];
	struct writer w;
	writer_init(&w, room, sizeof room - 1);
	metric_write(&w);
	assert_false(err_failed(writer_end(&w)));
	room[w.len] = '\0';
	return room;
}

static bool has_line(const char *line)
{
	struct view rest = view_of_text(text());
	while (rest.ptr != NULL)
		if (view_equal_text(view_cut(&rest, '\n'), line))
			return true;
	return false;
}

static void a_counter_counts(void **state)
{
	(void)state;
	metric_add(METRIC_CONNECTIONS_REFUSED, METRIC_DOOR_ADMIN, 0, 2);
	metric_add(METRIC_CONNECTIONS_REFUSED, METRIC_DOOR_ADMIN, 0, 3);
	assert_int_equal(metric_get(METRIC_CONNECTIONS_REFUSED, METRIC_DOOR_ADMIN, 0), 5);
	assert_true(has_line("# TYPE holdfast_connections_refused_total counter"));
	assert_true(has_line("holdfast_connections_refused_total{door=\"admin\"} 5"));
	assert_true(has_line("holdfast_connections_refused_total{door=\"public\"} 0"));
}

static void a_gauge_is_what_it_was_set_to(void **state)
{
	(void)state;
	metric_set(METRIC_STORE_SIZE, 0, 0, 7);
	metric_set(METRIC_STORE_SIZE, 0, 0, UINT64_MAX);
	assert_true(has_line("# TYPE holdfast_store_size_bytes gauge"));
	assert_true(has_line("holdfast_store_size_bytes 18446744073709551615"));
}

static void milliseconds_may_be_negative(void **state)
{
	(void)state;
	metric_set(METRIC_CLOCK_OFFSET, 0, 0, 61500);
	assert_true(has_line("holdfast_clock_offset_seconds 61.500"));
	metric_set(METRIC_CLOCK_OFFSET, 0, 0, (uint64_t)INT64_C(-42));
	assert_true(has_line("holdfast_clock_offset_seconds -0.042"));
	metric_set(METRIC_CLOCK_OFFSET, 0, 0, 0);
	assert_true(has_line("holdfast_clock_offset_seconds 0.000"));
}

static void durations_fall_into_buckets_with_their_bounds(void **state)
{
	(void)state;
	assert_int_equal(metric_bucket_of(0), 0);
	assert_int_equal(metric_bucket_of(50000), 0);
	assert_int_equal(metric_bucket_of(50001), 1);
	assert_int_equal(metric_bucket_of(INT64_C(10000) * MS), METRIC_BUCKETS - 1);
	assert_int_equal(metric_bucket_of(INT64_C(10000) * MS + 1), METRIC_BUCKETS);
}

static void a_histogram_is_cumulative(void **state)
{
	(void)state;
	metric_observe(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, -5);
	metric_observe(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, 2 * MS);
	metric_observe(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, 2 * MS + 1);
	metric_observe(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, INT64_C(11000) * MS);
#define NAME "holdfast_request_stage_duration_seconds"
	assert_true(has_line("# TYPE " NAME " histogram"));
	assert_true(has_line(NAME "_bucket{stage=\"audit\",le=\"0.00005\"} 1"));
	assert_true(has_line(NAME "_bucket{stage=\"audit\",le=\"0.001\"} 1"));
	assert_true(has_line(NAME "_bucket{stage=\"audit\",le=\"0.0025\"} 3"));
	assert_true(has_line(NAME "_bucket{stage=\"audit\",le=\"10\"} 3"));
	assert_true(has_line(NAME "_bucket{stage=\"audit\",le=\"+Inf\"} 4"));
	assert_true(has_line(NAME "_sum{stage=\"audit\"} 11.004000001"));
	assert_true(has_line(NAME "_count{stage=\"audit\"} 4"));
	assert_true(has_line(NAME "_count{stage=\"token\"} 0"));
#undef NAME
	assert_int_equal(metric_get(METRIC_STAGE_TIME, METRIC_STAGE_AUDIT, 0), 4);
}

static void a_histogram_kept_elsewhere_is_shown(void **state)
{
	(void)state;
	struct metric_histogram kept = {.buckets = {1, 2}, .sum_ns = 1500 * (uint64_t)MS};
	metric_label(METRIC_LABEL_VERB, 3, "kept");
	metric_set_histogram(METRIC_TOKEN_TIME, 3, &kept);
#define NAME "holdfast_token_operation_duration_seconds"
	assert_true(has_line(NAME "_bucket{verb=\"kept\",le=\"0.00005\"} 1"));
	assert_true(has_line(NAME "_bucket{verb=\"kept\",le=\"+Inf\"} 3"));
	assert_true(has_line(NAME "_sum{verb=\"kept\"} 1.500000000"));
#undef NAME
}

static void only_what_has_a_name_is_shown(void **state)
{
	(void)state;
	metric_add(METRIC_TOKEN_ERRORS, 100, 0, 1);
	assert_null(strstr(text(), "holdfast_token_errors_total{"));
	metric_label(METRIC_LABEL_CKR, 100, "CKR_LATE");
	assert_true(has_line("holdfast_token_errors_total{ckr=\"CKR_LATE\"} 1"));
}

static void what_never_happened_is_not_shown_twice_over(void **state)
{
	(void)state;
	metric_label(METRIC_LABEL_OPERATION, 0, "Encrypt");
	metric_label(METRIC_LABEL_RESULT, 0, "ok");
	metric_label(METRIC_LABEL_RESULT, 1, "NotFoundException");
	assert_true(has_line("holdfast_requests_total{operation=\"Encrypt\",result=\"ok\"} 0"));
	assert_null(strstr(text(), "result=\"NotFoundException\""));
	metric_add(METRIC_REQUESTS, 0, 1, 1);
	assert_true(has_line(
		"holdfast_requests_total{operation=\"Encrypt\",result=\"NotFoundException\"} 1"));
	assert_null(strstr(text(), "holdfast_request_duration_seconds_count{"));
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	metric_label(METRIC_LABEL_STORE_ERROR, 0, "a\"b\\c\nd");
	assert_true(has_line("holdfast_store_errors_total{error=\"a\\\"b\\\\c\\nd\"} 0"));
}

/* The bound holds whatever is asked for: no client can make a series, and no index a place. */
static void beyond_its_bound_a_label_counts_as_the_last(void **state)
{
	(void)state;
	metric_add(METRIC_CONNECTIONS_ACCEPTED, 1000, 1000, 1);
	assert_int_equal(metric_get(METRIC_CONNECTIONS_ACCEPTED, METRIC_DOOR_METRICS, 0), 1);
	metric_label(METRIC_LABEL_DOOR, 1000, "nowhere");
	assert_null(strstr(text(), "nowhere"));
}

static void *count_up(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		metric_add(METRIC_AUDIT_FAILURES, 0, 0, 1);
		metric_observe(METRIC_AUDIT_TIME, 0, MS);
	}
	return NULL;
}

static void threads_lose_nothing_while_somebody_reads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < 20; i++)
		assert_non_null(strstr(text(), "holdfast_audit_failures_total "));
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(metric_get(METRIC_AUDIT_FAILURES, 0, 0), THREADS * ROUNDS);
	assert_int_equal(metric_get(METRIC_AUDIT_TIME, 0, 0), THREADS * ROUNDS);
	assert_true(has_line("holdfast_audit_commit_duration_seconds_sum 80.000000000"));
}

static void every_line_is_help_type_or_sample(void **state)
{
	(void)state;
	struct view rest = view_of_text(text());
	size_t heads = 0;
	while (rest.len > 0) {
		struct view line = view_cut(&rest, '\n');
		bool head = view_starts_with(line, VIEW_LITERAL("# HELP ")) ||
			    view_starts_with(line, VIEW_LITERAL("# TYPE "));
		heads += head;
		assert_true(head || view_starts_with(line, VIEW_LITERAL("holdfast_")) ||
			    view_starts_with(line, VIEW_LITERAL("process_")));
	}
	assert_int_equal(heads, 2 * METRIC_COUNT);
	assert_true(has_line("holdfast_build_info{version=\"" HOLDFAST_VERSION "\"} 1"));
}

static void the_process_knows_itself(void **state)
{
	(void)state;
	metric_process_look();
	uint64_t before = metric_get(METRIC_PROCESS_FDS, 0, 0);
	int fd = dup(2);
	metric_process_look();
	assert_int_equal(metric_get(METRIC_PROCESS_FDS, 0, 0), before + 1);
	assert_int_equal(close(fd), 0);
	assert_true(metric_get(METRIC_PROCESS_RSS, 0, 0) > 100000);
	assert_true(metric_get(METRIC_PROCESS_CPU, 0, 0) > 0);
	assert_true(metric_get(METRIC_PROCESS_START, 0, 0) > UINT64_C(1700000000) * 1000 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_counts),
		cmocka_unit_test(a_gauge_is_what_it_was_set_to),
		cmocka_unit_test(milliseconds_may_be_negative),
		cmocka_unit_test(durations_fall_into_buckets_with_their_bounds),
		cmocka_unit_test(a_histogram_is_cumulative),
		cmocka_unit_test(a_histogram_kept_elsewhere_is_shown),
		cmocka_unit_test(only_what_has_a_name_is_shown),
		cmocka_unit_test(what_never_happened_is_not_shown_twice_over),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(beyond_its_bound_a_label_counts_as_the_last),
		cmocka_unit_test(threads_lose_nothing_while_somebody_reads),
		cmocka_unit_test(every_line_is_help_type_or_sample),
		cmocka_unit_test(the_process_knows_itself),
	};
	metric_process_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
