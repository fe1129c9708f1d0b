/* SPDX-License-Identifier: Apache-2.0 */
/* Suite 3: a version key stops encrypting at its budget and goes on decrypting; a key that can
 * rotate gets another version before that. */
#include <unistd.h>

#include "base/mem.h"
#include "fixture.h"
#include "lives.h"
#include "the_world.h"

#define MESSAGES_MAX 200
#define FORCE_AT 32
#define NEVER UINT64_MAX

struct world world = {.suite = HSM_SUITE_DIRECT,
		      .direct_messages_max = 32,
		      .direct_block = 8,
		      .rotation = {.budget_force = NEVER},
		      .due_interval_ms = 60000};
static char key[KMS_KEY_ID_TEXT + 1];

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

/* The first block of a version must not use up its budget. */
static void test_a_block_is_a_quarter_at_most(UNUSED void **state)
{
	world_stop(&world.first);
	world.direct_block = 32;
	world_start(&world, &world.first, "audit");
	test_reservations_outlive_the_process(NULL);
}

/* --- rotation in time --- */

static void restart(uint64_t messages_max, uint64_t force_at)
{
	world_stop(&world.first);
	world.direct_messages_max = messages_max;
	world.direct_block = 8;
	world.rotation.budget_force = force_at;
	world_start(&world, &world.first, "audit");
}

static void encrypt_many(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(reply_cleanup) struct reply r;
		world_encrypt(&world, key, "aGk=", "{}", &r);
		assert_status(&r, 200);
	}
}

static void load(struct kms_key_full *out)
{
	struct kms_key_id id;
	assert_ok(kms_key_id_parse(view_of_text(key), &id));
	life_load(&world, &id, out);
}

static size_t await_versions(size_t wanted)
{
	for (unsigned i = 0;; i++) {
		CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
		load(&full);
		if (full.version_count >= wanted || i == 1000)
			return full.version_count;
		(void)usleep(10000);
	}
}

/* KMS_ROTATION_BUDGET: told as ON_DEMAND, and not counted as one. The scheduler's next round is a
 * minute away. */
static void test_a_key_is_rotated_before_its_budget_ends(UNUSED void **state)
{
	restart(MESSAGES_MAX, FORCE_AT);
	world_create_key(&world, "{}", key);
	CLEANUP(reply_cleanup) struct reply sealed;
	CLEANUP(reply_cleanup) struct reply opened;
	world_encrypt(&world, key, "aGk=", "{}", &sealed);
	encrypt_many(FORCE_AT - 8 - 1); /* all but the last block */
	CLEANUP(kms_key_full_cleanup) struct kms_key_full before = {0};
	load(&before);
	assert_int_equal(before.version_count, 1);
	encrypt_many(1);
	assert_int_equal(await_versions(2), 2);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	load(&full);
	assert_int_equal(full.key.current_version, 2);
	assert_int_equal(full.versions[1].rotation, KMS_ROTATION_BUDGET);
	assert_string_equal(kms_rotation_name(full.versions[1].rotation), "ON_DEMAND");
	assert_int_equal(kms_rotation_on_demand_used(&full), 0);
	world_decrypt(&world, reply_text(&sealed, "CiphertextBlob"), "{}", &opened);
	assert_string_equal(reply_text(&opened, "Plaintext"), "aGk=");
}

static void test_encryption_goes_on_beyond_the_budget_of_a_version(UNUSED void **state)
{
	restart(MESSAGES_MAX, FORCE_AT);
	world_create_key(&world, "{}", key);
	encrypt_many(MESSAGES_MAX + MESSAGES_MAX / 2);
	assert_true(await_versions(2) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_budget_is_the_bound),
		cmocka_unit_test(test_reservations_outlive_the_process),
		cmocka_unit_test(test_a_block_is_a_quarter_at_most),
		cmocka_unit_test(test_a_key_is_rotated_before_its_budget_ends),
		cmocka_unit_test(test_encryption_goes_on_beyond_the_budget_of_a_version),
	};
	return cmocka_run_group_tests(tests, the_world_set_up, the_world_tear_down);
}
