/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in the embedded store: each port function and each error that it documents. */
#include "../fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

static struct err load(struct fixture *f, uint32_t n, struct kms_key_full *out)
{
	struct kms_key_id id = sample_id(n);
	return OPS(f)->key_load(SELF(f), &sample_scope, &id, out);
}

static void test_created_key_is_loaded_as_given(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	assert_ok(sample_create(f, 1));
	assert_ok(load(f, 1, &full));
	assert_true(kms_key_id_equal(&full.key.id, &key.id));
	assert_string_equal(full.key.description, key.description);
	assert_string_equal(full.key.policy, key.policy);
	assert_string_equal(full.key.scope.partition, "aws");
	assert_string_equal(full.key.scope.region, "eu-test-1");
	assert_int_equal(full.key.state, KMS_STATE_ENABLED);
	assert_int_equal(full.key.created_ms, key.created_ms);
	assert_int_equal(full.key.revision, 1);
	assert_int_equal(full.version_count, 1);
	assert_memory_equal(&full.versions[0].token_id, &version.token_id, sizeof version.token_id);
	assert_memory_equal(full.versions[0].material_id, version.material_id,
			    sizeof version.material_id);
	assert_int_equal(full.versions[0].suite, HSM_SUITE_ECB_DATA);
}

static void test_created_key_survives_reopening(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	fixture_open(f);
	assert_ok(load(f, 1, &full));
}

static void test_empty_description_and_largest_policy(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	static char policy[KMS_POLICY_MAX + 1];
	char nothing[] = "";
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	for (size_t i = 0; i < KMS_POLICY_MAX; i++)
		policy[i] = 'p';
	key.policy = policy;
	key.description = nothing;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
	assert_ok(load(f, 1, &full));
	assert_string_equal(full.key.policy, policy);
	assert_string_equal(full.key.description, "");
}

static void test_multi_region_key(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	key.multi_region = key.id.multi_region = version.key_id.multi_region = true;
	intent.key_id = key.id;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
	assert_ok(OPS(f)->key_load(SELF(f), &sample_scope, &key.id, &full));
	assert_true(full.key.multi_region && full.versions[0].key_id.multi_region);
	/* The same bytes written as a UUID are another id. */
	kms_key_full_cleanup(&full);
	assert_err(load(f, 1, &full), E_NOT_FOUND);
}

static void test_unknown_key_is_not_found(void **state)
{
	struct kms_key_full full = {0};
	assert_err(load(*state, 1, &full), E_NOT_FOUND);
}

static void test_key_is_found_in_its_own_scope_only(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id id = sample_id(1);
	struct kms_key_full full = {0};
	static const struct kms_scope others[] = {{"aws", "eu-test-1", "210987654321"},
						  {"aws", "eu-test-2", "123456789012"},
						  {"aws-cn", "eu-test-1", "123456789012"}};
	assert_ok(sample_create(f, 1));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_err(OPS(f)->key_load(SELF(f), &others[i], &id, &full), E_NOT_FOUND);
}

static void test_second_key_of_the_same_id_exists(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(2);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(2);
	struct kms_outbox_record record = sample_record(2);
	assert_ok(sample_create(f, 1));
	version.key_id = intent.key_id = key.id;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 1);
}

static void test_create_is_one_transaction(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	/* The same event id again: nothing of the second key may stay. */
	struct kms_intent intent = sample_intent(2);
	struct kms_key key = sample_key(2);
	struct kms_version version = sample_version(2);
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM versions"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 1);
}

static void test_create_without_its_intent_conflicts(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 0);
}

static void test_contradictory_key_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	key.state = (enum kms_key_state)77;
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_BUG);
	key = sample_key(1);
	version.number = 2;
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_BUG);
	assert_err(OPS(f)->key_update(SELF(f), &(struct kms_key){0}, &record), E_BUG);
}

