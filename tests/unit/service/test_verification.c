/* SPDX-License-Identifier: Apache-2.0 */
/* The whole store is verified again by itself while the service runs, and what follows from that.
 */
#include <unistd.h>

#include "base/lock.h"
#include "remembered.h"
#include "service/core.h"
#include "the_world.h"

static void adjust(struct service_options *options)
{
	remembered_adjust(options);
	options->verify_interval_s = 1;
}

struct world world = {.adjust_options = adjust, .due_interval_ms = 20, .without_due_work = true};

static int set_up(void **state)
{
	remembered_begin();
	return the_world_set_up(state);
}

static unsigned surveys(void)
{
	LOCK_SCOPE(&remembered.lock);
	return remembered.surveys;
}

static void await_surveys(unsigned count)
{
	for (unsigned i = 0; i < 1000 && surveys() < count; i++)
		(void)usleep(10000);
	assert_true(surveys() >= count);
}

static void test_again_and_again(UNUSED void **state)
{
	unsigned before = surveys();
	assert_int_equal(before, 1); /* at the start */
	await_surveys(before + 2);
	assert_false(distrust_holds(&world.first.service->distrust));
}

static void test_what_it_finds_is_told(UNUSED void **state)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.verdict = E_STORE_SEAL;
		remembered.found = 1;
		remembered.findings[0] = (struct kms_finding){
			.kind = KMS_FINDING_CHANGED, .table = "keys", .row = "key_id=1"};
	}
	await_surveys(surveys() + 2);
	struct survey_summary summary;
	survey_look(world.first.service, &summary);
	assert_true(err_is(summary.verdict, E_STORE_SEAL));
	assert_int_equal(summary.refused, 1);
	assert_false(distrust_holds(&world.first.service->distrust)); /* one row is refused alone */
}

static void test_an_older_store_is_not_served(UNUSED void **state)
{
	{
		LOCK_SCOPE(&remembered.lock);
		remembered.verdict = E_STORE_ROLLED_BACK;
	}
	for (unsigned i = 0; i < 1000 && !distrust_holds(&world.first.service->distrust); i++)
		(void)usleep(10000);
	assert_true(distrust_holds(&world.first.service->distrust));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again_and_again),
		cmocka_unit_test(test_what_it_finds_is_told),
		cmocka_unit_test(test_an_older_store_is_not_served),
	};
	return cmocka_run_group_tests_name("service_verification", tests, set_up,
					   the_world_tear_down);
}
