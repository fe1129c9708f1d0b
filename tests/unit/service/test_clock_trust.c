/* SPDX-License-Identifier: Apache-2.0 */
/* When the clock is believed, against a store of one row. Real time and boot time are moved apart
 * by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "service/clock_trust.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define BEGIN (INT64_C(1750000000) * SECOND)

/* ---- the store ---- */

static struct store {
	bool there;
	struct kms_clock_mark mark;
	struct err failure;
	unsigned loads, saves;
	char event_id[KMS_EVENT_ID_LEN + 1]; /* of the last record */
	struct kms_clock_mark intruder;      /* stored by somebody else just before the next save */
	bool intrudes;
	bool answers_wrong; /* the next save: it stores, and says that it has not */
} store;

static struct err mark_load(UNUSED void *self, struct kms_clock_mark *out)
{
	store.loads++;
	TRY(store.failure);
	REQUIRE(store.there, E_NOT_FOUND);
	*out = store.mark;
	return OK;
}

static struct err mark_save(void *self, const struct kms_clock_mark *mark,
			    const struct kms_outbox_record *outbox)
{
	(void)self;
	store.saves++;
	TRY(store.failure);
	if (store.intrudes) {
		store.intrudes = false;
		store.mark = store.intruder;
	}
	REQUIRE(mark->revision == (store.there ? store.mark.revision + 1 : 1), E_STORE_CONFLICT);
	if (outbox != NULL)
		mem_copy(store.event_id, sizeof store.event_id, outbox->event_id,
			 sizeof outbox->event_id);
	store.there = true;
	store.mark = *mark;
	bool wrong = store.answers_wrong;
	store.answers_wrong = false;
	return wrong ? ERR(E_STORE) : OK;
}

static const struct kms_agenda_ops ops = {.mark_load = mark_load, .mark_save = mark_save};

/* ---- the clocks ---- */

static struct clock_manual clocks;

static struct clock_trust *start(void)
{
	struct clock_trust *trust = NULL;
	const struct clock_trust_options options = {.agenda = {.ops = &ops},
						    .clock = &clocks.clock};
	assert_false(err_failed(clock_trust_open(&options, &trust)));
	return trust;
}

/* A machine on which nothing ever ran. */
static int begin(void **state)
{
	store = (struct store){.failure = OK};
	clock_manual_init(&clocks, BEGIN);
	clocks.now_steady_ms = HOUR;
	*state = start();
	return 0;
}

static int end(void **state)
{
	struct clock_trust *trust = *state;
	clock_trust_close(&trust);
	return 0;
}

static void restart(void **state)
{
	(void)end(state);
	*state = start();
}

/* Time passes, looked at once a second. */
static void pass(struct clock_trust *trust, int64_t ms)
{
	for (int64_t i = 0; i < ms; i += SECOND) {
		clock_manual_advance(&clocks, SECOND);
		clock_trust_look(trust);
	}
}

static void set_clock(int64_t by_ms)
{
	clocks.now_real_ms += by_ms;
}

static enum clock_verdict verdict(struct clock_trust *trust)
{
	int64_t now_ms = 0; /* untouched on failure */
	struct err e = clock_trust_check(trust, &now_ms);
	struct clock_trust_report report;
	clock_trust_report(trust, &report);
	assert_int_equal(now_ms, err_failed(e) ? 0 : clocks.now_real_ms);
	assert_int_equal(err_failed(e), report.verdict != CLOCK_TRUSTED);
	if (err_failed(e)) {
		assert_true(err_is(e, E_CLOCK_UNTRUSTED));
		assert_int_equal(e.detail, report.verdict);
	}
	return report.verdict;
}

/* ---- the mark ---- */

static void the_first_start_makes_the_mark_and_trusts(void **state)
{
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_true(store.there);
	assert_int_equal(store.mark.trusted_ms, BEGIN);
	assert_false(store.mark.held);
}

