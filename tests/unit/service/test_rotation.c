/* SPDX-License-Identifier: Apache-2.0 */
/* Switching automatic rotation on and off, and what becomes of it while a key is disabled. */
#include <string.h>

#include "rotation_world.h"

/* --- switching --- */

static void test_a_new_key_does_not_rotate(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	assert_off();
	(void)list("", &r);
	assert_string_equal(r.body, "{\"Rotations\":[],\"Truncated\":false}");
}

static void test_a_year_unless_said_otherwise(UNUSED void **state)
{
	change("EnableKeyRotation", "");
	assert_on(365, 365 * DAY_S);
}

static void test_any_period_in_bounds(UNUSED void **state)
{
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":90");
	assert_on(90, 90 * DAY_S);
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":2560");
	assert_on(2560, 2560 * DAY_S);
}

static void test_other_periods_are_refused(UNUSED void **state)
{
	static const char *const rows_[][2] = {
		{",\"RotationPeriodInDays\":89",
		 "1 validation error detected: Value '89' at 'rotationPeriodInDays' failed to "
		 "satisfy constraint: Member must have value greater than or equal to 90"},
		{",\"RotationPeriodInDays\":2561",
		 "1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to "
		 "satisfy constraint: Member must have value less than or equal to 2560"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
		CLEANUP(reply_cleanup) struct reply r;
		call("EnableKeyRotation", rows_[i][0], &r);
		assert_refused(&r, "ValidationException", rows_[i][1]);
	}
	assert_off();
}

static void test_the_same_again_puts_nothing_off(UNUSED void **state)
{
	edit_next(100 * KMS_DAY_MS);
	change("EnableKeyRotation", "");
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":365");
	assert_int_equal(updates, 0);
	assert_on(365, 100 * DAY_S);
}

static void test_another_period_counts_from_now(UNUSED void **state)
{
	edit_next(100 * KMS_DAY_MS);
	change("EnableKeyRotation", ",\"RotationPeriodInDays\":200");
	assert_on(200, 200 * DAY_S);
}

static void test_switched_off_and_on_counts_from_now(UNUSED void **state)
{
	edit_next(100 * KMS_DAY_MS);
	change("DisableKeyRotation", "");
	assert_off();
	updates = 0;
	change("DisableKeyRotation", "");
	assert_int_equal(updates, 0);
	change("EnableKeyRotation", "");
	assert_on(365, 365 * DAY_S);
}

/* --- states and kinds of keys --- */

static void wait_for_import(struct kms_key *row)
{
	row->origin = KMS_ORIGIN_EXTERNAL;
	row->state = KMS_STATE_PENDING_IMPORT;
	row->current_version = 0;
}

static void disconnect(struct kms_key *row)
{
	row->origin = KMS_ORIGIN_EXTERNAL_KEY_STORE;
	row->state = KMS_STATE_UNAVAILABLE;
}

static void make_rsa(struct kms_key *row)
{
	row->spec = KMS_SPEC_RSA_2048;
}

static void make_managed(struct kms_key *row)
{
	row->manager = KMS_MANAGER_AWS;
}

static void assert_all_unsupported(void)
{
	for (size_t i = 0; i < SETTINGS; i++)
		assert_unsupported(settings[i]);
	assert_int_equal(updates, 0);
}

static void test_a_disabled_key_keeps_its_setting(UNUSED void **state)
{
	change("EnableKeyRotation", "");
	change("DisableKey", "");
	for (size_t i = 0; i < SETTINGS; i++)
		assert_refusal(settings[i], "DisabledException", "is disabled.");
	assert_on(365, 365 * DAY_S);
}

static void test_pending_deletion_reads_off_and_comes_back(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply scheduled, cancelled;
	change("EnableKeyRotation", "");
	call("ScheduleKeyDeletion", "", &scheduled);
	for (size_t i = 0; i < SETTINGS; i++)
		assert_refusal(settings[i], "KMSInvalidStateException", "is pending deletion.");
	assert_off();
	call("CancelKeyDeletion", "", &cancelled);
	assert_status(&cancelled, 200);
	assert_on(365, 365 * DAY_S);
}

static void test_a_key_that_waits_for_import_cannot_rotate(UNUSED void **state)
{
	edit(wait_for_import);
	assert_all_unsupported();
	assert_off();
}

static void test_a_key_of_a_disconnected_store_cannot_rotate(UNUSED void **state)
{
	edit(disconnect);
	assert_all_unsupported();
	assert_off();
}

static void test_the_state_comes_before_the_kind(UNUSED void **state)
{
	edit(make_rsa);
	assert_all_unsupported();
	assert_off();
	assert_unsupported("ListKeyRotations");
	change("DisableKey", "");
	for (size_t i = 0; i < SETTINGS; i++)
		assert_refusal(settings[i], "DisabledException", "is disabled.");
}

/* Whatever a policy allows: the one of this key allows the account everything. */
static void test_a_services_key_rotates_at_the_services_pace(UNUSED void **state)
{
	edit(make_managed);
	assert_all_unsupported();
	assert_on(1095, 1095 * DAY_S);
}

/* --- enabled again --- */

static void test_old_material_is_rotated_when_the_key_comes_back(UNUSED void **state)
{
	edit_next(295 * KMS_DAY_MS);
	change("DisableKey", "");
	material_age_ms = 370 * KMS_DAY_MS;
	change("EnableKey", "");
	do_due_work();
	assert_int_equal(count_rotations(), 1);
	assert_on(365, 365 * DAY_S);
}

static void test_young_material_keeps_the_dates(UNUSED void **state)
{
	change("DisableKey", "");
	edit_next(-35 * KMS_DAY_MS);
	material_age_ms = 100 * KMS_DAY_MS;
	change("EnableKey", "");
	assert_on(365, 330 * DAY_S);
	assert_int_equal(count_rotations(), 0);
}

/* Enabling a key that is enabled is no way to have it rotated, nor to put a rotation off. */
static void test_enabling_an_enabled_key_changes_nothing(UNUSED void **state)
{
	edit_next(295 * KMS_DAY_MS);
	material_age_ms = 370 * KMS_DAY_MS;
	change("EnableKey", "");
	assert_int_equal(updates, 0);
	assert_on(365, 295 * DAY_S);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, rotation_fresh_key)
	const struct CMUnitTest tests[] = {
		TEST(test_a_new_key_does_not_rotate),
		TEST(test_a_year_unless_said_otherwise),
		TEST(test_any_period_in_bounds),
		TEST(test_other_periods_are_refused),
		TEST(test_the_same_again_puts_nothing_off),
		TEST(test_another_period_counts_from_now),
		TEST(test_switched_off_and_on_counts_from_now),
		TEST(test_a_disabled_key_keeps_its_setting),
		TEST(test_pending_deletion_reads_off_and_comes_back),
		TEST(test_a_key_that_waits_for_import_cannot_rotate),
		TEST(test_a_key_of_a_disconnected_store_cannot_rotate),
		TEST(test_the_state_comes_before_the_kind),
		TEST(test_a_services_key_rotates_at_the_services_pace),
		TEST(test_old_material_is_rotated_when_the_key_comes_back),
		TEST(test_young_material_keeps_the_dates),
		TEST(test_enabling_an_enabled_key_changes_nothing),
	};
#undef TEST
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
