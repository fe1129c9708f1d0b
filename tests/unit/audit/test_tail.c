/* SPDX-License-Identifier: Apache-2.0 */
/* What is found at the end of a log that is opened: lines that nothing speaks for, forged
 * signatures, another key. */
#include "doctored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/attestation.h"
#include "audit/resumption.h"

static struct audit_tail tail;

static void look(struct signing *with)
{
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .signer = with ? &with->port : NULL,
						  .sign_later = true};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	audit_log_tail(log_open, &tail);
	audit_log_close(&log_open);
}

/* Another line at the end, with a place in the chain, as anybody can write it. */
static void append(const char *record)
{
	char line[1024], ending[AUDIT_CHAIN_ROOM];
	struct audit_point head;
	size_t len = 0;
	assert_false(err_failed(audit_point_of(view_of_text(now.text[now.lines - 1]), &head)));
	assert_false(err_failed(audit_link_write(&head, ending, &len)));
	(void)snprintf(line, sizeof line, "%.*s%.*s", (int)strlen(record) - 1, record, (int)len - 1,
		       ending);
	put_line(&now, now.lines, now.file[now.lines - 1], line, strlen(line));
}

static void after_a_clean_stop_there_is_nothing(void **state)
{
	(void)state;
	look(&signer);
	assert_int_equal(tail.head.sequence, now.lines);
	assert_int_equal(tail.attested, now.lines - 1);
	assert_int_equal(tail.last_record, 0);
	assert_int_equal(tail.wrong, 0);
	assert_string_equal(tail.key, signer.port.key);
}

static void without_a_signer_nobody_looks(void **state)
{
	(void)state;
	look(NULL);
	assert_int_equal(tail.head.sequence, 0);
}

static void lines_behind_the_last_signature_are_counted(void **state)
{
	(void)state;
	append("{\"eventName\":\"Forged\"}");
	append("{\"eventName\":\"Forged\"}");
	store(&now);
	look(&signer);
	assert_int_equal(tail.head.sequence, made.lines + 2);
	assert_int_equal(tail.last_record, made.lines + 2);
	assert_int_equal(tail.attested, made.lines - 1);
	assert_string_equal(tail.key, signer.port.key);
}

/* An attestation as the signer would write it for the last line. */
static void attest(struct signing *name, struct signing *with)
{
	char line[ATTESTATION_MAX];
	uint8_t digest[AUDIT_HASH_LEN];
	struct writer w;
	struct audit_point head;
	struct attestation a = {.time = "2026-11-22T08:00:00.000Z"};
	strcpy(a.key, name->port.key);
	assert_false(err_failed(audit_point_of(view_of_text(now.text[now.lines - 1]), &head)));
	a.sequence = head.sequence;
	assert_false(err_failed(attestation_digest(&head, a.time, digest)));
	signing_sign(with, digest, a.signature);
	writer_init(&w, line, sizeof line);
	assert_false(err_failed(attestation_write(&a, &w)));
	assert_false(err_failed(writer_end_text(&w)));
	append(line);
}

static void a_signature_in_the_keys_name_covers_nothing(void **state)
{
	(void)state;
	append("{\"eventName\":\"Forged\"}");
	attest(&signer, &other_signer);
	store(&now);
	look(&signer);
	assert_int_equal(tail.wrong, 1);
	assert_int_equal(tail.attested, made.lines - 1);
	assert_int_equal(tail.last_record, made.lines + 1);
	/* The control: the key's own covers it. */
	attest(&signer, &signer);
	store(&now);
	look(&signer);
	assert_int_equal(tail.attested, made.lines + 2);
	assert_int_equal(tail.wrong, 0);
	assert_int_equal(tail.last_record, 0);
}

static void a_change_before_the_last_signature_makes_it_wrong(void **state)
{
	(void)state;
	size_t at = line_of(false, 20);
	strstr(now.text[at], "19:00")[1] = '8';
	chain_anew(at);
	store(&now);
	look(&signer);
	assert_true(tail.wrong > 0);
	assert_true(tail.attested <= at); /* sequences begin at 1: before the changed line */
	assert_true(tail.attested > 0);
	assert_int_equal(tail.head.sequence, made.lines);
}

static void a_stop_in_good_order_is_known_by_its_signature(void **state)
{
	(void)state;
	const struct audit_log_options options = {
		.directory = fixture_directory, .clock = &clock_system, .signer = &signer.port};
	look(&signer);
	assert_false(tail.stopped);
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	assert_false(err_failed(
		audit_stop_append(log_open, INT64_C(1795287601000), "eu-x-1", "000000000007")));
	audit_log_close(&log_open);
	load(&now);
	look(&signer);
	assert_true(tail.stopped);
	append("{\"eventName\":\"Forged\"}");
	store(&now);
	look(&signer);
	assert_true(tail.stopped);
	assert_int_equal(tail.last_record, now.lines);
}

/* A record of a stop that nobody has signed for is one of the lines. */
static void a_forged_stop_is_none(void **state)
{
	(void)state;
	append("{\"eventSource\":\"holdfast.admin\",\"eventName\":\"StopAuditLog\",\"eventType\":"
	       "\"AwsServiceEvent\"}");
	attest(&signer, &other_signer);
	store(&now);
	look(&signer);
	assert_false(tail.stopped);
	assert_int_equal(tail.wrong, 1);
}

static void another_key_is_named(void **state)
{
	(void)state;
	look(&other_signer);
	assert_string_equal(tail.key, signer.port.key);
	assert_int_equal(tail.attested, made.lines - 1);
	assert_int_equal(tail.wrong, 0);
	assert_int_equal(tail.last_record, 0);
}

static void a_log_that_nothing_signs_is_all_tail(void **state)
{
	(void)state;
	take_signatures();
	look(&signer);
	assert_int_equal(tail.attested, 0);
	assert_string_equal(tail.key, "");
	assert_int_equal(tail.last_record, RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(after_a_clean_stop_there_is_nothing),
		VERIFY_TEST(without_a_signer_nobody_looks),
		VERIFY_TEST(lines_behind_the_last_signature_are_counted),
		VERIFY_TEST(a_signature_in_the_keys_name_covers_nothing),
		VERIFY_TEST(a_change_before_the_last_signature_makes_it_wrong),
		VERIFY_TEST(a_stop_in_good_order_is_known_by_its_signature),
		VERIFY_TEST(a_forged_stop_is_none),
		VERIFY_TEST(another_key_is_named),
		VERIFY_TEST(a_log_that_nothing_signs_is_all_tail),
	};
	return cmocka_run_group_tests_name("audit_tail", tests, NULL, NULL);
}