static void test_sealer_away_stores_nothing(void **state)
{
	struct fixture *f = *state;
	struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(sample_create(f, 2), E_HSM_AWAY);
	assert_err(load(f, 1, &full), E_HSM_AWAY);
	f->seal_failure = OK;
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 0);
}

static void test_update_needs_the_next_revision(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	struct kms_key key = sample_key(1);
	struct kms_outbox_record record = sample_record(2);
	assert_ok(sample_create(f, 1));
	assert_ok(kms_key_move(&key, KMS_STATE_DISABLED));
	assert_err(OPS(f)->key_update(SELF(f), &key, &record), E_STORE_CONFLICT);
	key.revision = 3;
	assert_err(OPS(f)->key_update(SELF(f), &key, &record), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	key.revision = 2;
	assert_ok(OPS(f)->key_update(SELF(f), &key, &record));
	assert_err(OPS(f)->key_update(SELF(f), &key, &record), E_STORE_CONFLICT);
	assert_ok(load(f, 1, &full));
	assert_int_equal(full.key.state, KMS_STATE_DISABLED);
	assert_int_equal(full.key.revision, 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
}

static void test_update_of_an_unknown_key_conflicts(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = sample_key(1);
	struct kms_outbox_record record = sample_record(1);
	assert_err(OPS(f)->key_update(SELF(f), &key, &record), E_STORE_CONFLICT);
}

static void test_list_pages_through_all(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id last = {0};
	struct kms_key_page page = {0};
	for (uint32_t n = 7; n > 0; n--)
		assert_ok(sample_create(f, n));
	assert_ok(OPS(f)->key_list(SELF(f), &sample_scope, NULL, 3, &page));
	assert_int_equal(page.count, 3);
	assert_true(page.more);
	for (uint32_t n = 1; n <= 3; n++)
		assert_true(kms_key_id_equal(&page.ids[n - 1],
					     &(struct kms_key_id[]){sample_id(n)}[0]));
	last = page.ids[2];
	mem_free(page.ids);
	assert_ok(OPS(f)->key_list(SELF(f), &sample_scope, &last, 4, &page));
	assert_int_equal(page.count, 4);
	assert_false(page.more);
	mem_free(page.ids);
}

static void test_list_is_of_one_account_and_region(void **state)
{
	struct fixture *f = *state;
	static const struct kms_scope other = {"aws", "eu-test-1", "210987654321"};
	struct kms_key_page page = {0};
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->key_list(SELF(f), &other, NULL, 10, &page));
	assert_int_equal(page.count, 0);
	assert_false(page.more);
	mem_free(page.ids);
	assert_err(OPS(f)->key_list(SELF(f), &other, NULL, 0, &page), E_BOUNDS);
	assert_err(OPS(f)->key_list(SELF(f), &other, NULL, 1001, &page), E_BOUNDS);
}

static void test_list_of_large_keys_comes_in_parts(void **state)
{
	struct fixture *f = *state;
	static char policy[KMS_POLICY_MAX + 1];
	struct kms_key_page page = {0};
	struct kms_outbox_record record;
	for (size_t i = 0; i < KMS_POLICY_MAX; i++)
		policy[i] = 'p';
	for (uint32_t n = 0; n < 300; n++) {
		struct kms_intent intent = sample_intent(n);
		struct kms_key key = sample_key(n);
		struct kms_version version = sample_version(n);
		record = sample_record(n);
		key.policy = policy;
		assert_ok(OPS(f)->intent_add(SELF(f), &intent));
		assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
	}
	f->seal_calls = 0;
	assert_ok(OPS(f)->key_list(SELF(f), &sample_scope, NULL, 1000, &page));
	assert_int_equal(page.count, 300);
	assert_false(page.more);
	assert_true(f->seal_calls >= 3 && f->seal_calls <= 4);
	for (uint32_t n = 0; n < 300; n++)
		assert_true(
			kms_key_id_equal(&page.ids[n], &(struct kms_key_id[]){sample_id(n)}[0]));
	mem_free(page.ids);
}

static void test_load_asks_the_token_once(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	f->seal_calls = 0;
	assert_ok(load(f, 1, &full));
	assert_int_equal(f->seal_calls, 1);
}

static void test_change_count_stays_with_our_commits(void **state)
{
	struct fixture *f = *state;
	uint64_t before = 0;
	uint64_t after = 0;
	assert_ok(OPS(f)->change_count(SELF(f), &before));
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->change_count(SELF(f), &after));
	assert_int_equal(before, after);
}

