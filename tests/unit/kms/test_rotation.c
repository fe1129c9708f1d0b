/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of rotation, one by one, by the number of the day (KMS Developer Guide, "Rotate AWS KMS
 * keys"). */

#include "key_life.h"
#include "tests/support/assert_err.h"

static struct key_life life;

static int setup(UNUSED void **state)
{
	life_begin(&life);
	return 0;
}

#define assert_none_on(day) assert_int_equal(life_rotations(&life, day), 0)
#define assert_one_on(day) assert_int_equal(life_rotations(&life, day), 1)
#define assert_next(day) assert_int_equal(life_next_ms(&life), day_ms(day))

/* --- the schedule --- */

static void test_it_is_off_until_switched_on(UNUSED void **state)
{
	struct kms_rotation_status status;
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_false(status.enabled);
	assert_int_equal(status.period_days, 0);
	assert_int_equal(status.next_ms, 0);
	assert_none_on(10 * 365);
}

static void test_day_364_no_day_365_yes(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	assert_none_on(364);
	assert_int_equal(life_look(&life, day_ms(365) - 1, KMS_ROTATION_AUTOMATIC), 0);
	assert_int_equal(life_look(&life, day_ms(365), KMS_ROTATION_AUTOMATIC), 1);
	assert_next(730);
	assert_none_on(729);
	assert_one_on(730);
}

static void test_it_counts_from_the_day_that_it_was_switched_on(UNUSED void **state)
{
	life_rotate_every(&life, 300, 365);
	assert_next(665);
	assert_none_on(365);
	assert_none_on(664);
	assert_one_on(665);
	assert_next(1030);
}

static void test_every_allowed_period(UNUSED void **state)
{
	static const uint32_t periods[] = {90, 91, 365, 1095, 2560};
	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		life_begin(&life);
		life_rotate_every(&life, 0, periods[i]);
		assert_none_on(periods[i] - 1);
		assert_one_on(periods[i]);
		assert_next(2.0 * periods[i]);
	}
}

static void test_other_periods_are_refused(UNUSED void **state)
{
	static const uint32_t periods[] = {0, 1, 89, 2561, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
		bool changed = false;
		assert_err(kms_rotation_enable(&life.full.key, periods[i], day_ms(0), &changed),
			   E_BOUNDS);
		assert_false(changed || life.full.key.rotation_enabled);
	}
}

static void test_another_period_counts_from_the_change(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_rotate_every(&life, 200, 100);
	assert_next(300);
	assert_none_on(299);
	assert_one_on(300);
	life_rotate_every(&life, 310, 730);
	assert_next(1040);
}

static void test_the_same_period_again_changes_nothing(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	for (unsigned day = 7; day < 365; day += 7) {
		bool changed = true;
		assert_ok(kms_rotation_enable(&life.full.key, 365, day_ms(day), &changed));
		assert_false(changed);
	}
	assert_next(365);
	assert_one_on(365);
}

static void test_switched_off_and_on_it_counts_anew(UNUSED void **state)
{
	bool changed = false;
	life_rotate_every(&life, 0, 365);
	kms_rotation_disable(&life.full.key, &changed);
	assert_true(changed);
	assert_int_equal(life_next_ms(&life), 0);
	assert_none_on(400);
	kms_rotation_disable(&life.full.key, &changed);
	assert_false(changed);
	life_rotate_every(&life, 401, 365);
	assert_next(766);
	assert_none_on(765);
	assert_one_on(766);
}

/* --- late --- */

static void test_ten_years_in_one_jump_are_one_rotation(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	assert_one_on(3650);
	assert_next(3650 + 365);
	assert_none_on(3650 + 364);
	assert_one_on(3650 + 365);
}

static void test_three_hours_late_keeps_the_dates(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	assert_one_on(365.125);
	assert_next(730);
	assert_one_on(731); /* a whole day late, not more */
	assert_next(1095);
}

static void test_two_days_late_begins_anew(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	assert_one_on(367);
	assert_next(367 + 365);
}

static void test_it_says_since_when_it_is_due(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	const struct kms_key_full *full = &life.full;
	assert_int_equal(kms_rotation_due_since_ms(full, &life.rules, day_ms(364)), 0);
	assert_int_equal(kms_rotation_due_since_ms(full, &life.rules, day_ms(400)), day_ms(365));
}

/* --- disabled, pending deletion --- */

