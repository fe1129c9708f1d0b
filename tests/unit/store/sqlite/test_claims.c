/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: whoever is at an act keeps others from it while his lease runs, and what failed waits. */
#include "../fixture.h"

#include <string.h>

#include "base/mem.h"

#define OPS(f) ((f)->agenda.ops)
#define SELF(f) ((f)->agenda.self)
#define NOW_MS INT64_C(1700000000000)
#define LEASE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

/* Whose claim it is. */
static struct kms_claim claim_by(uint8_t who, uint32_t n)
{
	return (struct kms_claim){.kind = KMS_DUE_ROTATION,
				  .scope = sample_scope,
				  .key_id = sample_id(n),
				  .owner = {who},
				  .lease_ms = NOW_MS + LEASE_MS};
}

static struct err take(struct fixture *f, const struct kms_claim *claim, int64_t now_ms)
{
	return OPS(f)->claim_take(SELF(f), claim, now_ms);
}

static uint32_t attempts_of(struct fixture *f, const struct kms_claim *claim)
{
	uint32_t attempts = 0;
	assert_ok(OPS(f)->claim_attempts(SELF(f), claim, &attempts));
	return attempts;
}

static void test_a_running_lease_keeps_others_away(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	assert_ok(sample_create(f, 1));
	assert_ok(take(f, &mine, NOW_MS));
	assert_err(take(f, &other, NOW_MS), E_STORE_CONFLICT);
	assert_err(take(f, &other, mine.lease_ms - 1), E_STORE_CONFLICT);
	other.lease_ms = mine.lease_ms + LEASE_MS;
	assert_ok(take(f, &other, mine.lease_ms));
	assert_err(take(f, &mine, mine.lease_ms), E_STORE_CONFLICT);
}

static void test_an_own_claim_is_renewed(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	assert_ok(sample_create(f, 1));
	assert_ok(take(f, &mine, NOW_MS));
	mine.lease_ms += LEASE_MS;
	assert_ok(take(f, &mine, NOW_MS + 1));
	assert_err(take(f, &other, NOW_MS + LEASE_MS + 1), E_STORE_CONFLICT);
}

static void test_acts_are_claimed_each_by_itself(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim others[] = {claim_by(2, 1), claim_by(2, 1), claim_by(2, 2)};
	others[0].kind = KMS_DUE_DELETION;
	others[1].number = 1;
	assert_ok(sample_create(f, 1));
	assert_ok(sample_create(f, 2));
	assert_ok(take(f, &mine, NOW_MS));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_ok(take(f, &others[i], NOW_MS));
}

static void test_an_ended_claim_is_gone(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	uint32_t attempts = 0;
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->claim_end(SELF(f), &mine));
	assert_ok(take(f, &mine, NOW_MS));
	assert_ok(OPS(f)->claim_end(SELF(f), &other)); /* never another's */
	assert_err(take(f, &other, NOW_MS), E_STORE_CONFLICT);
	assert_ok(OPS(f)->claim_end(SELF(f), &mine));
	assert_err(OPS(f)->claim_attempts(SELF(f), &mine, &attempts), E_NOT_FOUND);
	assert_ok(take(f, &other, NOW_MS));
}

static void test_failures_are_counted(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	assert_ok(sample_create(f, 1));
	assert_ok(take(f, &mine, NOW_MS));
	assert_int_equal(attempts_of(f, &mine), 0);
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + 5, "E_HSM"));
	assert_int_equal(attempts_of(f, &mine), 1);
	/* The lease ended with it: whoever is first tries again, and goes on counting. */
	assert_ok(take(f, &other, NOW_MS));
	assert_int_equal(attempts_of(f, &other), 1);
	assert_ok(OPS(f)->claim_fail(SELF(f), &other, NOW_MS + 9, "E_HSM"));
	assert_int_equal(attempts_of(f, &mine), 2);
}

static void test_a_claim_that_was_taken_over_stays_his(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	struct kms_claim third = claim_by(3, 1);
	assert_ok(sample_create(f, 1));
	assert_ok(take(f, &mine, NOW_MS));
	other.lease_ms = mine.lease_ms + LEASE_MS;
	assert_ok(take(f, &other, mine.lease_ms));
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + 5, "E_HSM"));
	assert_int_equal(attempts_of(f, &other), 0);
	assert_err(take(f, &third, mine.lease_ms), E_STORE_CONFLICT);
}

static void test_nothing_is_claimed_of_a_key_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	assert_err(take(f, &mine, NOW_MS), E_NOT_FOUND);
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + 5, "E_HSM"));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM claims"), 0);
}

/* Written while the clock showed next year. */
static void test_a_lease_of_a_wrong_clock_holds_nothing(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	struct kms_claim other = claim_by(2, 1);
	assert_ok(sample_create(f, 1));
	mine.lease_ms = NOW_MS + KMS_CLAIM_MAX_MS;
	assert_ok(take(f, &mine, NOW_MS));
	assert_err(take(f, &other, NOW_MS), E_STORE_CONFLICT);
	mine.lease_ms = NOW_MS + 365 * DAY_MS;
	assert_ok(take(f, &mine, NOW_MS + 364 * DAY_MS));
	assert_ok(take(f, &other, NOW_MS));
}

/* ---- what failed ---- */

static void note_failure(struct fixture *f, uint32_t n, int64_t retry_ms, const char *error)
{
	struct kms_claim claim = claim_by(1, n);
	assert_ok(take(f, &claim, NOW_MS));
	assert_ok(OPS(f)->claim_fail(SELF(f), &claim, retry_ms, error));
}