static void test_change_count_grows_with_commits_of_others(void **state)
{
	struct fixture *f = *state;
	uint64_t before = 0;
	uint64_t after = 0;
	assert_ok(OPS(f)->change_count(SELF(f), &before));
	fixture_sql(f, "INSERT INTO schema_info VALUES(99, 0, 'test')");
	assert_ok(OPS(f)->change_count(SELF(f), &after));
	assert_true(after > before);
}

/* What the next start would not find is not acknowledged. */
static void test_a_file_that_was_moved_takes_no_writes(void **state)
{
	struct fixture *f = *state;
	char aside[sizeof f->path + 8];
	uint64_t count = 0;
	assert_ok(sample_create(f, 1));
	assert_ok(text_format(aside, sizeof aside, "%s.aside", f->path));
	assert_int_equal(rename(f->path, aside), 0);
	assert_err(sample_create(f, 2), E_STORE);
	assert_err(OPS(f)->change_count(SELF(f), &count), E_STORE);
	assert_int_equal(rename(aside, f->path), 0);
	assert_ok(sample_create(f, 2));
	assert_ok(OPS(f)->change_count(SELF(f), &count));
}

/* ---- keys of several accounts ---- */

/* Key n, in another account of the same Region. */
static struct err create_elsewhere(struct fixture *f, uint32_t n, struct kms_key *key)
{
	struct kms_intent intent = sample_intent(n);
	struct kms_version version = sample_version(n);
	struct kms_outbox_record record = sample_record(n);
	*key = sample_key(n);
	TRY(text_copy(key->scope.account, sizeof key->scope.account, VIEW_LITERAL("000000000001")));
	intent.scope = key->scope;
	TRY(OPS(f)->intent_add(SELF(f), &intent));
	return OPS(f)->key_create(SELF(f), NEW_KEY(key, &version), &record);
}

static void test_key_is_located_in_whatever_account(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_scope scope;
	struct kms_key_id ids[] = {sample_id(1), sample_id(2), sample_id(3)};
	assert_ok(sample_create(f, 1));
	assert_ok(create_elsewhere(f, 2, &key));
	assert_ok(OPS(f)->key_locate(SELF(f), &ids[0], &scope));
	assert_string_equal(scope.account, "123456789012");
	assert_ok(OPS(f)->key_locate(SELF(f), &ids[1], &scope));
	assert_string_equal(scope.account, "000000000001");
	assert_string_equal(scope.region, sample_scope.region);
	assert_string_equal(scope.partition, sample_scope.partition);
	assert_err(OPS(f)->key_locate(SELF(f), &ids[2], &scope), E_NOT_FOUND);
	ids[1].multi_region = true;
	assert_err(OPS(f)->key_locate(SELF(f), &ids[1], &scope), E_NOT_FOUND);
}

static void test_id_is_taken_once_among_all_accounts(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	assert_ok(sample_create(f, 1));
	assert_err(create_elsewhere(f, 1, &key), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 1);
}

