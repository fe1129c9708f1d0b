/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of the head: when they are asked for, where they land, and that nobody waits. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/attestation.h"
#include "audit/verify.h"
#include "signing.h"

#define PATIENCE_MS 20000

static struct signing signer;
static struct audit_log *log_open;

static int setup(void **state)
{
	signing_open(&signer);
	return fixture_setup(state);
}

static int teardown(void **state)
{
	signing_close(&signer);
	return fixture_teardown(state);
}

#define ATTESTER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void opened(uint32_t every_records, uint32_t every_ms)
{
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .signer = &signer.port,
						  .sign_every_records = every_records,
						  .sign_every_ms = every_ms};
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 8192, .probe_ms = 1};
	assert_false(err_failed(audit_log_open_tuned(&options, &tuning, &log_open)));
}

static void appended(int count)
{
	for (int i = 0; i < count; i++)
		assert_false(err_failed(audit_log_append_wait(
			log_open, VIEW_LITERAL("{\"eventTime\":\"2026-11-21T19:00:00Z\"}"))));
}

static struct audit_log_figures figures(void)
{
	struct audit_log_figures out;
	audit_log_figures(log_open, &out);
	return out;
}

static void until_attested(uint64_t attestations)
{
	for (int ms = 0; figures().attestations < attestations; ms++) {
		assert_true(ms < PATIENCE_MS);
		(void)usleep(1000);
	}
}

static struct audit_verify_report verified(void)
{
	struct audit_verify_report report;
	const struct audit_verify_options options = {
		.directory = fixture_directory, .public_keys = signer.public_key, .key_count = 1};
	assert_false(err_failed(audit_verify(&options, &report)));
	if (report.problems > 0)
		print_message("%s\n", report.first.text);
	assert_int_equal(report.problems, 0);
	return report;
}

static void a_clean_stop_attests_the_last_record(void **state)
{
	(void)state;
	opened(1000000, 3600000); /* not before */
	appended(5);
	assert_int_equal(atomic_load(&signer.asked), 0);
	audit_log_close(&log_open);
	struct audit_verify_report report = verified();
	assert_int_equal(report.records, 5);
	assert_int_equal(report.attestations, 1);
	assert_int_equal(report.attested.sequence, 5);
	assert_int_equal(report.unattested, 0);
	/* There is nothing new to sign at the next start and end. */
	opened(1, 10);
	audit_log_close(&log_open);
	assert_int_equal(verified().attestations, 1);
}

static void a_record_by_itself_is_attested_soon(void **state)
{
	(void)state;
	opened(1, 1000);
	appended(1);
	until_attested(1);
	assert_int_equal(figures().unattested, 0);
	assert_int_equal(verified().attested.sequence, 1); /* beside the writer */
	/* And its attestation needs none. */
	(void)usleep(300000);
	assert_int_equal(atomic_load(&signer.asked), 1);
	audit_log_close(&log_open);
}

static void few_records_are_attested_when_they_are_old(void **state)
{
	(void)state;
	opened(100, 50);
	appended(3);
	until_attested(1);
	audit_log_close(&log_open);
	assert_int_equal(verified().unattested, 0);
}

static void a_signature_goes_with_the_next_group(void **state)
{
	(void)state;
	opened(1, 10);
	for (int i = 0; i < 50; i++)
		appended(1);
	/* As many syncs as groups: none was made for a signature. */
	struct audit_log_figures now = figures();
	assert_true(now.attestations >= 10);
	assert_true(now.syncs < 50 + now.attestations / 2);
	audit_log_close(&log_open);
	assert_int_equal(verified().unattested, 0);
}

static void nobody_waits_for_a_signature(void **state)
{
	(void)state;
	atomic_store(&signer.hold, true);
	opened(1, 10);
	appended(100); /* though none comes */
	assert_int_equal(atomic_load(&signer.asked), 1);
	assert_int_equal(figures().unattested, 100);
	atomic_store(&signer.hold, false);
	signing_release(&signer);
	until_attested(1);
	audit_log_close(&log_open);
	struct audit_verify_report report = verified();
	assert_int_equal(report.unattested, 0);
	assert_int_equal(report.records, 100);
}