static void the_mark_moves_once_a_minute(void **state)
{
	unsigned saves = store.saves;
	pass(*state, 59 * SECOND);
	assert_int_equal(store.saves, saves);
	pass(*state, SECOND);
	assert_int_equal(store.saves, saves + 1);
	assert_int_equal(store.mark.trusted_ms, BEGIN + MINUTE);
	pass(*state, 9 * MINUTE);
	assert_int_equal(store.saves, saves + 10);
	assert_int_equal(store.mark.trusted_ms, BEGIN + 10 * MINUTE);
}

static void a_mark_that_another_daemon_moved_is_loaded_again(void **state)
{
	store.mark.revision += 7;
	store.mark.trusted_ms += 30 * SECOND;
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	pass(*state, MINUTE);
	assert_int_equal(store.mark.trusted_ms, BEGIN + 2 * MINUTE);
}

static void the_mark_never_goes_back(void **state)
{
	pass(*state, 5 * MINUTE);
	set_clock(-30 * SECOND);
	int64_t before = store.mark.trusted_ms;
	for (int i = 0; i < 120; i++) {
		pass(*state, SECOND);
		assert_true(store.mark.trusted_ms >= before);
		before = store.mark.trusted_ms;
	}
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void a_store_that_fails_leaves_it_unknown(void **state)
{
	store.failure = ERR(E_STORE);
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_UNKNOWN);
	store.failure = OK;
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void a_start_without_the_store_is_unknown_until_it_is_back(void **state)
{
	pass(*state, MINUTE);
	store.failure = ERR(E_STORE_SEAL);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_UNKNOWN);
	store.failure = OK;
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void a_mark_that_is_taken_away_is_not_made_again(void **state)
{
	store.there = false;
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_UNKNOWN);
	assert_false(store.there);
}

/* ---- at the start ---- */

static void behind_the_mark_until_it_has_caught_up(void **state)
{
	set_clock(-MINUTE - SECOND);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_BEHIND);
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_BEHIND);
	assert_int_equal(clock_trust_latest_ms(*state), BEGIN); /* dates count from the mark */
	pass(*state, SECOND);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void a_little_behind_the_mark_is_nothing(void **state)
{
	set_clock(-MINUTE);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* A machine without a battery: the time comes from the network after the service has started. */
static void set_right_after_a_start_behind_it_is_trusted(void **state)
{
	set_clock(-500 * DAY);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_BEHIND);
	set_clock(500 * DAY + 2 * MINUTE);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	set_clock(2 * MINUTE);
	assert_int_equal(verdict(*state), CLOCK_APART);
}

static void a_long_downtime_is_trusted(void **state)
{
	set_clock(400 * DAY);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_int_equal(store.mark.trusted_ms, BEGIN + 400 * DAY);
}

static void a_longer_one_waits_for_the_operator(void **state)
{
	set_clock(400 * DAY + SECOND);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_GAP);
	pass(*state, 2 * MINUTE);
	assert_int_equal(store.mark.trusted_ms, BEGIN);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_GAP);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void a_clock_too_far_ahead_that_is_set_right_is_trusted(void **state)
{
	set_clock(4000 * DAY);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_GAP);
	set_clock(-4000 * DAY);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* ---- while running ---- */

static void set_ahead_it_is_held_at_that_very_moment(void **state)
{
	pass(*state, 10 * SECOND);
	set_clock(MINUTE);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	set_clock(SECOND);
	assert_int_equal(verdict(*state), CLOCK_APART);
	assert_true(store.mark.held);
	assert_int_equal(store.mark.held_ms, BEGIN + 10 * SECOND);
	assert_int_equal(clock_trust_latest_ms(*state), BEGIN + 71 * SECOND);
}

static void mark_and_count_rest_while_it_is_apart(void **state)
{
	set_clock(MINUTE + SECOND);
	pass(*state, 2 * HOUR);
	assert_int_equal(verdict(*state), CLOCK_APART);
	assert_int_equal(store.mark.trusted_ms, BEGIN);
}

