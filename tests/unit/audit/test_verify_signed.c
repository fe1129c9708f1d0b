/* SPDX-License-Identifier: Apache-2.0 */
/* What only the signatures of the token can tell: logs that were chained anew, forged attestations,
 * beginnings that are missing. */
#include "doctored.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/attestation.h"
#include "audit/keeper.h"

/* --- Whole logs. --- */

static void a_log_that_was_chained_anew_is_found_by_its_signatures(void **state)
{
	(void)state;
	size_t at = line_of(false, 10);
	chain_anew(0);
	store(&now);
	is_sound(); /* the same lines make the same chain */
	strstr(now.text[at], "19:00")[1] = '8';
	chain_anew(at);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	/* The first attestation of what is not so any more. */
	size_t first = at;
	struct attestation a;
	struct audit_link link, changed;
	assert_true(audit_link_parse(view_of_text(now.text[at]), &changed));
	for (bool found = false; !found; first += !found) {
		assert_true(audit_link_parse(view_of_text(now.text[first]), &link));
		found = !err_failed(attestation_parse(link.record, &a)) &&
			a.sequence >= changed.sequence;
	}
	is_named(first);
}

static void a_log_without_its_signatures_is_all_tail(void **state)
{
	(void)state;
	take_signatures();
	is_sound();
	assert_int_equal(report.attested.sequence, 0);
	assert_int_equal(report.unattested, RECORDS);
	assert_int_equal(report.unattested_ms, INT64_C(1795287601000));
}

static void two_logs_in_one_are_found(void **state)
{
	(void)state;
	struct lines first = now;
	now = (struct lines){0};
	empty_directory();
	make_log(&signer, 3000);
	load(&now);
	for (size_t i = 0; i < now.lines; i++)
		if (now.file[i] == 2)
			put_line(&first, first.lines, 2, now.text[i], strlen(now.text[i]));
	for (size_t i = first.lines; i > 0; i--)
		if (first.file[i - 1] > 2)
			take_line(&first, i - 1);
	store(&first);
	forget(&first);
	is_found(AUDIT_PROBLEM_CHAIN);
}

/* --- Signatures. --- */

static void another_key_is_found(void **state)
{
	(void)state;
	empty_directory();
	make_log(&other_signer, 3000);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

static void a_forged_signature_is_found(void **state)
{
	(void)state;
	/* Another key's, under our key's name, in the newest attestation. */
	struct attestation a;
	struct audit_link link;
	struct audit_point point;
	size_t at = now.lines - 1;
	assert_true(audit_link_parse(view_of_text(now.text[at]), &link));
	assert_false(err_failed(attestation_parse(link.record, &a)));
	assert_false(err_failed(audit_point_of(view_of_text(now.text[at - 1]), &point)));
	assert_int_equal(point.sequence, a.sequence);
	sign_line(&other_signer, at, at - 1);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(at);
	/* By the right key it is right: the test itself is. */
	sign_line(&signer, at, at - 1);
	store(&now);
	is_sound();
}

static void an_attestation_of_another_line_or_chain_is_found(void **state)
{
	(void)state;
	size_t last = now.lines - 1, before = line_of(true, 3);
	struct audit_link link, older;
	char line[1024];
	/* The newest replaced by an older one, which attests another line. */
	assert_true(audit_link_parse(view_of_text(now.text[last]), &link));
	assert_true(audit_link_parse(view_of_text(now.text[before]), &older));
	struct attestation a;
	assert_false(err_failed(attestation_parse(older.record, &a)));
	a.sequence = link.sequence - 1;
	struct writer w;
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	(void)snprintf(line + w.len - 1, sizeof line - w.len + 1, "%s",
		       now.text[last] + link.record.len);
	free(now.text[last]);
	now.text[last] = strdup(line);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	/* The whole log under another chain's name. */
	again();
	for (size_t i = 0; i < now.lines; i++) {
		char *id = strstr(now.text[i], "\"chain\":{\"id\":\"") + 15;
		id[0] = id[0] == 'a' ? 'b' : 'a';
	}
	chain_anew(0);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

/* --- Retention. --- */

static struct err nothing_needed(void *user, int64_t *ms)
{
	(void)user;
	*ms = AUDIT_NOTHING_NEEDED;
	return OK;
}

/* The keeper removes what is above 5,000 bytes. */
static void keep_little(struct signing *with)
{
	struct audit_keeper *keeper = NULL;
	struct audit_keeper_report kept = {0};
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .segment_bytes = 3000,
						  .signer = &signer.port};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	const struct audit_keeper_options keeping = {.log = log_open,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = {.keep_bytes = 7000},
						     .signer = with ? &with->port : NULL,
						     .public_key = signer.public_key,
						     .interval_ms = 5,
						     .needed_since = nothing_needed,
						     .clock = &clock_system};
	assert_false(err_failed(audit_keeper_start(&keeping, &keeper)));
	for (int ms = 0; kept.removed < 2; ms++) {
		assert_true(ms < 20000);
		(void)usleep(1000);
		audit_keeper_report(keeper, &kept);
	}
	audit_keeper_stop(&keeper);
	audit_log_close(&log_open);
}

static void a_beginning_that_retention_removed_is_explained(void **state)
{
	(void)state;
	keep_little(&signer);
	is_sound();
	assert_true(report.begin.sequence > 1);
	assert_true(report.removed_segments >= 2);
	/* But not when more is gone than it says. */
	load(&now);
	take_line(&now, 0);
	store(&now);
	is_found(AUDIT_PROBLEM_SEGMENT);
}

static void a_removal_that_nobody_signed_explains_nothing(void **state)
{
	(void)state;
	keep_little(&other_signer);
	is_found(AUDIT_PROBLEM_SEGMENT);
}

static void nothing_is_removed_while_the_token_is_away(void **state)
{
	(void)state;
	struct audit_keeper *keeper = NULL;
	struct audit_keeper_report kept = {0};
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system};
	atomic_store(&signer.fail_with, E_HSM_AWAY);
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	const struct audit_keeper_options keeping = {.log = log_open,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = {.keep_bytes = 5000},
						     .signer = &signer.port,
						     .public_key = signer.public_key,
						     .interval_ms = 5,
						     .needed_since = nothing_needed,
						     .clock = &clock_system};
	assert_false(err_failed(audit_keeper_start(&keeping, &keeper)));
	for (int ms = 0; !err_failed(kept.last); ms++) {
		assert_true(ms < 20000);
		(void)usleep(1000);
		audit_keeper_report(keeper, &kept);
	}
	assert_true(err_is(kept.last, E_HSM_AWAY));
	assert_int_equal(kept.removed, 0);
	audit_keeper_stop(&keeper);
	audit_log_close(&log_open);
	assert_int_equal(fixture_count_files(".jsonl"), made.files);
}

