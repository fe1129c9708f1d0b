/* SPDX-License-Identifier: Apache-2.0 */
/* The clock mark: one row under its revision, sealed. */
#include "../fixture.h"

#define OPS(f) ((f)->agenda.ops)
#define SELF(f) ((f)->agenda.self)
#define NOW_MS INT64_C(1700000000000)

static struct err save(struct fixture *f, uint64_t revision, int64_t trusted_ms)
{
	const struct kms_clock_mark mark = {.revision = revision, .trusted_ms = trusted_ms};
	return OPS(f)->mark_save(SELF(f), &mark, NULL);
}

static void test_there_is_none_at_first(void **state)
{
	struct fixture *f = *state;
	struct kms_clock_mark mark;
	assert_err(OPS(f)->mark_load(SELF(f), &mark), E_NOT_FOUND);
	assert_err(save(f, 2, NOW_MS), E_STORE_CONFLICT);
	assert_err(save(f, 0, NOW_MS), E_BUG);
	assert_err(OPS(f)->mark_load(SELF(f), &mark), E_NOT_FOUND);
}

static void test_it_is_loaded_as_saved(void **state)
{
	struct fixture *f = *state;
	struct kms_clock_mark mark = {1, NOW_MS, true, NOW_MS - 5};
	struct kms_clock_mark read = {0};
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->mark_save(SELF(f), &mark, &record));
	assert_ok(OPS(f)->mark_load(SELF(f), &read));
	assert_int_equal(read.revision, 1);
	assert_int_equal(read.trusted_ms, NOW_MS);
	assert_true(read.held);
	assert_int_equal(read.held_ms, NOW_MS - 5);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void test_of_two_that_save_one_succeeds(void **state)
{
	struct fixture *f = *state;
	struct kms_clock_mark read = {0};
	assert_ok(save(f, 1, NOW_MS));
	assert_err(save(f, 1, NOW_MS + 1), E_STORE_CONFLICT);
	assert_ok(save(f, 2, NOW_MS + 2));
	assert_err(save(f, 2, NOW_MS + 3), E_STORE_CONFLICT);
	assert_err(save(f, 4, NOW_MS + 4), E_STORE_CONFLICT);
	assert_ok(OPS(f)->mark_load(SELF(f), &read));
	assert_int_equal(read.trusted_ms, NOW_MS + 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM clock_marks"), 1);
}

static void test_the_record_is_stored_with_it_or_neither(void **state)
{
	struct fixture *f = *state;
	struct kms_clock_mark mark = {1, NOW_MS, false, 0};
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->mark_save(SELF(f), &mark, &record));
	mark.revision = 2;
	mark.trusted_ms++;
	assert_err(OPS(f)->mark_save(SELF(f), &mark, &record), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT trusted_ms FROM clock_marks"), NOW_MS);
}

/* A clock that is set back behind the store's back, or one that is let go. */
static void test_a_changed_mark_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const changes[] = {
		"UPDATE clock_marks SET trusted_ms=trusted_ms-1",
		"UPDATE clock_marks SET held=1-held",
		"UPDATE clock_marks SET held_ms=held_ms+1",
		"UPDATE clock_marks SET revision=revision+1",
		"UPDATE clock_marks SET seal=zeroblob(32)",
	};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct kms_clock_mark mark;
		fixture_sql(f, "DELETE FROM clock_marks");
		assert_ok(save(f, 1, NOW_MS));
		assert_ok(OPS(f)->mark_load(SELF(f), &mark));
		fixture_sql(f, changes[i]);
		assert_err(OPS(f)->mark_load(SELF(f), &mark), E_STORE_SEAL);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_there_is_none_at_first),
		TEST(test_it_is_loaded_as_saved),
		TEST(test_of_two_that_save_one_succeeds),
		TEST(test_the_record_is_stored_with_it_or_neither),
		TEST(test_a_changed_mark_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
