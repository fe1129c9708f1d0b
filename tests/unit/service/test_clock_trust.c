/* SPDX-License-Identifier: Apache-2.0 */
/* When the clock is believed. */
#include "trust_world.h"

#include "base/mem.h"

/* ---- the mark ---- */

static void the_first_start_makes_the_mark_and_trusts(void **state)
{
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_true(trust_store.there);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN);
	assert_false(trust_store.mark.held);
}

static void the_mark_moves_once_a_minute(void **state)
{
	unsigned saves = trust_store.saves;
	trust_pass(*state, 59 * SECOND);
	assert_int_equal(trust_store.saves, saves);
	trust_pass(*state, SECOND);
	assert_int_equal(trust_store.saves, saves + 1);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + MINUTE);
	trust_pass(*state, 9 * MINUTE);
	assert_int_equal(trust_store.saves, saves + 10);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + 10 * MINUTE);
}

static void a_mark_that_another_daemon_moved_is_loaded_again(void **state)
{
	trust_store.mark.revision += 7;
	trust_store.mark.trusted_ms += 30 * SECOND;
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + 2 * MINUTE);
}

static void the_mark_never_goes_back(void **state)
{
	trust_pass(*state, 5 * MINUTE);
	trust_set_clock(-30 * SECOND);
	int64_t before = trust_store.mark.trusted_ms;
	for (int i = 0; i < 120; i++) {
		trust_pass(*state, SECOND);
		assert_true(trust_store.mark.trusted_ms >= before);
		before = trust_store.mark.trusted_ms;
	}
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void a_store_that_fails_leaves_it_unknown(void **state)
{
	trust_store.failure = ERR(E_STORE);
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_UNKNOWN);
	trust_store.failure = OK;
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void a_start_without_the_store_is_unknown_until_it_is_back(void **state)
{
	trust_pass(*state, MINUTE);
	trust_store.failure = ERR(E_STORE_SEAL);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_UNKNOWN);
	trust_store.failure = OK;
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void a_mark_that_is_taken_away_is_not_made_again(void **state)
{
	trust_store.there = false;
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_UNKNOWN);
	assert_false(trust_store.there);
}

/* ---- at the start ---- */