static void a_token_that_is_away_leaves_a_tail_that_is_caught_up(void **state)
{
	(void)state;
	atomic_store(&signer.fail_with, E_HSM_AWAY);
	opened(1, 10);
	appended(20);
	struct audit_verify_report report = verified();
	assert_int_equal(report.attested.sequence, 0);
	assert_int_equal(report.unattested, 20);
	assert_int_equal(report.unattested_ms, INT64_C(1795287600000));
	atomic_store(&signer.fail_with, 0);
	until_attested(1);
	audit_log_close(&log_open);
	assert_int_equal(verified().unattested, 0);
}

static void a_start_catches_up_what_a_crash_left(void **state)
{
	(void)state;
	atomic_store(&signer.fail_with, E_HSM_AWAY);
	opened(1, 10);
	appended(3);
	audit_log_close(&log_open);
	assert_int_equal(verified().unattested, 3);
	atomic_store(&signer.fail_with, 0);
	opened(1, 10);
	until_attested(1);
	audit_log_close(&log_open);
	assert_int_equal(verified().attested.sequence, 3);
}

static void a_stop_does_not_wait_for_ever(void **state)
{
	(void)state;
	atomic_store(&signer.hold, true);
	opened(1, 10);
	appended(1);
	int64_t began_ms = clock_steady_ms(&clock_system);
	audit_log_close(&log_open);
	assert_in_range(clock_steady_ms(&clock_system) - began_ms, 1500, 10000);
	/* The signature comes when the log is long gone. */
	signing_release(&signer);
	assert_int_equal(verified().unattested, 1);
}

static void a_signature_that_the_disk_refused_is_written_later(void **state)
{
	(void)state;
	atomic_store(&signer.hold, true);
	opened(1, 10);
	appended(2);
	atomic_store(&faults.sync_errno, EIO);
	signing_release(&signer);
	atomic_store(&signer.hold, false);
	for (int ms = 0; audit_log_healthy(log_open); ms++) {
		assert_true(ms < PATIENCE_MS);
		(void)usleep(1000);
	}
	assert_int_equal(figures().attestations, 0);
	atomic_store(&faults.sync_errno, 0);
	until_attested(1);
	audit_log_close(&log_open);
	struct audit_verify_report report = verified();
	assert_int_equal(report.records, 2);
	assert_int_equal(report.unattested, 0);
}

/* It may be far away, or busy: nine tenths of its time are the callers'. */
static void a_slow_token_is_asked_less_often(void **state)
{
	(void)state;
	atomic_store(&signer.hold, true);
	opened(1, 1000);
	appended(1);
	(void)usleep(40000);
	atomic_store(&signer.hold, false);
	int64_t released_ms = clock_steady_ms(&clock_system);
	signing_release(&signer);
	for (int asked = 1; clock_steady_ms(&clock_system) - released_ms < 250;) {
		assert_int_equal(asked, 1); /* it was, before that time was over */
		appended(1);
		asked = atomic_load(&signer.asked);
	}
	until_attested(2);
	audit_log_close(&log_open);
	assert_int_equal(verified().unattested, 0);
}

/* Who verifies remembers so many lines, and no more. */
static void told(struct audit_entry *entry, struct err result)
{
	assert_false(err_failed(result));
	atomic_fetch_sub((atomic_int *)entry->user, 1);
}

static void append_many(int count)
{
	static struct audit_entry entries[4000];
	static atomic_int left;
	for (; count > 0; count -= (int)ARRAY_LEN(entries)) {
		atomic_store(&left, (int)ARRAY_LEN(entries));
		for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
			entries[i] = (struct audit_entry){
				.line = VIEW_LITERAL("{\"a\":1}"), .done = told, .user = &left};
			audit_log_append(log_open, &entries[i]);
		}
		while (atomic_load(&left) > 0)
			(void)usleep(500);
	}
}

