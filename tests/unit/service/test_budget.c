/* SPDX-License-Identifier: Apache-2.0 */
/* Suite 3: a version key stops encrypting at its budget and goes on decrypting. */
#include "base/mem.h"
#include "fixture.h"

static struct world world = {
	.suite = HSM_SUITE_DIRECT, .direct_messages_max = 32, .direct_block = 8};
static char key[KMS_KEY_ID_TEXT + 1];

static int set_up(UNUSED void **state)
{
	world_make(&world);
	world_start(&world, &world.first, "audit");
	return 0;
}

static int tear_down(UNUSED void **state)
{
	world_stop(&world.first);
	world_remove(&world);
	return 0;
}

/* Messages until the first refusal. */
static size_t exhaust(void)
{
	for (size_t count = 0;; count++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_encrypt(&world, key, "aGk=", "{}", &r);
		if (r.status == 200)
			continue;
		assert_string_equal(reply_type(&r), "KMSInvalidStateException");
		return count;
	}
}

static void test_the_budget_is_the_bound(UNUSED void **state)
{
	world_create_key(&world, "{}", key);
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	world_encrypt(&world, key, "aGk=", "{}", &sealed);
	assert_status(&sealed, 200);
	assert_int_equal(exhaust(), 31);
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_status(&opened, 200);
	assert_int_equal(exhaust(), 0);
}

/* What was reserved and not used is lost with the process, never used twice. */
static void test_reservations_outlive_the_process(UNUSED void **state)
{
	world_create_key(&world, "{}", key);
	CLEANUP(reply_cleanup) struct reply sealed;
	world_encrypt(&world, key, "aGk=", "{}", &sealed);
	assert_status(&sealed, 200);
	world_stop(&world.first);
	world_start(&world, &world.first, "audit");
	assert_int_equal(exhaust(), 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_budget_is_the_bound),
		cmocka_unit_test(test_reservations_outlive_the_process),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
