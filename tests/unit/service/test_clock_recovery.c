/* SPDX-License-Identifier: Apache-2.0 */
/* The hold that a recovery leaves on the clock: who ends it, and who does not. */
#include "trust_world.h"

/* As --recover leaves the mark of the store that it accepts. */
static void restart_recovered(void **state)
{
	trust_pass(*state, MINUTE);
	trust_store.mark.revision++;
	trust_store.mark.held = true;
	trust_store.mark.held_ms = CLOCK_HELD_BY_RECOVERY_MS;
	trust_restart(state);
}

static void a_hold_of_a_recovery_is_ended_by_no_clock(void **state)
{
	restart_recovered(state);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	trust_pass(*state, 2 * HOUR);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	trust_set_clock(-60 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	trust_set_clock(30 * DAY);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_RECOVERED);
	assert_true(trust_store.mark.held);
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
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
	assert_false(trust_store.mark.held);
	trust_restart(state);
	assert_int_equal(trust_verdict(*state), CLOCK_TRUSTED);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, trust_begin, trust_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_hold_of_a_recovery_is_ended_by_no_clock),
		CASE(a_hold_of_a_recovery_names_no_time),
		CASE(a_hold_of_a_recovery_ends_when_it_is_accepted),
	};
	return cmocka_run_group_tests_name("service_clock_recovery", tests, NULL, NULL);
}
