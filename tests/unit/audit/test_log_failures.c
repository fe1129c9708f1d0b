/* SPDX-License-Identifier: Apache-2.0 */
/* Failed authentications as the log writes them: once per window, and kept while the disk refuses.
 */
#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static struct audit_log *log_open;

static void opened_with(struct audit_log_options options, uint32_t probe_ms)
{
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 8192, .probe_ms = probe_ms};
	options.directory = fixture_directory;
	options.clock = &clock_system;
	assert_false(err_failed(audit_log_open_tuned(&options, &tuning, &log_open)));
}

static struct err append_text(const char *text)
{
	return audit_log_append_wait(log_open, view_of_text(text));
}

static struct audit_log_figures figures(void)
{
	struct audit_log_figures out;
	audit_log_figures(log_open, &out);
	return out;
}

static void until(bool (*holds)(void))
{
	for (int ms = 0; !holds(); ms++) {
		assert_true(ms < DEADLINE_MS);
		(void)usleep(1000);
	}
}

static void count_failures(int times)
{
	for (int i = 0; i < times; i++)
		audit_log_count_failure(log_open,
					i % 2 ? VIEW_LITERAL("192.0.2.1") : VIEW_LITERAL("::1"),
					"InvalidSignatureException");
}

static bool two_lines_are_written(void)
{
	return figures().lines == 2;
}

static bool three_lines_are_written(void)
{
	return figures().lines == 3;
}

static bool is_unhealthy(void)
{
	return !audit_log_healthy(log_open);
}

static void failures_become_one_record_each_per_window(void **state)
{
	(void)state;
	size_t len = 0;
	opened_with((struct audit_log_options){.failures_window_ms = 300}, 60000);
	count_failures(1000);
	until(two_lines_are_written);
	assert_int_equal(figures().syncs, 1);
	const char *text = fixture_read_log(&len);
	assert_non_null(strstr(text, "\"sourceIPAddress\":\"::1\""));
	assert_non_null(strstr(text, "\"sourceIPAddress\":\"192.0.2.1\""));
	assert_non_null(strstr(text, "\"count\":500"));
	audit_log_close(&log_open);
}

static void failures_are_written_at_the_end(void **state)
{
	(void)state;
	size_t len = 0;
	opened_with((struct audit_log_options){.failures_window_ms = 3600000}, 60000);
	count_failures(10);
	assert_int_equal(figures().lines, 0);
	audit_log_close(&log_open);
	assert_non_null(strstr(fixture_read_log(&len), "\"count\":5"));
}

static void failures_outlast_a_full_disk(void **state)
{
	(void)state;
	size_t len = 0;
	opened_with((struct audit_log_options){.failures_window_ms = 1}, 5);
	atomic_store(&faults.write_errno, ENOSPC);
	assert_true(err_is(append_text("{refused}"), E_AUDIT));
	count_failures(10);
	(void)usleep(20000);
	count_failures(10);
	assert_int_equal(figures().lines, 0);
	atomic_store(&faults.write_errno, 0);
	until(two_lines_are_written);
	assert_non_null(strstr(fixture_read_log(&len), "\"count\":10"));
	audit_log_close(&log_open);
}

/* Here it is the records themselves that meet the fault. */
static void failures_that_could_not_be_written_are_written_later(void **state)
{
	(void)state;
	size_t len = 0;
	opened_with((struct audit_log_options){.failures_window_ms = 300}, 5);
	assert_false(err_failed(append_text("{before}")));
	atomic_store(&faults.sync_errno, EIO);
	count_failures(10);
	until(is_unhealthy);
	atomic_store(&faults.sync_errno, 0);
	until(three_lines_are_written);
	const char *text = fixture_read_log(&len);
	assert_memory_equal(text, "{before}\n", 9);
	assert_non_null(strstr(text, "\"sourceIPAddress\":\"::1\""));
	assert_non_null(strstr(text, "\"count\":5"));
	assert_int_equal(figures().lines, 3);
	audit_log_close(&log_open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(failures_become_one_record_each_per_window),
		FIXTURE_TEST(failures_are_written_at_the_end),
		FIXTURE_TEST(failures_outlast_a_full_disk),
		FIXTURE_TEST(failures_that_could_not_be_written_are_written_later),
	};
	return cmocka_run_group_tests_name("audit_log_failures", tests, NULL, NULL);
}