static void behind_the_mark_until_it_has_caught_up(void **state)
{
	trust_set_clock(-MINUTE - SECOND);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_BEHIND);
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_BEHIND);
	assert_int_equal(clock_trust_latest_ms(*state), BEGIN); /* dates count from the mark */
	trust_pass(*state, SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void a_little_behind_the_mark_is_nothing(void **state)
{
	trust_set_clock(-MINUTE);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

/* A machine without a battery: the time comes from the network after the service has started. */
static void set_right_after_a_start_behind_it_is_trusted(void **state)
{
	trust_set_clock(-500 * DAY);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_BEHIND);
	trust_set_clock(500 * DAY + 2 * MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_set_clock(2 * MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

static void a_long_downtime_is_trusted(void **state)
{
	trust_set_clock(400 * DAY);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + 400 * DAY);
}

static void a_longer_one_waits_for_the_operator(void **state)
{
	trust_set_clock(400 * DAY + SECOND);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_GAP);
	trust_pass(*state, 2 * MINUTE);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_GAP);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void a_clock_too_far_ahead_that_is_set_right_is_trusted(void **state)
{
	trust_set_clock(4000 * DAY);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_GAP);
	trust_set_clock(-4000 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

/* ---- while running ---- */

static void set_ahead_it_is_held_at_that_very_moment(void **state)
{
	trust_pass(*state, 10 * SECOND);
	trust_set_clock(MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_set_clock(SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	assert_true(trust_store.mark.held);
	assert_int_equal(trust_store.mark.held_ms, BEGIN + 10 * SECOND);
	assert_int_equal(clock_trust_latest_ms(*state), BEGIN + 71 * SECOND);
}

static void mark_and_count_rest_while_it_is_apart(void **state)
{
	trust_set_clock(MINUTE + SECOND);
	trust_pass(*state, 2 * HOUR);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN);
}

static void set_right_again_the_hold_ends_and_is_stored(void **state)
{
	trust_set_clock(30 * DAY);
	trust_pass(*state, HOUR);
	trust_set_clock(-30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_false(trust_store.mark.held);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void set_bit_by_bit_it_is_held(void **state)
{
	for (int i = 0; i < 60; i++) {
		assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
		trust_set_clock(SECOND);
		trust_pass(*state, 10 * SECOND);
	}
	trust_set_clock(SECOND);
	trust_pass(*state, 10 * SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

/* What was not drifted in quiet times is no credit for a jump. */
static void a_year_without_drift_hides_no_jump(void **state)
{
	for (int i = 0; i < 24 * 365; i++) {
		clock_manual_advance(&trust_clocks, HOUR);
		clock_trust_look(*state);
	}
	trust_set_clock(MINUTE + 2 * SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

static void a_drift_of_500_ppm_adds_up_to_nothing(void **state)
{
	for (int i = 0; i < 7 * 24 * 3600 / 2; i++) { /* five minutes in a week */
		clock_manual_advance(&trust_clocks, 2 * SECOND);
		trust_set_clock(1);
		clock_trust_look(*state);
	}
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_false(trust_store.mark.held);
}

static void faster_than_clocks_are_slewed_it_was_set(void **state)
{
	for (int i = 0; i < 24 * 3600; i++) {
		clock_manual_advance(&trust_clocks, SECOND);
		trust_set_clock(2);
		clock_trust_look(*state);
	}
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

static void leap_seconds_are_nothing(void **state)
{
	for (int i = 0; i < 200; i++) {
		trust_set_clock(-SECOND);
		trust_pass(*state, HOUR);
	}
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

/* Boot time goes on meanwhile. */
static void a_machine_that_slept_is_trusted(void **state)
{
	trust_pass(*state, MINUTE);
	clock_manual_advance(&trust_clocks, 3 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + 3 * DAY + 2 * MINUTE);
}

/* Both trust_clocks stood still, then an agent of the hypervisor set the time. */
static void a_paused_machine_that_is_given_the_time_waits_for_the_operator(void **state)
{
	trust_set_clock(5 * HOUR);
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

/* ---- over restarts ---- */

static void a_restart_does_not_end_a_hold(void **state)
{
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_set_clock(-30 * DAY +
			HOUR); /* later than the hold began: nobody knows how late it is */
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_pass(*state, HOUR);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

static void after_a_restart_a_clock_that_cannot_be_early_ends_it(void **state)
{
	trust_pass(*state, 30 * SECOND);
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_set_clock(-30 * DAY + MINUTE);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_false(trust_store.mark.held);
	trust_set_clock(2 * MINUTE); /* counted from there */
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

static void after_a_restart_a_clock_set_back_does_not_end_it(void **state)
{
	trust_set_clock(-10 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_set_clock(300 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

/* ---- the operator's word ---- */

static void accepted_the_mark_and_the_count_begin_anew(void **state)
{
	struct kms_outbox_record record = {.event_id = "e-1", .line = VIEW_LITERAL("{}")};
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, &record)));
	assert_string_equal(trust_store.event_id, "e-1");
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN + 30 * DAY);
	assert_false(trust_store.mark.held);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void accepted_the_mark_goes_back_too(void **state)
{
	trust_set_clock(-30 * DAY);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_BEHIND);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(trust_store.mark.trusted_ms, BEGIN - 30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void accepted_against_a_change_of_another_daemon(void **state)
{
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_store.intruder = trust_store.mark;
	trust_store.intruder.revision += 1;
	trust_store.intrudes = true;
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void what_the_store_refuses_is_not_accepted(void **state)
{
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_store.failure = ERR(E_STORE);
	assert_true(err_is(clock_trust_accept(*state, NULL), E_STORE));
	trust_store.failure = OK;
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
}

/* As when the disk fails after the commit. */
static void accepted_although_the_store_answered_with_an_error(void **state)
{
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_store.answers_wrong = true;
	assert_true(err_is(clock_trust_accept(*state, NULL), E_STORE));
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

/* ---- several daemons ---- */

static void a_hold_of_another_daemon_holds_here(void **state)
{
	trust_store.mark.revision++;
	trust_store.mark.held = true;
	trust_store.mark.held_ms = BEGIN;
	trust_pass(*state, MINUTE);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_store.mark.revision++;
	trust_store.mark.held = false;
	trust_store.mark.held_ms = 0;
	trust_pass(*state, 6 * SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

static void accepted_at_one_daemon_it_is_accepted_at_the_other(void **state)
{
	struct clock_trust *other = trust_start();
	trust_set_clock(30 * DAY);
	clock_trust_look(*state);
	clock_trust_look(other);
	assert_int_equal(trust_verdict(other), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	trust_pass(other, 6 * SECOND);
	assert_int_equal(trust_verdict(other), CLOCK_TRUSTED);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	clock_trust_close(&other);
}

/* On another machine, with a clock that is right. */
static void what_another_machine_accepts_is_not_accepted_here(void **state)
{
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_store.mark.revision++;
	trust_store.mark.held = false;
	trust_store.mark.held_ms = 0;
	trust_pass(*state, 6 * SECOND);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	assert_true(trust_store.mark.held);
}

/* Started between the jump and the moment when the first one sees it. */
static void a_daemon_that_believes_a_set_clock_does_not_persuade_another(void **state)
{
	trust_set_clock(30 * DAY);
	struct clock_trust *other = trust_start();
	assert_int_equal(trust_verdict(other), CLOCK_TRUSTED);
	assert_int_equal(trust_verdict(*state), CLOCK_APART);
	trust_pass(*state, 6 * SECOND);
	assert_true(trust_store.mark.held);
	trust_pass(other, MINUTE);
	assert_int_equal(trust_verdict(other), CLOCK_APART);
	clock_trust_close(&other);
}

/* ---- reading two trust_clocks ---- */

static bool stops; /* before the next reading of real time, for an hour */

static int64_t late_real_ms(UNUSED const struct clock *self)
{
	if (stops)
		clock_manual_advance(&trust_clocks, HOUR);
	stops = false;
	return trust_clocks.now_real_ms;
}

static void a_process_stopped_between_two_readings_is_no_set_clock(void **state)
{
	trust_clocks.clock.real_ms = late_real_ms;
	stops = true;
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_false(stops);
	assert_false(trust_store.mark.held);
}

static void every_verdict_has_its_words(void **state)
{
	(void)state;
	for (enum clock_verdict v = CLOCK_TRUSTED; v < CLOCK_VERDICT_COUNT; v++) {
		assert_true(clock_verdict_name(v)[0] != '\0');
		assert_true(clock_verdict_meaning(v)[0] != '\0');
		assert_int_equal(clock_verdict_remedy(v)[0] == '\0', v == CLOCK_TRUSTED);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, trust_begin, trust_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_start_makes_the_mark_and_trusts),
		CASE(the_mark_moves_once_a_minute),
		CASE(a_mark_that_another_daemon_moved_is_loaded_again),
		CASE(the_mark_never_goes_back),
		CASE(a_store_that_fails_leaves_it_unknown),
		CASE(a_start_without_the_store_is_unknown_until_it_is_back),
		CASE(a_mark_that_is_taken_away_is_not_made_again),
		CASE(behind_the_mark_until_it_has_caught_up),
		CASE(a_little_behind_the_mark_is_nothing),
		CASE(set_right_after_a_start_behind_it_is_trusted),
		CASE(a_long_downtime_is_trusted),
		CASE(a_longer_one_waits_for_the_operator),
		CASE(a_clock_too_far_ahead_that_is_set_right_is_trusted),
		CASE(set_ahead_it_is_held_at_that_very_moment),
		CASE(mark_and_count_rest_while_it_is_apart),
		CASE(set_right_again_the_hold_ends_and_is_stored),
		CASE(set_bit_by_bit_it_is_held),
		CASE(a_year_without_drift_hides_no_jump),
		CASE(a_drift_of_500_ppm_adds_up_to_nothing),
		CASE(faster_than_clocks_are_slewed_it_was_set),
		CASE(leap_seconds_are_nothing),
		CASE(a_machine_that_slept_is_trusted),
		CASE(a_paused_machine_that_is_given_the_time_waits_for_the_operator),
		CASE(a_restart_does_not_end_a_hold),
		CASE(after_a_restart_a_clock_that_cannot_be_early_ends_it),
		CASE(after_a_restart_a_clock_set_back_does_not_end_it),
		CASE(accepted_the_mark_and_the_count_begin_anew),
		CASE(accepted_the_mark_goes_back_too),
		CASE(accepted_against_a_change_of_another_daemon),
		CASE(what_the_store_refuses_is_not_accepted),
		CASE(accepted_although_the_store_answered_with_an_error),
		CASE(a_hold_of_another_daemon_holds_here),
		CASE(accepted_at_one_daemon_it_is_accepted_at_the_other),
		CASE(what_another_machine_accepts_is_not_accepted_here),
		CASE(a_daemon_that_believes_a_set_clock_does_not_persuade_another),
		CASE(a_process_stopped_between_two_readings_is_no_set_clock),
		CASE(every_verdict_has_its_words),
	};
	return cmocka_run_group_tests_name("service_clock_trust", tests, NULL, NULL);
}