static void test_key_of_another_account_is_changed_and_catalogued(void **state)
{
	struct fixture *f = *state;
	struct kms_key key;
	struct kms_alias alias = sample_alias(1, 2);
	const struct kms_tag tag = sample_tag(1);
	struct kms_outbox_record records[] = {sample_record(100), sample_record(101),
					      sample_record(102), sample_record(103)};
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	assert_ok(create_elsewhere(f, 2, &key));
	const struct kms_tag_change tags = {&key.scope, &key.id, &tag, 1};
	key.revision = 2;
	key.state = KMS_STATE_DISABLED;
	assert_ok(OPS(f)->key_update(SELF(f), &key, &records[0]));
	assert_ok(f->catalog.ops->tags_put(f->catalog.self, &tags, &records[1]));
	/* An alias lives in the account of its key. */
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &records[2]), E_NOT_FOUND);
	alias.scope = key.scope;
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &records[2]));
	assert_ok(OPS(f)->key_load(SELF(f), &key.scope, &key.id, &full));
	assert_int_equal(full.key.state, KMS_STATE_DISABLED);
	key.scope = sample_scope;
	key.revision = 3;
	assert_err(OPS(f)->key_update(SELF(f), &key, &records[3]), E_STORE_CONFLICT);
}

/* ---- a key that is made with its alias ---- */

static struct err create_with_alias(struct fixture *f, uint32_t n, const struct kms_alias *alias)
{
	struct kms_intent intent = sample_intent(n);
	struct kms_key key = sample_key(n);
	struct kms_version version = sample_version(n);
	struct kms_outbox_record record = sample_record(n);
	const struct kms_tag tags[] = {sample_tag(1), sample_tag(2)};
	const struct kms_new_key made = {&key, &version, tags, ARRAY_LEN(tags), alias};
	TRY(OPS(f)->intent_add(SELF(f), &intent));
	return OPS(f)->key_create(SELF(f), &made, &record);
}

static struct err alias_load(struct fixture *f, const struct kms_alias *of, struct kms_alias *out)
{
	return f->catalog.ops->alias_load(f->catalog.self, &sample_scope, view_of_text(of->name),
					  out);
}

static void test_alias_is_made_with_its_key(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 1);
	struct kms_alias read;
	assert_ok(create_with_alias(f, 1, &alias));
	assert_ok(alias_load(f, &alias, &read));
	assert_true(kms_key_id_equal(&read.key_id, &alias.key_id));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM tags"), 2);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

/* The first to name it has it; the other's key is not made. */
static void test_key_is_not_made_without_its_alias(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 1);
	struct kms_alias again = sample_alias(1, 2);
	assert_ok(create_with_alias(f, 1, &alias));
	assert_err(create_with_alias(f, 2, &again), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM intents"), 1);
}

static void test_alias_of_another_key_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 2);
	assert_err(create_with_alias(f, 1, &alias), E_BUG);
	alias = sample_alias(1, 1);
	alias.scope.account[0] = '9';
	fixture_sql(f, "DELETE FROM intents");
	assert_err(create_with_alias(f, 1, &alias), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_created_key_is_loaded_as_given),
		TEST(test_created_key_survives_reopening),
		TEST(test_empty_description_and_largest_policy),
		TEST(test_multi_region_key),
		TEST(test_unknown_key_is_not_found),
		TEST(test_key_is_found_in_its_own_scope_only),
		TEST(test_second_key_of_the_same_id_exists),
		TEST(test_create_is_one_transaction),
		TEST(test_create_without_its_intent_conflicts),
		TEST(test_contradictory_key_is_not_stored),
		TEST(test_sealer_away_stores_nothing),
		TEST(test_update_needs_the_next_revision),
		TEST(test_update_of_an_unknown_key_conflicts),
		TEST(test_list_pages_through_all),
		TEST(test_list_is_of_one_account_and_region),
		TEST(test_list_of_large_keys_comes_in_parts),
		TEST(test_load_asks_the_token_once),
		TEST(test_change_count_stays_with_our_commits),
		TEST(test_change_count_grows_with_commits_of_others),
		TEST(test_a_file_that_was_moved_takes_no_writes),
		TEST(test_key_is_located_in_whatever_account),
		TEST(test_id_is_taken_once_among_all_accounts),
		TEST(test_key_of_another_account_is_changed_and_catalogued),
		TEST(test_alias_is_made_with_its_key),
		TEST(test_key_is_not_made_without_its_alias),
		TEST(test_alias_of_another_key_is_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
