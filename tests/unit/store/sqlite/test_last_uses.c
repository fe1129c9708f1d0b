/* SPDX-License-Identifier: Apache-2.0 */
/* Last uses in the embedded store: the newest stays, what belongs to no key is dropped, and the
 * token is never asked. */
#include "../fixture.h"

#include <string.h>

#include "base/text.h"

#define OPS(f) ((f)->catalog.ops)
#define SELF(f) ((f)->catalog.self)
#define NOW_MS INT64_C(1800000000000)

static struct kms_last_use use(uint32_t key, int64_t time_ms, const char *operation)
{
	struct kms_last_use made = {
		.scope = sample_scope,
		.key_id = sample_id(key),
		.time_ms = time_ms,
		.event_id = "11111111-2222-4333-8444-555555555555",
		.request_id = "66666666-7777-4888-9999-aaaaaaaaaaaa",
	};
	assert_ok(text_copy(made.operation, sizeof made.operation, view_of_text(operation)));
	return made;
}

static struct err save(struct fixture *f, const struct kms_last_use *uses, size_t count)
{
	return OPS(f)->last_use_save(SELF(f), uses, count);
}

static struct err load(struct fixture *f, uint32_t key, struct kms_last_use *out)
{
	struct kms_key_id id = sample_id(key);
	return OPS(f)->last_use_load(SELF(f), &sample_scope, &id, out);
}

static void assert_last(struct fixture *f, uint32_t key, int64_t time_ms, const char *operation)
{
	struct kms_last_use loaded;
	assert_ok(load(f, key, &loaded));
	assert_int_equal(loaded.time_ms, time_ms);
	assert_string_equal(loaded.operation, operation);
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	assert_ok(sample_create(*state, 1));
	assert_ok(sample_create(*state, 2));
	((struct fixture *)*state)->seal_calls = 0;
	return 0;
}

static void test_saved_uses_are_loaded_as_given(void **state)
{
	struct fixture *f = *state;
	struct kms_last_use loaded;
	const struct kms_last_use uses[] = {
		use(1, NOW_MS, "Encrypt"),
		use(2, NOW_MS + 1, "GenerateDataKeyWithoutPlaintext"),
	};
	assert_ok(save(f, uses, 2));
	assert_ok(load(f, 2, &loaded));
	assert_string_equal(loaded.operation, uses[1].operation);
	assert_string_equal(loaded.event_id, uses[1].event_id);
	assert_string_equal(loaded.request_id, uses[1].request_id);
	assert_string_equal(loaded.scope.partition, "aws");
	assert_string_equal(loaded.scope.account, uses[1].scope.account);
	assert_true(kms_key_id_equal(&loaded.key_id, &uses[1].key_id));
	assert_last(f, 1, NOW_MS, "Encrypt");
	assert_int_equal(f->seal_calls, 0);
	fixture_close(f);
	fixture_open(f);
	assert_last(f, 1, NOW_MS, "Encrypt");
}

static void test_the_newest_stays(void **state)
{
	struct fixture *f = *state;
	const struct kms_last_use uses[] = {
		use(1, NOW_MS, "Encrypt"),
		use(1, NOW_MS + 10, "Decrypt"),
		use(1, NOW_MS + 5, "ReEncrypt"),
	};
	assert_ok(save(f, uses, 3));
	assert_last(f, 1, NOW_MS + 10, "Decrypt");
	assert_ok(save(f, &uses[2], 1));
	assert_last(f, 1, NOW_MS + 10, "Decrypt");
	const struct kms_last_use newer = use(1, NOW_MS + 11, "GenerateDataKey");
	assert_ok(save(f, &newer, 1));
	assert_last(f, 1, NOW_MS + 11, "GenerateDataKey");
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM last_uses"), 1);
}

static void test_nothing_to_save_is_ok(void **state)
{
	assert_ok(save(*state, NULL, 0));
}