static void a_signature_that_comes_too_late_is_asked_for_anew(void **state)
{
	(void)state;
	atomic_store(&signer.hold, true);
	opened(1, 10);
	appended(1);
	append_many(AUDIT_ATTESTED_WITHIN);
	assert_int_equal(atomic_load(&signer.asked), 1);
	atomic_store(&signer.hold, false);
	signing_release(&signer);
	until_attested(1);
	assert_int_equal(atomic_load(&signer.asked), 2);
	audit_log_close(&log_open);
	struct audit_verify_report report = verified();
	assert_int_equal(report.unattested, 0);
	assert_int_equal(report.attestations, 1);
}

static void a_start_catches_up_a_single_record(void **state)
{
	(void)state;
	const struct audit_log_options unsigned_ = {.directory = fixture_directory,
						    .clock = &clock_system};
	assert_false(err_failed(audit_log_open(&unsigned_, &log_open)));
	appended(1);
	audit_log_close(&log_open);
	opened(1, 10);
	until_attested(1);
	audit_log_close(&log_open);
	assert_int_equal(verified().attested.sequence, 1);
}

/* As the daemon opens it: a log whose end was cut and forged must not be signed at the very start
 * that finds it out, nor at the stop that follows. */
static void nothing_is_signed_before_the_log_is_known_to_be_the_right_one(void **state)
{
	(void)state;
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .signer = &signer.port,
						  .sign_every_records = 1,
						  .sign_every_ms = 1,
						  .sign_later = true};
	for (int round = 0; round < 2; round++) {
		assert_false(err_failed(audit_log_open(&options, &log_open)));
		appended(1);
		(void)usleep(20000);
		audit_log_close(&log_open);
		assert_int_equal(atomic_load(&signer.asked), 0);
	}
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	audit_log_sign(log_open); /* nothing else wakes it */
	until_attested(1);
	audit_log_close(&log_open);
	assert_int_equal(verified().attested.sequence, 2);
}

static void attestations_are_read_as_they_were_written(void **state)
{
	(void)state;
	char text[ATTESTATION_MAX];
	struct writer w;
	struct attestation a = {.time = "2026-11-21T19:00:00.123Z",
				.sequence = UINT64_C(9223372036854775807),
				.key = "0123456789abcdef"};
	struct attestation b;
	for (size_t i = 0; i < sizeof a.signature; i++)
		a.signature[i] = (uint8_t)(i * 7);
	writer_init(&w, text, sizeof text);
	assert_false(err_failed(attestation_write(&a, &w)));
	struct view record = view_of(text, w.len - 1);
	assert_false(err_failed(attestation_parse(record, &b)));
	assert_memory_equal(&a, &b, sizeof a);
	for (size_t cut = 0; cut < record.len; cut++)
		assert_true(err_failed(attestation_parse(view_part(record, 0, cut), &b)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTESTER_TEST(a_clean_stop_attests_the_last_record),
		ATTESTER_TEST(a_record_by_itself_is_attested_soon),
		ATTESTER_TEST(few_records_are_attested_when_they_are_old),
		ATTESTER_TEST(a_signature_goes_with_the_next_group),
		ATTESTER_TEST(nobody_waits_for_a_signature),
		ATTESTER_TEST(a_token_that_is_away_leaves_a_tail_that_is_caught_up),
		ATTESTER_TEST(a_start_catches_up_what_a_crash_left),
		ATTESTER_TEST(a_stop_does_not_wait_for_ever),
		ATTESTER_TEST(a_signature_that_the_disk_refused_is_written_later),
		ATTESTER_TEST(a_slow_token_is_asked_less_often),
		ATTESTER_TEST(a_signature_that_comes_too_late_is_asked_for_anew),
		ATTESTER_TEST(a_start_catches_up_a_single_record),
		ATTESTER_TEST(nothing_is_signed_before_the_log_is_known_to_be_the_right_one),
		ATTESTER_TEST(attestations_are_read_as_they_were_written),
	};
	return cmocka_run_group_tests_name("audit_attester", tests, NULL, NULL);
}