static void set_right_again_the_hold_ends_and_is_stored(void **state)
{
	set_clock(30 * DAY);
	pass(*state, HOUR);
	set_clock(-30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_false(store.mark.held);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void set_bit_by_bit_it_is_held(void **state)
{
	for (int i = 0; i < 60; i++) {
		assert_int_equal(verdict(*state), CLOCK_TRUSTED);
		set_clock(SECOND);
		pass(*state, 10 * SECOND);
	}
	set_clock(SECOND);
	pass(*state, 10 * SECOND);
	assert_int_equal(verdict(*state), CLOCK_APART);
}

/* What was not drifted in quiet times is no credit for a jump. */
static void a_year_without_drift_hides_no_jump(void **state)
{
	for (int i = 0; i < 24 * 365; i++) {
		clock_manual_advance(&clocks, HOUR);
		clock_trust_look(*state);
	}
	set_clock(MINUTE + 2 * SECOND);
	assert_int_equal(verdict(*state), CLOCK_APART);
}

static void a_drift_of_500_ppm_adds_up_to_nothing(void **state)
{
	for (int i = 0; i < 7 * 24 * 3600 / 2; i++) { /* five minutes in a week */
		clock_manual_advance(&clocks, 2 * SECOND);
		set_clock(1);
		clock_trust_look(*state);
	}
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_false(store.mark.held);
}

static void faster_than_clocks_are_slewed_it_was_set(void **state)
{
	for (int i = 0; i < 24 * 3600; i++) {
		clock_manual_advance(&clocks, SECOND);
		set_clock(2);
		clock_trust_look(*state);
	}
	assert_int_equal(verdict(*state), CLOCK_APART);
}

static void leap_seconds_are_nothing(void **state)
{
	for (int i = 0; i < 200; i++) {
		set_clock(-SECOND);
		pass(*state, HOUR);
	}
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* Boot time goes on meanwhile. */
static void a_machine_that_slept_is_trusted(void **state)
{
	pass(*state, MINUTE);
	clock_manual_advance(&clocks, 3 * DAY);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	pass(*state, MINUTE);
	assert_int_equal(store.mark.trusted_ms, BEGIN + 3 * DAY + 2 * MINUTE);
}

/* Both clocks stood still, then an agent of the hypervisor set the time. */
static void a_paused_machine_that_is_given_the_time_waits_for_the_operator(void **state)
{
	set_clock(5 * HOUR);
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* ---- over restarts ---- */

static void a_restart_does_not_end_a_hold(void **state)
{
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_APART);
	set_clock(-30 * DAY + HOUR); /* later than the hold began: nobody knows how late it is */
	assert_int_equal(verdict(*state), CLOCK_APART);
	pass(*state, HOUR);
	assert_int_equal(verdict(*state), CLOCK_APART);
}

static void after_a_restart_a_clock_that_cannot_be_early_ends_it(void **state)
{
	pass(*state, 30 * SECOND);
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	set_clock(-30 * DAY + MINUTE);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_false(store.mark.held);
	set_clock(2 * MINUTE); /* counted from there */
	assert_int_equal(verdict(*state), CLOCK_APART);
}

static void after_a_restart_a_clock_set_back_does_not_end_it(void **state)
{
	set_clock(-10 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_APART);
	set_clock(300 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
}

/* ---- after a recovery ---- */

/* As --recover leaves the mark of the store that it accepts. */
static void restart_recovered(void **state)
{
	pass(*state, MINUTE);
	store.mark.revision++;
	store.mark.held = true;
	store.mark.held_ms = CLOCK_HELD_BY_RECOVERY_MS;
	restart(state);
}

static void a_hold_of_a_recovery_is_ended_by_no_clock(void **state)
{
	restart_recovered(state);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	pass(*state, 2 * HOUR);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	set_clock(-60 * DAY);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_RECOVERED);
	assert_true(store.mark.held);
}

static void a_hold_of_a_recovery_names_no_time(void **state)
{
	struct clock_trust_report report;
	restart_recovered(state);
	clock_trust_report(*state, &report);
	assert_int_equal(report.held_ms, 0);
}

static void a_hold_of_a_recovery_ends_when_it_is_accepted(void **state)
{
	struct kms_outbox_record record = {.event_id = "e-1", .line = VIEW_LITERAL("{}")};
	restart_recovered(state);
	assert_false(err_failed(clock_trust_accept(*state, &record)));
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_false(store.mark.held);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* ---- the operator's word ---- */

static void accepted_the_mark_and_the_count_begin_anew(void **state)
{
	struct kms_outbox_record record = {.event_id = "e-1", .line = VIEW_LITERAL("{}")};
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, &record)));
	assert_string_equal(store.event_id, "e-1");
	assert_int_equal(store.mark.trusted_ms, BEGIN + 30 * DAY);
	assert_false(store.mark.held);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void accepted_the_mark_goes_back_too(void **state)
{
	set_clock(-30 * DAY);
	restart(state);
	assert_int_equal(verdict(*state), CLOCK_BEHIND);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(store.mark.trusted_ms, BEGIN - 30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void accepted_against_a_change_of_another_daemon(void **state)
{
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	store.intruder = store.mark;
	store.intruder.revision += 1;
	store.intrudes = true;
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void what_the_store_refuses_is_not_accepted(void **state)
{
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	store.failure = ERR(E_STORE);
	assert_true(err_is(clock_trust_accept(*state, NULL), E_STORE));
	store.failure = OK;
	assert_int_equal(verdict(*state), CLOCK_APART);
}

/* As when the disk fails after the commit. */
static void accepted_although_the_store_answered_with_an_error(void **state)
{
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	store.answers_wrong = true;
	assert_true(err_is(clock_trust_accept(*state, NULL), E_STORE));
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

/* ---- several daemons ---- */

static void a_hold_of_another_daemon_holds_here(void **state)
{
	store.mark.revision++;
	store.mark.held = true;
	store.mark.held_ms = BEGIN;
	pass(*state, MINUTE);
	assert_int_equal(verdict(*state), CLOCK_APART);
	store.mark.revision++;
	store.mark.held = false;
	store.mark.held_ms = 0;
	pass(*state, 6 * SECOND);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
}

static void accepted_at_one_daemon_it_is_accepted_at_the_other(void **state)
{
	struct clock_trust *other = start();
	set_clock(30 * DAY);
	clock_trust_look(*state);
	clock_trust_look(other);
	assert_int_equal(verdict(other), CLOCK_APART);
	assert_false(err_failed(clock_trust_accept(*state, NULL)));
	pass(other, 6 * SECOND);
	assert_int_equal(verdict(other), CLOCK_TRUSTED);
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	clock_trust_close(&other);
}

/* On another machine, with a clock that is right. */
static void what_another_machine_accepts_is_not_accepted_here(void **state)
{
	set_clock(30 * DAY);
	assert_int_equal(verdict(*state), CLOCK_APART);
	store.mark.revision++;
	store.mark.held = false;
	store.mark.held_ms = 0;
	pass(*state, 6 * SECOND);
	assert_int_equal(verdict(*state), CLOCK_APART);
	assert_true(store.mark.held);
}

/* Started between the jump and the moment when the first one sees it. */
static void a_daemon_that_believes_a_set_clock_does_not_persuade_another(void **state)
{
	set_clock(30 * DAY);
	struct clock_trust *other = start();
	assert_int_equal(verdict(other), CLOCK_TRUSTED);
	assert_int_equal(verdict(*state), CLOCK_APART);
	pass(*state, 6 * SECOND);
	assert_true(store.mark.held);
	pass(other, MINUTE);
	assert_int_equal(verdict(other), CLOCK_APART);
	clock_trust_close(&other);
}

/* ---- reading two clocks ---- */

static bool stops; /* before the next reading of real time, for an hour */

static int64_t late_real_ms(UNUSED const struct clock *self)
{
	if (stops)
		clock_manual_advance(&clocks, HOUR);
	stops = false;
	return clocks.now_real_ms;
}

static void a_process_stopped_between_two_readings_is_no_set_clock(void **state)
{
	clocks.clock.real_ms = late_real_ms;
	stops = true;
	assert_int_equal(verdict(*state), CLOCK_TRUSTED);
	assert_false(stops);
	assert_false(store.mark.held);
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

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
		CASE(a_hold_of_a_recovery_is_ended_by_no_clock),
		CASE(a_hold_of_a_recovery_names_no_time),
		CASE(a_hold_of_a_recovery_ends_when_it_is_accepted),
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