static void test_uses_of_unknown_keys_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct kms_last_use uses[] = {use(1, NOW_MS, "Encrypt"), use(3, NOW_MS, "Encrypt"),
				      use(2, NOW_MS, "Encrypt"), use(1, NOW_MS, "Encrypt")};
	struct kms_last_use loaded;
	assert_ok(text_copy(uses[3].scope.region, sizeof uses[3].scope.region,
			    VIEW_LITERAL("eu-test-2")));
	assert_ok(save(f, uses, 4));
	assert_err(load(f, 3, &loaded), E_NOT_FOUND);
	assert_last(f, 1, NOW_MS, "Encrypt");
	assert_last(f, 2, NOW_MS, "Encrypt");
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM last_uses"), 2);
}

static void test_a_use_is_of_its_own_scope_and_id(void **state)
{
	struct fixture *f = *state;
	const struct kms_last_use used = use(1, NOW_MS, "Encrypt");
	static const struct kms_scope others[] = {{"aws", "eu-test-1", "210987654321"},
						  {"aws", "eu-test-2", "123456789012"},
						  {"aws-cn", "eu-test-1", "123456789012"}};
	struct kms_key_id id = sample_id(1);
	struct kms_last_use loaded;
	assert_ok(save(f, &used, 1));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_err(OPS(f)->last_use_load(SELF(f), &others[i], &id, &loaded), E_NOT_FOUND);
	id.multi_region = true;
	assert_err(OPS(f)->last_use_load(SELF(f), &sample_scope, &id, &loaded), E_NOT_FOUND);
	assert_err(load(f, 2, &loaded), E_NOT_FOUND);
}

static void test_a_save_is_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct kms_last_use uses[] = {use(1, NOW_MS, "Encrypt"), use(2, -1, "Encrypt")};
	struct kms_last_use loaded;
	assert_err(save(f, uses, 2), E_BUG);
	assert_err(load(f, 1, &loaded), E_NOT_FOUND);
}

static void test_many_uses_are_saved_at_once(void **state)
{
	struct fixture *f = *state;
	static struct kms_last_use uses[20000];
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		uses[i] = use(1 + (uint32_t)i % 3, NOW_MS + (int64_t)i, "Encrypt");
	assert_ok(save(f, uses, ARRAY_LEN(uses)));
	assert_last(f, 1, NOW_MS + 19998, "Encrypt");
	assert_last(f, 2, NOW_MS + 19999, "Encrypt");
}

/* Advisory: what the file's writer made of it is told, if it can be told at all. */
static void test_a_damaged_row_is_refused_and_mends(void **state)
{
	struct fixture *f = *state;
	struct kms_last_use used = use(1, NOW_MS, "Encrypt");
	struct kms_last_use loaded;
	assert_ok(save(f, &used, 1));
	fixture_sql(f, "UPDATE last_uses SET operation=hex(zeroblob(100))");
	assert_err(load(f, 1, &loaded), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "table=\"last_uses\""));
	used.time_ms++;
	assert_ok(save(f, &used, 1));
	assert_last(f, 1, NOW_MS + 1, "Encrypt");
}

static void test_since_is_when_the_store_learned_to_keep_it(void **state)
{
	struct fixture *f = *state;
	int64_t since_ms = 0;
	int64_t made_ms = f->clock.now_real_ms;
	clock_manual_advance(&f->clock, 5000);
	assert_ok(OPS(f)->last_use_since(SELF(f), &since_ms));
	assert_int_equal(since_ms, made_ms);
	fixture_close(f);
	fixture_open(f);
	assert_ok(OPS(f)->last_use_since(SELF(f), &since_ms));
	assert_int_equal(since_ms, made_ms);
}

static void test_uses_go_with_their_key(void **state)
{
	struct fixture *f = *state;
	const struct kms_last_use used = use(1, NOW_MS, "Encrypt");
	assert_ok(save(f, &used, 1));
	fixture_sql(f, "PRAGMA foreign_keys=ON; DELETE FROM versions; DELETE FROM keys");
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM last_uses"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_saved_uses_are_loaded_as_given),
		TEST(test_the_newest_stays),
		TEST(test_nothing_to_save_is_ok),
		TEST(test_uses_of_unknown_keys_are_dropped),
		TEST(test_a_use_is_of_its_own_scope_and_id),
		TEST(test_a_save_is_one_transaction),
		TEST(test_many_uses_are_saved_at_once),
		TEST(test_a_damaged_row_is_refused_and_mends),
		TEST(test_since_is_when_the_store_learned_to_keep_it),
		TEST(test_uses_go_with_their_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