static void test_disabled_at_350_enabled_at_400_rotates_at_once(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_disable(&life);
	assert_none_on(350);
	assert_none_on(399);
	life_enable(&life, 400);
	assert_one_on(400);
	assert_next(765);
	assert_none_on(764);
	assert_one_on(765);
}

/* The age of the material decides: the schedule alone would say 665. */
static void test_made_0_on_300_disabled_350_enabled_370(UNUSED void **state)
{
	life_rotate_every(&life, 300, 365);
	assert_next(665);
	life_disable(&life);
	life_enable(&life, 370);
	assert_one_on(370);
	assert_next(735);
}

static void test_material_of_exactly_one_period_is_old(UNUSED void **state)
{
	life_rotate_every(&life, 300, 365);
	life_disable(&life);
	life_enable(&life, 365);
	assert_one_on(365);
	assert_next(730);
}

static void test_material_of_a_day_less_is_young(UNUSED void **state)
{
	life_rotate_every(&life, 300, 365);
	life_disable(&life);
	life_enable(&life, 364);
	assert_none_on(364);
	assert_next(665);
}

static void test_young_material_passes_over_a_missed_date(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_demand(&life, 300);
	assert_one_on(300);
	assert_next(365);
	life_disable(&life);
	life_enable(&life, 400);
	assert_none_on(400);
	assert_next(730);
	assert_one_on(730);
}

static void test_young_material_passes_over_the_date_of_today(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_demand(&life, 300);
	assert_one_on(300);
	life_disable(&life);
	life_enable(&life, 365);
	assert_none_on(365);
	assert_next(730);
}

static void test_young_material_passes_over_several_dates(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life.versions[0].created_ms = day_ms(1000);
	life_disable(&life);
	life_enable(&life, 1100);
	assert_none_on(1100);
	assert_next(1460);
}

static void test_disabled_and_enabled_in_time_keeps_the_date(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_disable(&life);
	life_enable(&life, 100);
	assert_none_on(100);
	assert_next(365);
}

static void test_the_setting_is_shown_while_disabled(UNUSED void **state)
{
	struct kms_rotation_status status;
	life_rotate_every(&life, 0, 400);
	life_disable(&life);
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_true(status.enabled);
	assert_int_equal(status.period_days, 400);
}

static void test_without_rotation_enabling_changes_nothing(UNUSED void **state)
{
	life_disable(&life);
	life_enable(&life, 4000);
	assert_none_on(4000);
	assert_int_equal(life.full.key.rotation_from_ms, 0);
}

static void test_pending_deletion_is_never_rotated_and_reads_off(UNUSED void **state)
{
	struct kms_rotation_status status;
	life_rotate_every(&life, 0, 365);
	life_demand(&life, 350);
	life.versions[0].suite = HSM_SUITE_DIRECT;
	life.versions[0].messages_reserved = UINT64_MAX;
	life_schedule_deletion(&life);
	assert_none_on(370);
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_false(status.enabled);
	assert_int_equal(status.next_ms, 0);
	assert_false(kms_rotation_is_near(&life.full.key, &life.rules, day_ms(365)));
}

static void test_cancelled_deletion_brings_the_setting_back(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_schedule_deletion(&life);
	life_cancel_deletion(&life);
	assert_next(365);
	assert_none_on(380); /* Disabled still */
	life_enable(&life, 380);
	assert_one_on(380);
	assert_next(745);
}

static void test_only_enabled_keys_are_rotated(UNUSED void **state)
{
	life_rotate_every(&life, 0, 90);
	life_demand(&life, 90);
	for (unsigned i = KMS_STATE_CREATING; i < KMS_STATE_COUNT; i++) {
		life.full.key.state = (enum kms_key_state)i;
		enum kms_rotation_type due = kms_rotation_due(&life.full, &life.rules, day_ms(100));
		assert_int_equal(due != KMS_ROTATION_NONE, i == KMS_STATE_ENABLED);
	}
}

/* --- kinds of keys --- */