/* Key n rotates by itself. */
static void schedule(struct fixture *f, uint32_t n, bool enabled)
{
	struct kms_key_id id = sample_id(n);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(f->keys.ops->key_load(f->keys.self, &sample_scope, &id, &full));
	full.key.revision++;
	full.key.rotation_enabled = enabled;
	full.key.rotation_period_days = enabled ? 365 : 0;
	full.key.rotation_from_ms = NOW_MS;
	assert_ok(f->keys.ops->key_update(f->keys.self, &full.key, NULL));
}

static void test_failures_are_listed_by_their_next_attempt(void **state)
{
	struct fixture *f = *state;
	CLEANUP(mem_free_at) struct kms_due_failure *failures = NULL;
	size_t count = 0;
	static const int64_t after_ms[] = {0, 30, 10, 20};
	for (uint32_t n = 1; n <= 3; n++) {
		assert_ok(sample_create(f, n));
		schedule(f, n, true);
		note_failure(f, n, NOW_MS + after_ms[n], "E_HSM_OBJECT");
	}
	assert_ok(OPS(f)->failures(SELF(f), 2, &failures, &count));
	assert_int_equal(count, 2);
	assert_true(
		kms_key_id_equal(&failures[0].due.key_id, &(struct kms_key_id[]){sample_id(2)}[0]));
	assert_true(
		kms_key_id_equal(&failures[1].due.key_id, &(struct kms_key_id[]){sample_id(3)}[0]));
	assert_int_equal(failures[0].due.kind, KMS_DUE_ROTATION);
	assert_int_equal(failures[0].due.due_ms, NOW_MS + 10);
	assert_int_equal(failures[0].attempts, 1);
	assert_string_equal(failures[0].error, "E_HSM_OBJECT");
	assert_string_equal(failures[0].due.scope.account, sample_scope.account);
}

static size_t failures_listed(struct fixture *f)
{
	CLEANUP(mem_free_at) struct kms_due_failure *failures = NULL;
	size_t count = 0;
	assert_ok(OPS(f)->failures(SELF(f), 1000, &failures, &count));
	return count;
}

/* An operator is not told of what nobody wants any more. */
/* Nobody seals claims: one that makes no sense is told and passed over. */
static void test_damaged_failures_are_passed_over(void **state)
{
	struct fixture *f = *state;
	for (uint32_t n = 1; n <= 2; n++) {
		assert_ok(sample_create(f, n));
		schedule(f, n, true);
		note_failure(f, n, NOW_MS + n, "E_HSM");
	}
	fixture_sql(f, "UPDATE claims SET error=hex(zeroblob(100)) WHERE retry_ms="
		       "(SELECT min(retry_ms) FROM claims)");
	assert_int_equal(failures_listed(f), 1);
}

static void test_an_act_that_was_called_off_is_no_failure(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	schedule(f, 1, true);
	assert_int_equal(failures_listed(f), 0);
	note_failure(f, 1, NOW_MS, "E_HSM");
	assert_int_equal(failures_listed(f), 1);
	schedule(f, 1, false);
	assert_int_equal(failures_listed(f), 0);
}

static void test_long_words_are_cut(void **state)
{
	struct fixture *f = *state;
	static char words[200];
	CLEANUP(mem_free_at) struct kms_due_failure *failures = NULL;
	size_t count = 0;
	for (size_t i = 0; i < sizeof words - 1; i++)
		words[i] = 'E';
	assert_ok(sample_create(f, 1));
	schedule(f, 1, true);
	note_failure(f, 1, NOW_MS, words);
	assert_ok(OPS(f)->failures(SELF(f), 10, &failures, &count));
	assert_int_equal(strlen(failures[0].error), KMS_DUE_ERROR_MAX);
}

static void test_lists_have_bounds(void **state)
{
	struct fixture *f = *state;
	struct kms_due_failure *failures = NULL;
	size_t count = 0;
	assert_err(OPS(f)->failures(SELF(f), 0, &failures, &count), E_BOUNDS);
	assert_err(OPS(f)->failures(SELF(f), 1001, &failures, &count), E_BOUNDS);
}

/* Another daemon's commits make this one load again what it holds; its own do not. */
static void test_own_claims_leave_the_caches_alone(void **state)
{
	struct fixture *f = *state;
	struct kms_claim mine = claim_by(1, 1);
	uint64_t before = 0;
	uint64_t after = 0;
	assert_ok(sample_create(f, 1));
	assert_ok(f->keys.ops->change_count(f->keys.self, &before));
	assert_ok(take(f, &mine, NOW_MS));
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS, "E_HSM"));
	assert_ok(OPS(f)->claim_end(SELF(f), &mine));
	assert_ok(f->keys.ops->change_count(f->keys.self, &after));
	assert_int_equal(before, after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_running_lease_keeps_others_away),
		TEST(test_an_own_claim_is_renewed),
		TEST(test_acts_are_claimed_each_by_itself),
		TEST(test_an_ended_claim_is_gone),
		TEST(test_failures_are_counted),
		TEST(test_a_claim_that_was_taken_over_stays_his),
		TEST(test_nothing_is_claimed_of_a_key_that_is_not_there),
		TEST(test_a_lease_of_a_wrong_clock_holds_nothing),
		TEST(test_failures_are_listed_by_their_next_attempt),
		TEST(test_damaged_failures_are_passed_over),
		TEST(test_an_act_that_was_called_off_is_no_failure),
		TEST(test_long_words_are_cut),
		TEST(test_lists_have_bounds),
		TEST(test_own_claims_leave_the_caches_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
