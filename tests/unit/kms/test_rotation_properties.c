/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of rotation whatever happens to a key: random lives, and columns with any numbers
 * in them. The seed is printed; PROPERTY_SEED sets it. A property that was never put to the test
 * fails, too.
 */

#include <stdlib.h>

#include "base/text.h"
#include "base/view.h"
#include "key_life.h"
#include "tests/support/assert_err.h"

#define SEED UINT64_C(20261122)
#define LIVES 400
#define STEPS 500
#define LEAP_PERCENT 3 /* of the steps: nobody looked for up to four years */
#define LEAP_DAYS_MAX 1460

static uint64_t seed;
static struct key_life life;

/* What the test itself knows of a life. */
static struct {
	int64_t now_ms;
	int64_t automatic_ms;                     /* the last automatic rotation; 0: none */
	unsigned automatic, on_demand, caught_up; /* seen, over all lives */
} told;

static int start(UNUSED void **state)
{
	const char *text = getenv("PROPERTY_SEED");
	int64_t given;
	seed = SEED;
	if (text != NULL &&
	    !err_failed(text_parse_integer(view_of_text(text), 1, INT64_MAX, &given)))
		seed = (uint64_t)given;
	print_message("PROPERTY_SEED=%llu\n", (unsigned long long)seed);
	return 0;
}

static uint32_t below(uint32_t bound)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % bound;
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

/* --- what may happen to a key --- */

/* Who may switch rotation on and off, the operations decide. */
static bool may_be_switched(void)
{
	return life.full.key.state == KMS_STATE_ENABLED &&
	       life.full.key.manager == KMS_MANAGER_CUSTOMER;
}

static void enable_rotation(void)
{
	static const uint32_t periods[] = {90, 100, 365, 365, 730};
	bool changed = false;
	if (!may_be_switched())
		return;
	uint32_t days = periods[below(ARRAY_LEN(periods))];
	int64_t next_ms = life_next_ms(&life);
	assert_ok(kms_rotation_enable(&life.full.key, days, told.now_ms, &changed));
	if (changed)
		assert_int_equal(life_next_ms(&life), told.now_ms + days * KMS_DAY_MS);
	else
		assert_int_equal(life_next_ms(&life), next_ms);
}

static void disable_rotation(void)
{
	bool changed = false;
	if (may_be_switched())
		kms_rotation_disable(&life.full.key, &changed);
}

static int64_t material_age_ms(void)
{
	return told.now_ms - kms_rotation_current(&life.full)->created_ms;
}

static void enable_key(void)
{
	if (life.full.key.state != KMS_STATE_DISABLED)
		return;
	struct kms_rotation_status status;
	kms_rotation_status(&life.full.key, &life.rules, &status);
	assert_ok(kms_key_move(&life.full.key, KMS_STATE_ENABLED));
	kms_rotation_resume(&life.full, &life.rules, told.now_ms);
	if (!status.enabled)
		return;
	if (material_age_ms() >= status.period_days * KMS_DAY_MS) {
		assert_int_equal(life_next_ms(&life), told.now_ms);
		told.caught_up++;
		return;
	}
	int64_t moved_ms = life_next_ms(&life) - status.next_ms;
	assert_true(life_next_ms(&life) > told.now_ms);
	assert_true(moved_ms >= 0 && moved_ms % (status.period_days * KMS_DAY_MS) == 0);
}

static void disable_key(void)
{
	if (life.full.key.state == KMS_STATE_ENABLED)
		life_disable(&life);
}

static void schedule_deletion(void)
{
	if (life.full.key.state != KMS_STATE_PENDING_DELETION)
		life_schedule_deletion(&life);
}

static void cancel_deletion(void)
{
	if (life.full.key.state == KMS_STATE_PENDING_DELETION)
		life_cancel_deletion(&life);
}

static void demand(void)
{
	int64_t next_ms = life_next_ms(&life);
	if (life.full.key.state == KMS_STATE_ENABLED)
		life.full.key.on_demand_ms = told.now_ms;
	assert_int_equal(life_next_ms(&life), next_ms);
}

/* The budget is used up now and then, by a suite that has one. */
static void use(void)
{
	struct kms_version *current = &life.versions[life.full.version_count - 1];
	current->suite = HSM_SUITE_DIRECT;
	current->messages_reserved += life.rules.budget_force / 2;
}

static void happen(void)
{
	static void (*const events[])(void) = {enable_rotation, enable_rotation, disable_rotation,
					       disable_key,     enable_key,      enable_key,
					       enable_key,      demand,          schedule_deletion,
					       cancel_deletion, cancel_deletion, use};
	events[below(ARRAY_LEN(events))]();
}

/* --- what must hold --- */

static void look_at_a_key_at_rest(void)
{
	size_t before = life.full.version_count;
	life_look(&life, told.now_ms, KMS_ROTATION_AUTOMATIC);
	assert_int_equal(life.full.version_count, before);
}