static void test_only_symmetric_keys_of_kms_rotate(UNUSED void **state)
{
	assert_true(kms_rotation_possible(&life.full.key));
	life_rotate_every(&life, 0, 90);
	life_demand(&life, 90);
	for (unsigned spec = KMS_SPEC_SYMMETRIC_DEFAULT + 1; spec < KMS_SPEC_COUNT; spec++) {
		life.full.key.spec = (enum kms_key_spec)spec;
		assert_false(kms_rotation_possible(&life.full.key));
		assert_none_on(100);
		assert_int_equal(life_next_ms(&life), 0);
	}
	life.full.key.spec = KMS_SPEC_SYMMETRIC_DEFAULT;
	for (unsigned i = KMS_ORIGIN_EXTERNAL; i <= KMS_ORIGIN_EXTERNAL_KEY_STORE; i++) {
		life.full.key.origin = (enum kms_key_origin)i;
		assert_false(kms_rotation_possible(&life.full.key));
		assert_none_on(100);
	}
}

static void test_managed_keys_rotate_every_1095_days(UNUSED void **state)
{
	struct kms_rotation_status status;
	life.full.key.manager = KMS_MANAGER_AWS;
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_true(status.enabled);
	assert_int_equal(status.period_days, 1095);
	assert_next(1095);
	assert_none_on(1094);
	assert_one_on(1095);
	assert_next(2190);
	assert_one_on(2190);
}

static void test_managed_keys_follow_the_setting(UNUSED void **state)
{
	life.full.key.manager = KMS_MANAGER_AWS;
	life.rules.managed_days = 500;
	assert_none_on(499);
	assert_one_on(500);
	life.rules.managed_days = 600;
	assert_next(1100);
}

/* --- on demand, budget --- */

static void test_on_demand_does_not_move_the_date(UNUSED void **state)
{
	struct kms_rotation_status status;
	life_rotate_every(&life, 0, 365);
	life_demand(&life, 100);
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_int_equal(status.on_demand_ms, day_ms(100));
	assert_int_equal(life_look(&life, day_ms(100.5), KMS_ROTATION_ON_DEMAND), 1);
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_int_equal(status.on_demand_ms, 0);
	assert_next(365);
	assert_none_on(364);
	assert_one_on(365);
}

static void test_on_demand_needs_no_schedule(UNUSED void **state)
{
	life_demand(&life, 5);
	assert_int_equal(kms_rotation_due_since_ms(&life.full, &life.rules, day_ms(6)), day_ms(5));
	assert_one_on(6);
	assert_int_equal(life_next_ms(&life), 0);
}

static void test_on_demand_waits_while_disabled(UNUSED void **state)
{
	life_demand(&life, 5);
	life_disable(&life);
	assert_none_on(6);
	life_enable(&life, 7);
	assert_one_on(7);
}

static void test_on_demand_survives_a_clock_set_back(UNUSED void **state)
{
	life_demand(&life, 5);
	assert_int_equal(kms_rotation_due_since_ms(&life.full, &life.rules, day_ms(4)), day_ms(4));
	assert_one_on(4);
}

static void test_the_automatic_one_goes_first(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life_demand(&life, 364);
	assert_int_equal(life_rotations(&life, 365), 2);
	assert_int_equal(life.versions[1].rotation, KMS_ROTATION_AUTOMATIC);
	assert_int_equal(life.versions[2].rotation, KMS_ROTATION_ON_DEMAND);
	assert_next(730);
}

static void test_the_limit_counts_what_users_asked_for(UNUSED void **state)
{
	life_rotate_every(&life, 0, 90);
	assert_int_equal(kms_rotation_on_demand_used(&life.full), 0);
	for (unsigned i = 0; i < 3; i++) {
		life_demand(&life, i);
		assert_int_equal(kms_rotation_on_demand_used(&life.full), i + 1);
		assert_one_on(i);
		assert_int_equal(kms_rotation_on_demand_used(&life.full), i + 1);
	}
	assert_one_on(90);
	life.versions[4].rotation = KMS_ROTATION_BUDGET;
	assert_int_equal(kms_rotation_on_demand_used(&life.full), 3);
}

static void test_near_is_twenty_minutes(UNUSED void **state)
{
	const struct kms_key *key = &life.full.key;
	assert_false(kms_rotation_is_near(key, &life.rules, day_ms(365)));
	life_rotate_every(&life, 0, 365);
	int64_t near_ms = day_ms(365) - KMS_ROTATION_NEAR_MS;
	assert_false(kms_rotation_is_near(key, &life.rules, near_ms - 1));
	assert_true(kms_rotation_is_near(key, &life.rules, near_ms));
	assert_true(kms_rotation_is_near(key, &life.rules, day_ms(370)));
}