static int64_t now_ms; /* for the ages of segments */

static struct err trusted_now(void *user, int64_t *ms)
{
	(void)user;
	*ms = now_ms;
	return OK;
}

/* Its report after the first round that removes `removed` segments, or that fails. */
static struct audit_keeper_report keep(struct audit_retention retention, uint64_t removed)
{
	struct audit_keeper *keeper = NULL;
	struct audit_keeper_report kept = {0};
	const struct audit_log_options options = {
		.directory = fixture_directory, .clock = &clock_system, .signer = &signer.port};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	const struct audit_keeper_options keeping = {.log = log_open,
						     .directory = fixture_directory,
						     .region = "eu-x-1",
						     .account = "000000000007",
						     .retention = retention,
						     .signer = &signer.port,
						     .public_key = signer.public_key,
						     .interval_ms = 5,
						     .needed_since = nothing_needed,
						     .clock_trusted = trusted_now,
						     .clock = &clock_system};
	assert_false(err_failed(audit_keeper_start(&keeping, &keeper)));
	for (int ms = 0; kept.segments == 0 || (kept.removed < removed && !err_failed(kept.last));
	     ms++) {
		assert_true(ms < 20000);
		(void)usleep(1000);
		audit_keeper_report(keeper, &kept);
	}
	audit_keeper_stop(&keeper);
	audit_log_close(&log_open);
	return kept;
}

/* Whoever can write to the folder puts a segment in front of all others that ends with a line of
 * the middle: its removal would excuse that everything up to there is gone. */
static void a_segment_that_was_put_there_gets_no_signed_removal(void **state)
{
	(void)state;
	static const char forged[] = "audit-20200101T000000Z-000000.jsonl";
	char text[4096];
	size_t len = 0, at = line_of(false, 10);
	assert_true(now.file[at] < now.files - 1);
	(void)snprintf(text, sizeof text, "%s\n", now.text[at]);
	fixture_write_file(forged, text, strlen(text));
	struct audit_keeper_report kept = keep((struct audit_retention){.keep_bytes = 1}, 1);
	assert_true(err_is(kept.last, E_AUDIT_CHAIN));
	assert_int_equal(kept.removed, 0);
	assert_null(strstr(fixture_read_log(&len), "DeleteAuditSegment"));
	/* Nor when a genuine line follows: no signature covers both. */
	while (audit_line_attests(view_of_text(now.text[at + 1])))
		at++;
	(void)snprintf(text, sizeof text, "%s\n", now.text[at]);
	fixture_write_file(forged, text, strlen(text));
	(void)snprintf(text, sizeof text, "%s\n", now.text[at + 1]);
	fixture_write_file("audit-20200101T000000Z-000001.jsonl", text, strlen(text));
	kept = keep((struct audit_retention){.keep_bytes = 1}, 1);
	assert_true(err_is(kept.last, E_AUDIT_CHAIN));
	assert_int_equal(kept.removed, 0);
}

static void touch_all(void)
{
	const struct timespec long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	char path[160];
	for (size_t i = 0; i < now.files; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", fixture_directory, now.names[i]);
		assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	}
}

static void a_segment_is_as_young_as_its_lines_whatever_its_file_says(void **state)
{
	(void)state;
	touch_all();
	now_ms = INT64_C(1795287601000); /* of the records */
	assert_int_equal(keep((struct audit_retention){.keep_days = 2}, 0).removed, 0);
	now_ms = INT64_C(4102444800000); /* 2100: later than any signature */
	assert_true(keep((struct audit_retention){.keep_days = 2}, 2).removed >= 2);
	is_sound();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(a_log_that_was_chained_anew_is_found_by_its_signatures),
		VERIFY_TEST(a_log_without_its_signatures_is_all_tail),
		VERIFY_TEST(two_logs_in_one_are_found),
		VERIFY_TEST(another_key_is_found),
		VERIFY_TEST(a_forged_signature_is_found),
		VERIFY_TEST(an_attestation_of_another_line_or_chain_is_found),
		VERIFY_TEST(a_beginning_that_retention_removed_is_explained),
		VERIFY_TEST(a_removal_that_nobody_signed_explains_nothing),
		VERIFY_TEST(nothing_is_removed_while_the_token_is_away),
		VERIFY_TEST(a_segment_that_was_put_there_gets_no_signed_removal),
		VERIFY_TEST(a_segment_is_as_young_as_its_lines_whatever_its_file_says),
	};
	return cmocka_run_group_tests_name("audit_verify_signed", tests, NULL, NULL);
}
