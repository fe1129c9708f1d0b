/* SPDX-License-Identifier: Apache-2.0 */
/* version_adopt(): a version beside those that a key has, under the key's revision. */
#include "../fixture.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

struct adoption {
	struct kms_key key;
	struct kms_version version;
	struct kms_outbox_record record;
};

/* Of key 1, version 3. */
static struct adoption adoption_make(void)
{
	struct adoption a = {sample_key(1), sample_version(2), sample_record(2)};
	a.key.revision++;
	a.version.key_id = a.key.id;
	a.version.number = 3;
	return a;
}

static struct err adopt(struct fixture *f, const struct adoption *a)
{
	return OPS(f)->version_adopt(SELF(f), &a->key, &a->version, &a->record);
}

static void assert_nothing_done(struct fixture *f)
{
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM versions"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id GLOB '*2'"), 0);
	assert_int_equal(fixture_ask(f, "SELECT revision FROM keys"), 1);
}

static void test_it_stands_beside_the_current_one(void **state)
{
	struct fixture *f = *state;
	struct adoption a = adoption_make();
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	assert_ok(adopt(f, &a));
	assert_ok(OPS(f)->key_load(SELF(f), &a.key.scope, &a.key.id, &full));
	assert_int_equal(full.key.current_version, 1);
	assert_int_equal(full.key.revision, 2);
	assert_int_equal(full.version_count, 2);
	assert_int_equal(full.versions[1].number, 3);
	assert_memory_equal(full.versions[1].material_id, a.version.material_id,
			    sizeof a.version.material_id);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void test_it_needs_the_next_revision(void **state)
{
	struct fixture *f = *state;
	struct adoption a = adoption_make();
	assert_ok(sample_create(f, 1));
	a.key.revision++;
	assert_err(adopt(f, &a), E_STORE_CONFLICT);
	assert_nothing_done(f);
}

static void test_a_number_or_object_that_is_taken(void **state)
{
	struct fixture *f = *state;
	struct adoption a = adoption_make();
	assert_ok(sample_create(f, 1));
	a.version.token_id = sample_version(1).token_id;
	assert_err(adopt(f, &a), E_EXISTS);
	assert_nothing_done(f);
	a = adoption_make();
	a.version.number = a.key.current_version;
	assert_err(adopt(f, &a), E_EXISTS);
	assert_nothing_done(f);
	a = adoption_make();
	assert_ok(adopt(f, &a));
	a.version.token_id = sample_version(3).token_id;
	a.key.revision++;
	a.record = sample_record(3);
	assert_err(adopt(f, &a), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM versions"), 2);
}

/* Its row was discarded by an operator: nobody but the adoption sees the key until it is back. */
static void test_the_current_one_comes_back(void **state)
{
	struct fixture *f = *state;
	struct adoption a = adoption_make();
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	CLEANUP(kms_key_full_cleanup) struct kms_key_full whole = {0};
	assert_ok(sample_create(f, 1));
	fixture_sql(f, "DELETE FROM versions");
	assert_err(OPS(f)->key_load(SELF(f), &a.key.scope, &a.key.id, &full), E_STORE_SEAL);
	assert_ok(OPS(f)->key_load_lacking(SELF(f), &a.key.scope, &a.key.id, &full));
	assert_int_equal(full.version_count, 0);
	assert_int_equal(full.key.current_version, 1);
	a.version = sample_version(1);
	assert_ok(adopt(f, &a));
	assert_ok(OPS(f)->key_load(SELF(f), &a.key.scope, &a.key.id, &whole));
	assert_int_equal(whole.version_count, 1);
}

static void test_contradictory_ones_are_not_stored(void **state)
{
	struct fixture *f = *state;
	struct adoption a = adoption_make();
	assert_ok(sample_create(f, 1));
	assert_err(OPS(f)->version_adopt(SELF(f), &a.key, &a.version, NULL), E_BUG);
	a.version.material = KMS_MATERIAL_GONE;
	assert_err(adopt(f, &a), E_BUG);
	a = adoption_make();
	a.version.key_id = sample_id(2);
	assert_err(adopt(f, &a), E_BUG);
	assert_nothing_done(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_it_stands_beside_the_current_one),  TEST(test_it_needs_the_next_revision),
		TEST(test_a_number_or_object_that_is_taken),  TEST(test_the_current_one_comes_back),
		TEST(test_contradictory_ones_are_not_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