static void test_a_used_up_budget_forces_a_rotation(UNUSED void **state)
{
	life_rotate_every(&life, 0, 365);
	life.versions[0].suite = HSM_SUITE_DIRECT;
	life.versions[0].messages_reserved = life.rules.budget_force - 1;
	assert_none_on(5);
	life.versions[0].messages_reserved++;
	assert_int_equal(life_look(&life, day_ms(5), KMS_ROTATION_BUDGET), 1);
	assert_next(365);
	assert_int_equal(kms_rotation_on_demand_used(&life.full), 0);
}

static void test_other_suites_have_no_budget(UNUSED void **state)
{
	life.versions[0].messages_reserved = UINT64_MAX;
	assert_none_on(5);
}

static void test_only_the_current_version_is_asked(UNUSED void **state)
{
	life_demand(&life, 1);
	assert_one_on(1);
	life.versions[0].suite = HSM_SUITE_DIRECT;
	life.versions[0].messages_reserved = UINT64_MAX;
	assert_none_on(2);
	assert_int_equal(kms_rotation_current(&life.full)->number, 2);
}

/* One more could not be loaded again. */
static void test_a_key_with_all_its_versions_stays_as_it_is(UNUSED void **state)
{
	life_rotate_every(&life, 0, 90);
	life_demand(&life, 1);
	life.full.version_count = KMS_VERSIONS_MAX - 1;
	assert_int_not_equal(kms_rotation_due(&life.full, &life.rules, day_ms(100)),
			     KMS_ROTATION_NONE);
	life.full.version_count = KMS_VERSIONS_MAX;
	assert_int_equal(kms_rotation_due(&life.full, &life.rules, day_ms(100)), KMS_ROTATION_NONE);
}

static void test_no_version_no_rotation(UNUSED void **state)
{
	life.full.version_count = 0;
	assert_null(kms_rotation_current(&life.full));
	life_rotate_every(&life, 0, 365);
	kms_rotation_resume(&life.full, &life.rules, day_ms(400));
	assert_next(365);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_off_until_switched_on),
		TEST(test_day_364_no_day_365_yes),
		TEST(test_it_counts_from_the_day_that_it_was_switched_on),
		TEST(test_every_allowed_period),
		TEST(test_other_periods_are_refused),
		TEST(test_another_period_counts_from_the_change),
		TEST(test_the_same_period_again_changes_nothing),
		TEST(test_switched_off_and_on_it_counts_anew),
		TEST(test_ten_years_in_one_jump_are_one_rotation),
		TEST(test_three_hours_late_keeps_the_dates),
		TEST(test_two_days_late_begins_anew),
		TEST(test_it_says_since_when_it_is_due),
		TEST(test_disabled_at_350_enabled_at_400_rotates_at_once),
		TEST(test_made_0_on_300_disabled_350_enabled_370),
		TEST(test_material_of_exactly_one_period_is_old),
		TEST(test_material_of_a_day_less_is_young),
		TEST(test_young_material_passes_over_a_missed_date),
		TEST(test_young_material_passes_over_the_date_of_today),
		TEST(test_young_material_passes_over_several_dates),
		TEST(test_disabled_and_enabled_in_time_keeps_the_date),
		TEST(test_the_setting_is_shown_while_disabled),
		TEST(test_without_rotation_enabling_changes_nothing),
		TEST(test_pending_deletion_is_never_rotated_and_reads_off),
		TEST(test_cancelled_deletion_brings_the_setting_back),
		TEST(test_only_enabled_keys_are_rotated),
		TEST(test_only_symmetric_keys_of_kms_rotate),
		TEST(test_managed_keys_rotate_every_1095_days),
		TEST(test_managed_keys_follow_the_setting),
		TEST(test_on_demand_does_not_move_the_date),
		TEST(test_on_demand_needs_no_schedule),
		TEST(test_on_demand_waits_while_disabled),
		TEST(test_on_demand_survives_a_clock_set_back),
		TEST(test_the_automatic_one_goes_first),
		TEST(test_the_limit_counts_what_users_asked_for),
		TEST(test_near_is_twenty_minutes),
		TEST(test_a_used_up_budget_forces_a_rotation),
		TEST(test_other_suites_have_no_budget),
		TEST(test_only_the_current_version_is_asked),
		TEST(test_a_key_with_all_its_versions_stays_as_it_is),
		TEST(test_no_version_no_rotation),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
