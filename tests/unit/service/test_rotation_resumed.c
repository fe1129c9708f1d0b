/* SPDX-License-Identifier: Apache-2.0 */
/* A key that comes back from Disabled with old material is rotated at once: not when the scheduler
 * happens to look next. */
#include <unistd.h>

#include "rotation_world.h"

#define NEVER_MS (UINT32_C(60) * 60 * 1000) /* of a test */
#define WAIT_STEPS 200
#define WAIT_STEP_US 50000

static int set_up(void **state)
{
	world.without_due_work = false;
	world.due_interval_ms = NEVER_MS;
	return the_world_set_up(state);
}

static void wait_for_rotation(void)
{
	for (unsigned i = 0; i < WAIT_STEPS && count_rotations() == 0; i++)
		(void)usleep(WAIT_STEP_US);
}

static void test_enabling_it_wakes_the_scheduler(UNUSED void **state)
{
	CLEANUP(reply_cleanup) struct reply r;
	edit_next(295 * KMS_DAY_MS);
	change("DisableKey", "");
	material_age_ms = 370 * KMS_DAY_MS;
	change("EnableKey", "");
	wait_for_rotation();
	assert_int_equal(list("", &r), 1);
	assert_true(entry_is(&r, 0, "RotationType", "AUTOMATIC"));
	assert_on(365, 365 * DAY_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_enabling_it_wakes_the_scheduler, rotation_fresh_key),
	};
	return cmocka_run_group_tests(tests, set_up, the_world_tear_down);
}
