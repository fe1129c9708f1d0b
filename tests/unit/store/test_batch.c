/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: one question to the sealer, and nothing believed without its answer. */
#include "fixture.h"

#include <string.h>

#include "store/batch.h"
#include "store/tables.h"

struct scene {
	struct fixture *f;
	struct kms_sealer sealer;
	struct store_batch batch;
};

static int setup(void **state)
{
	static struct scene scene;
	void *fixture = NULL;
	(void)fixture_setup_folder(&fixture);
	scene.f = fixture;
	scene.sealer = fixture_sealer(scene.f);
	store_batch_init(&scene.batch);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	void *fixture = scene->f;
	store_batch_cleanup(&scene->batch);
	return fixture_teardown(&fixture);
}

static void add_intents(struct scene *scene, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		struct kms_intent intent = sample_intent(n);
		assert_ok(store_batch_add(&scene->batch, &store_table_intents, &intent));
	}
}

static void test_empty_batch_asks_nobody(void **state)
{
	struct scene *scene = *state;
	assert_ok(store_batch_seal(&scene->batch, &scene->sealer));
	assert_ok(store_batch_verify(&scene->batch, &scene->sealer));
	assert_int_equal(scene->f->seal_calls, 0);
}

static void test_all_rows_are_one_question(void **state)
{
	struct scene *scene = *state;
	add_intents(scene, 1000);
	assert_ok(store_batch_seal(&scene->batch, &scene->sealer));
	assert_int_equal(scene->f->seal_calls, 1);
	assert_ok(store_batch_verify(&scene->batch, &scene->sealer));
	assert_int_equal(scene->f->seal_calls, 2);
}

static void test_unsealed_rows_are_refused(void **state)
{
	struct scene *scene = *state;
	add_intents(scene, 1);
	assert_err(store_batch_verify(&scene->batch, &scene->sealer), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(scene->f), "carries no seal"));
}

static void test_failing_sealer_proves_nothing(void **state)
{
	struct scene *scene = *state;
	add_intents(scene, 2);
	assert_ok(store_batch_seal(&scene->batch, &scene->sealer));
	scene->f->seal_failure = ERR(E_HSM_TIMEOUT);
	assert_err(store_batch_verify(&scene->batch, &scene->sealer), E_HSM_TIMEOUT);
	assert_err(store_batch_seal(&scene->batch, &scene->sealer), E_HSM_TIMEOUT);
}

static void test_each_bad_row_is_named(void **state)
{
	struct scene *scene = *state;
	add_intents(scene, 5);
	assert_ok(store_batch_seal(&scene->batch, &scene->sealer));
	scene->batch.rows[1].seal[31] ^= 1;
	scene->batch.rows[3].seal[0] ^= 0x80;
	assert_err(store_batch_verify(&scene->batch, &scene->sealer), E_STORE_SEAL);
	const char *log = fixture_log(scene->f);
	assert_non_null(strstr(log, "token_id=70000000000000000000000000000001\""));
	assert_non_null(strstr(log, "token_id=70000000000000000000000000000003\""));
	assert_null(strstr(log, "token_id=70000000000000000000000000000002\""));
}

static void test_rows_and_bytes_are_bounded(void **state)
{
	struct scene *scene = *state;
	struct kms_intent intent = sample_intent(1);
	add_intents(scene, STORE_BATCH_ROWS_MAX);
	assert_err(store_batch_add(&scene->batch, &store_table_intents, &intent), E_BOUNDS);
	assert_int_equal(scene->batch.count, STORE_BATCH_ROWS_MAX);
}

static void test_seal_of_wrong_length_is_refused(void **state)
{
	struct scene *scene = *state;
	struct store_value values[] = {
		{STORE_CHARACTERS, 0, VIEW_LITERAL("00000000-0000-4000-8000-000000000001")},
		{STORE_OCTETS, 0, VIEW_LITERAL("{}")},
	};
	uint8_t seal[KMS_SEAL_LEN + 1] = {0};
	assert_err(store_batch_add_stored(&scene->batch, &store_table_outbox, values,
					  view_of(seal, KMS_SEAL_LEN - 1)),
		   E_STORE_SEAL);
	assert_err(store_batch_add_stored(&scene->batch, &store_table_outbox, values,
					  view_of(seal, KMS_SEAL_LEN + 1)),
		   E_STORE_SEAL);
	assert_int_equal(scene->batch.count, 0);
	assert_ok(store_batch_add_stored(&scene->batch, &store_table_outbox, values,
					 view_of(seal, KMS_SEAL_LEN)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_batch_asks_nobody),
		TEST(test_all_rows_are_one_question),
		TEST(test_unsealed_rows_are_refused),
		TEST(test_failing_sealer_proves_nothing),
		TEST(test_each_bad_row_is_named),
		TEST(test_rows_and_bytes_are_bounded),
		TEST(test_seal_of_wrong_length_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
