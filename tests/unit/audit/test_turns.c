/* SPDX-License-Identifier: Apache-2.0 */
/* Logs that were signed by one key after the other, as when a token was moved or lost. */
#include "doctored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/attestation.h"
#include "audit/resumption.h"

/* The log goes on with this key; its service says so, or says nothing. */
static void go_on(struct signing *with, const struct signing *before)
{
	const struct audit_log_options options = {.directory = fixture_directory,
						  .clock = &clock_system,
						  .signer = &with->port,
						  .sign_later = true};
	struct audit_resumption said = {.from = 0};
	assert_false(err_failed(audit_log_open(&options, &log_open)));
	if (before != NULL) {
		strcpy(said.previous_key, before->port.key);
		strcpy(said.key, with->port.key);
		assert_false(err_failed(audit_resumption_append(log_open, 1795287601000, "eu-x-1",
								"000000000007", &said)));
	}
	audit_log_sign(log_open);
	for (int i = 0; i < 5; i++)
		assert_false(err_failed(audit_log_append_wait(
			log_open, VIEW_LITERAL("{\"eventTime\":\"2026-11-21T19:01:00Z\"}"))));
	audit_log_close(&log_open);
	load(&now);
}

/* The index of the first attestation behind the log as it was made. */
static size_t first_since(size_t lines)
{
	while (!audit_line_attests(view_of_text(now.text[lines])))
		lines++;
	return lines;
}

static void each_key_is_told_with_its_lines(void **state)
{
	(void)state;
	both_keys = true;
	is_sound();
	assert_int_equal(report.turn_count, 1);
	uint64_t end = report.attested.sequence;
	go_on(&other_signer, &signer);
	is_sound();
	assert_int_equal(report.turn_count, 2);
	const struct audit_turn *old = &report.turns[0], *new = &report.turns[1];
	assert_int_equal(old->key, 0);
	assert_int_equal(old->from, 1);
	assert_int_equal(old->to, end);
	assert_int_equal(new->key, 1);
	assert_int_equal(new->from, end + 1);
	assert_int_equal(new->to, report.attested.sequence);
	assert_int_equal(old->signatures + new->signatures, report.attestations);
	assert_true(new->recorded && !new->returned && !old->recorded);
	assert_int_equal(report.returns, 0);
	assert_int_equal(report.unattested, 0);
}

static void a_change_that_no_record_tells_is_told_as_such(void **state)
{
	(void)state;
	both_keys = true;
	go_on(&other_signer, NULL);
	is_sound();
	assert_int_equal(report.turn_count, 2);
	assert_false(report.turns[1].recorded);
}

static void a_key_that_is_not_given_is_named_where_it_begins(void **state)
{
	(void)state;
	go_on(&other_signer, &signer);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(first_since(made.lines));
	assert_non_null(strstr(report.first.text, other_signer.port.key));
}

static void a_key_that_was_replaced_may_not_sign_again(void **state)
{
	(void)state;
	both_keys = true;
	go_on(&other_signer, &signer);
	size_t replaced_at = now.lines;
	go_on(&signer, NULL);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(first_since(replaced_at));
	assert_non_null(strstr(report.first.text, "signs again"));
}

static void unless_the_service_says_so_and_then_it_is_told(void **state)
{
	(void)state;
	both_keys = true;
	go_on(&other_signer, &signer);
	go_on(&signer, &other_signer);
	is_sound();
	assert_int_equal(report.turn_count, 3);
	assert_int_equal(report.returns, 1);
	assert_true(report.turns[2].returned && report.turns[2].recorded);
	/* The record of another change is none of this. */
	go_on(&other_signer, &other_signer);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

static void a_record_of_long_ago_excuses_nothing(void **state)
{
	(void)state;
	both_keys = true;
	go_on(&other_signer, &signer);
	go_on(&signer, &other_signer); /* back, recorded */
	go_on(&other_signer, NULL);
	is_found(AUDIT_PROBLEM_SIGNATURE);
}

/* No later signature of its own proves it, and the new key signs whatever it finds. */
static void the_last_signature_of_a_key_is_checked_at_any_pass(void **state)
{
	(void)state;
	size_t last = now.lines - 1;
	spoil_signature(last);
	both_keys = true;
	go_on(&other_signer, &signer);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(last);
}

static void the_new_key_does_not_sign_for_what_the_old_one_still_did(void **state)
{
	(void)state;
	both_keys = true;
	go_on(&other_signer, &signer);
	size_t at = first_since(made.lines);
	/* A genuine signature, of a line far before. */
	sign_line(&other_signer, at, made.lines - 6);
	chain_anew(at);
	store(&now);
	is_found(AUDIT_PROBLEM_SIGNATURE);
	is_named(at);
	assert_non_null(strstr(report.first.text, "has still signed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(each_key_is_told_with_its_lines),
		VERIFY_TEST(a_change_that_no_record_tells_is_told_as_such),
		VERIFY_TEST(a_key_that_is_not_given_is_named_where_it_begins),
		VERIFY_TEST(a_key_that_was_replaced_may_not_sign_again),
		VERIFY_TEST(unless_the_service_says_so_and_then_it_is_told),
		VERIFY_TEST(a_record_of_long_ago_excuses_nothing),
		VERIFY_TEST(the_last_signature_of_a_key_is_checked_at_any_pass),
		VERIFY_TEST(the_new_key_does_not_sign_for_what_the_old_one_still_did),
	};
	return cmocka_run_group_tests_name("audit_turns", tests, NULL, NULL);
}