static void look(void)
{
	struct kms_rotation_status before, after;
	if (life.full.key.state != KMS_STATE_ENABLED) {
		look_at_a_key_at_rest();
		return;
	}
	kms_rotation_status(&life.full.key, &life.rules, &before);
	unsigned automatic = life_look(&life, told.now_ms, KMS_ROTATION_AUTOMATIC);
	kms_rotation_status(&life.full.key, &life.rules, &after);
	assert_int_equal(after.on_demand_ms, 0);
	assert_int_equal(life.full.key.current_version, life.full.version_count);
	assert_int_equal(automatic, before.enabled && before.next_ms <= told.now_ms);
	told.on_demand += before.on_demand_ms != 0;
	if (!after.enabled)
		return;
	int64_t period = after.period_days * KMS_DAY_MS;
	assert_true(after.next_ms >= before.next_ms);
	assert_true(after.next_ms > told.now_ms && after.next_ms <= told.now_ms + period);
	if (automatic == 0)
		return;
	assert_true(told.automatic_ms == 0 ||
		    told.now_ms - told.automatic_ms >= period - KMS_ROTATION_LATE_MS);
	told.automatic_ms = told.now_ms;
	told.automatic++;
}

static void live(void)
{
	life_begin(&life);
	told.now_ms = day_ms(0);
	told.automatic_ms = 0;
	if (chance(10)) {
		life.full.key.manager = KMS_MANAGER_AWS;
		life.rules.managed_days = 1 + below(1095);
	}
	for (unsigned step = 0; step < STEPS; step++) {
		told.now_ms += below(2 * KMS_DAY_MS / 1000) * INT64_C(1000);
		if (chance(LEAP_PERCENT))
			told.now_ms += below(LEAP_DAYS_MAX) * KMS_DAY_MS;
		if (chance(10) && life.full.version_count < KMS_VERSIONS_MAX / 2)
			happen();
		look();
	}
}

static void test_random_lives(UNUSED void **state)
{
	for (unsigned i = 0; i < LIVES; i++)
		live();
	print_message("%u automatic, %u on demand, %u caught up\n", told.automatic, told.on_demand,
		      told.caught_up);
	assert_true(told.automatic > 10 * LIVES / 4);
	assert_true(told.on_demand > LIVES);
	assert_true(told.caught_up > LIVES / 4);
}

/* Looked at every hour, a key rotates on its days exactly, for a hundred years. */
static void test_no_drift_in_a_hundred_years(UNUSED void **state)
{
	life_begin(&life);
	life_rotate_every(&life, 0, 365);
	for (double day = 0; day <= 36500; day += 0.5)
		life_look(&life, day_ms(day) + below((uint32_t)HOUR_MS), KMS_ROTATION_AUTOMATIC);
	assert_int_equal(life.full.version_count, 101);
	assert_int_equal(life_next_ms(&life), day_ms(36500 + 365));
}

/* --- any numbers --- */

static const int64_t times[] = {INT64_MIN,
				INT64_MIN + 1,
				-KMS_DAY_MS,
				-1,
				0,
				1,
				KMS_DAY_MS,
				INT64_C(1700000000000),
				INT64_MAX - KMS_DAY_MS,
				INT64_MAX};
static const uint32_t counts[] = {0, 1, 90, 2560, UINT32_MAX};

static int64_t any_time(void)
{
	return times[below(ARRAY_LEN(times))];
}

static void make_any_key(void)
{
	life_begin(&life);
	struct kms_key *key = &life.full.key;
	key->manager = chance(50) ? KMS_MANAGER_AWS : KMS_MANAGER_CUSTOMER;
	key->created_ms = any_time();
	key->rotation_enabled = chance(80);
	key->rotation_period_days = counts[below(ARRAY_LEN(counts))];
	key->rotation_from_ms = any_time();
	key->on_demand_ms = any_time();
	life.versions[0].created_ms = any_time();
	life.versions[0].messages_reserved = chance(50) ? UINT64_MAX : 0;
	life.versions[0].suite = HSM_SUITE_DIRECT;
	life.rules.managed_days = counts[below(ARRAY_LEN(counts))];
	life.rules.budget_force = chance(50) ? 1000 : 0;
}

/* No sum leaves its type (the sanitizer looks on), and whatever the columns say, what is due has an
 * end: life_look() counts. */
static void test_any_columns_make_no_endless_rotation(UNUSED void **state)
{
	for (unsigned i = 0; i < 20000; i++) {
		make_any_key();
		int64_t now_ms = any_time();
		if (chance(50))
			kms_rotation_resume(&life.full, &life.rules, now_ms);
		(void)kms_rotation_is_near(&life.full.key, &life.rules, now_ms);
		(void)life_next_ms(&life);
		bool due = kms_rotation_due(&life.full, &life.rules, now_ms) != KMS_ROTATION_NONE;
		int64_t since_ms = kms_rotation_due_since_ms(&life.full, &life.rules, now_ms);
		assert_int_equal(due, since_ms != 0);
		life_look(&life, now_ms, KMS_ROTATION_AUTOMATIC);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_lives),
		cmocka_unit_test(test_no_drift_in_a_hundred_years),
		cmocka_unit_test(test_any_columns_make_no_endless_rotation),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
