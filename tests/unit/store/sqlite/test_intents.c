/* SPDX-License-Identifier: Apache-2.0 */
/* Intents, the outbox and versions by themselves. */
#include "../fixture.h"

#include <string.h>

#include "base/mem.h"
#include "store/tables.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

static const uint8_t other_owner[16] = {0x55};

static size_t listed(struct fixture *f, int64_t now_ms)
{
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	assert_ok(OPS(f)->intent_list(SELF(f), now_ms, &intents, &count));
	return count;
}

static void test_intent_is_listed_as_given(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	intent.kind = KMS_INTENT_DESTROY;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->intent_list(SELF(f), INT64_MAX, &intents, &count));
	assert_int_equal(count, 1);
	assert_memory_equal(&intents[0].token_id, &intent.token_id, sizeof intent.token_id);
	assert_memory_equal(intents[0].owner, intent.owner, sizeof intent.owner);
	assert_string_equal(intents[0].scope.account, intent.scope.account);
	assert_true(kms_key_id_equal(&intents[0].key_id, &intent.key_id));
	assert_int_equal(intents[0].kind, KMS_INTENT_DESTROY);
	assert_int_equal(intents[0].number, intent.number);
	assert_int_equal(intents[0].lease_ms, intent.lease_ms);
}

static void test_second_intent_of_a_token_id_exists(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	intent.number = 9;
	assert_err(OPS(f)->intent_add(SELF(f), &intent), E_EXISTS);
}

static void test_only_ended_leases_are_listed(void **state)
{
	struct fixture *f = *state;
	struct kms_intent early = sample_intent(1);
	struct kms_intent late = sample_intent(2);
	late.lease_ms = INT64_MAX;
	assert_ok(OPS(f)->intent_add(SELF(f), &early));
	assert_ok(OPS(f)->intent_add(SELF(f), &late));
	assert_int_equal(listed(f, early.lease_ms), 0);
	assert_int_equal(listed(f, early.lease_ms + 1), 1);
	assert_int_equal(listed(f, INT64_MAX), 2);
}

static void test_removed_intent_is_gone(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	assert_err(OPS(f)->intent_remove(SELF(f), &intent.token_id), E_NOT_FOUND);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->intent_remove(SELF(f), &intent.token_id));
	assert_int_equal(listed(f, INT64_MAX), 0);
	assert_err(OPS(f)->intent_remove(SELF(f), &intent.token_id), E_NOT_FOUND);
}

static void test_running_lease_cannot_be_claimed(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_err(OPS(f)->intent_claim(SELF(f), &intent, other_owner, intent.lease_ms + 1),
		   E_STORE_CONFLICT);
	/* Its owner may renew it. */
	assert_ok(OPS(f)->intent_claim(SELF(f), &intent, intent.owner, intent.lease_ms + 1));
}

static void test_ended_lease_is_claimed_once(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	static const uint8_t third[16] = {0x66};
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	clock_manual_advance(&f->clock, 60001);
	assert_ok(OPS(f)->intent_claim(SELF(f), &intent, other_owner, intent.lease_ms + 60000));
	assert_err(OPS(f)->intent_claim(SELF(f), &intent, third, intent.lease_ms + 60000),
		   E_STORE_CONFLICT);
	assert_ok(OPS(f)->intent_list(SELF(f), INT64_MAX, &intents, &count));
	assert_int_equal(count, 1);
	assert_memory_equal(intents[0].owner, other_owner, 16);
}

/* Two processes: the second claims what the first was too slow with, and may be destroying it. */
static void test_key_is_not_made_under_a_claimed_intent(void **state)
{
	struct fixture *f = *state;
	struct store_sqlite *second = NULL;
	struct store_sqlite_options options = fixture_options(f);
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	clock_manual_advance(&f->clock, 60001);
	assert_ok(store_sqlite_open(&options, &second));
	struct kms_store keys = store_sqlite_keys(second);
	assert_ok(keys.ops->intent_claim(keys.self, &intent, other_owner, INT64_MAX));
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_STORE_CONFLICT);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 0);
	store_sqlite_close(&second);
}

/* The same within one process: its own reconciliation against a maker that was too slow. */
static void test_key_is_not_made_while_we_settle_its_intent(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	clock_manual_advance(&f->clock, 60001);
	assert_ok(OPS(f)->intent_claim(SELF(f), &intent, intent.owner, INT64_MAX));
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_STORE_CONFLICT);
	assert_ok(OPS(f)->intent_remove(SELF(f), &intent.token_id));
	/* Settled: the token id may be tried again. */
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
}

static void test_renewed_lease_still_makes_its_key(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_ok(OPS(f)->intent_claim(SELF(f), &intent, intent.owner, INT64_MAX));
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
}

static void test_intent_to_destroy_makes_no_key(void **state)
{
	struct fixture *f = *state;
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	intent.kind = KMS_INTENT_DESTROY;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_STORE_CONFLICT);
}

static void records_free(struct kms_outbox_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		store_row_cleanup(&store_table_outbox, &records[i]);
	mem_free(records);
}

static void test_outbox_lists_the_oldest_first(void **state)
{
	struct fixture *f = *state;
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	for (uint32_t n = 3; n > 0; n--)
		assert_ok(sample_create(f, n));
	assert_ok(OPS(f)->outbox_list(SELF(f), &records, &count));
	assert_int_equal(count, 3);
	assert_string_equal(records[0].event_id, sample_record(3).event_id);
	assert_string_equal(records[2].event_id, sample_record(1).event_id);
	assert_true(view_equal(records[0].line, sample_record(3).line));
	records_free(records, count);
}

static void test_outbox_page_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	for (uint32_t n = 0; n < KMS_OUTBOX_PAGE_MAX + 3; n++)
		assert_ok(sample_create(f, n));
	assert_ok(OPS(f)->outbox_list(SELF(f), &records, &count));
	assert_int_equal(count, KMS_OUTBOX_PAGE_MAX);
	records_free(records, count);
}

static void test_done_records_are_gone(void **state)
{
	struct fixture *f = *state;
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	char ids[3][KMS_EVENT_ID_LEN + 1];
	for (uint32_t n = 0; n < 3; n++)
		assert_ok(sample_create(f, n));
	mem_copy(ids[0], sizeof ids[0], sample_record(0).event_id, sizeof ids[0]);
	mem_copy(ids[1], sizeof ids[1], sample_record(77).event_id, sizeof ids[1]); /* unknown */
	mem_copy(ids[2], sizeof ids[2], sample_record(2).event_id, sizeof ids[2]);
	assert_ok(OPS(f)->outbox_done(SELF(f), ids, 3));
	assert_ok(OPS(f)->outbox_list(SELF(f), &records, &count));
	assert_int_equal(count, 1);
	assert_string_equal(records[0].event_id, sample_record(1).event_id);
	records_free(records, count);
}

static void test_largest_record_is_kept(void **state)
{
	struct fixture *f = *state;
	static uint8_t line[KMS_RECORD_MAX + 1];
	struct kms_outbox_record *records = NULL;
	size_t count = 0;
	struct kms_intent intent = sample_intent(1);
	struct kms_key key = sample_key(1);
	struct kms_version version = sample_version(1);
	struct kms_outbox_record record = sample_record(1);
	for (size_t i = 0; i < sizeof line; i++)
		line[i] = (uint8_t)i;
	assert_ok(OPS(f)->intent_add(SELF(f), &intent));
	record.line = VIEW_ARRAY(line);
	assert_err(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record), E_BUG);
	record.line.len--;
	assert_ok(OPS(f)->key_create(SELF(f), NEW_KEY(&key, &version), &record));
	assert_ok(OPS(f)->outbox_list(SELF(f), &records, &count));
	assert_int_equal(count, 1);
	assert_true(view_equal(records[0].line, record.line));
	records_free(records, count);
}

static void test_reserve_raises_the_budget_once(void **state)
{
	struct fixture *f = *state;
	struct kms_version version = sample_version(1);
	struct kms_key_full full = {0};
	assert_ok(sample_create(f, 1));
	assert_ok(OPS(f)->version_reserve(SELF(f), &sample_scope, &version, 1000));
	assert_err(OPS(f)->version_reserve(SELF(f), &sample_scope, &version, 1000),
		   E_STORE_CONFLICT);
	version.messages_reserved = 1000;
	assert_ok(OPS(f)->version_reserve(SELF(f), &sample_scope, &version, 24));
	assert_ok(OPS(f)->key_load(SELF(f), &sample_scope, &version.key_id, &full));
	assert_int_equal(full.versions[0].messages_reserved, 1024);
	kms_key_full_cleanup(&full);
}

static void test_reserve_does_not_overflow(void **state)
{
	struct fixture *f = *state;
	struct kms_version version = sample_version(1);
	assert_ok(sample_create(f, 1));
	assert_err(OPS(f)->version_reserve(SELF(f), &sample_scope, &version, UINT64_MAX), E_BOUNDS);
	version.messages_reserved = INT64_MAX;
	assert_err(OPS(f)->version_reserve(SELF(f), &sample_scope, &version, 1), E_BOUNDS);
}

struct seen {
	uint32_t count;
	uint32_t stop_at;
	bool ordered;
};

static struct err version_seen(void *user, const struct kms_scope *scope,
			       const struct kms_version *version)
{
	struct seen *seen = user;
	struct kms_version wanted = sample_version(seen->count);
	seen->ordered = seen->ordered && scope->account[0] == '1' &&
			mem_equal(&version->token_id, &wanted.token_id, sizeof wanted.token_id);
	seen->count++;
	return seen->count == seen->stop_at ? ERR(E_CANCELLED) : OK;
}

static void test_each_version_is_visited_in_order(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.ordered = true};
	for (uint32_t n = 0; n < 600; n++)
		assert_ok(sample_create(f, n));
	assert_ok(OPS(f)->version_each(SELF(f), version_seen, &seen));
	assert_int_equal(seen.count, 600);
	assert_true(seen.ordered);
}

static void test_visit_ends_with_the_first_failure(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.stop_at = 2, .ordered = true};
	for (uint32_t n = 0; n < 3; n++)
		assert_ok(sample_create(f, n));
	assert_err(OPS(f)->version_each(SELF(f), version_seen, &seen), E_CANCELLED);
	assert_int_equal(seen.count, 2);
}

/* What one row of the database says must not keep the others from being looked at. */
static void test_refused_versions_are_passed_over(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {0};
	for (uint32_t n = 0; n < 600; n++)
		assert_ok(sample_create(f, n));
	/* The whole first page, and one that ends the second; then some that cannot even be read.
	 */
	assert_int_equal(fixture_changes(f,
					 "UPDATE versions SET created_ms=created_ms+1 WHERE rowid"
					 "<=256 OR rowid=512"),
			 257);
	assert_int_equal(fixture_changes(f, "UPDATE versions SET suite=77 WHERE rowid>=550"), 51);
	assert_ok(OPS(f)->version_each(SELF(f), version_seen, &seen));
	assert_int_equal(seen.count, 600 - 257 - 51);
	assert_non_null(strstr(fixture_log(f), "store.row_refused"));
}

static void test_a_page_that_cannot_be_passed_ends_the_visit(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {0};
	for (uint32_t n = 0; n < 257; n++)
		assert_ok(sample_create(f, n));
	assert_int_equal(fixture_changes(f, "UPDATE versions SET suite=77 WHERE rowid<=256"), 256);
	assert_err(OPS(f)->version_each(SELF(f), version_seen, &seen), E_STORE_SEAL);
	assert_int_equal(seen.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_intent_is_listed_as_given),
		TEST(test_second_intent_of_a_token_id_exists),
		TEST(test_only_ended_leases_are_listed),
		TEST(test_removed_intent_is_gone),
		TEST(test_running_lease_cannot_be_claimed),
		TEST(test_ended_lease_is_claimed_once),
		TEST(test_key_is_not_made_under_a_claimed_intent),
		TEST(test_key_is_not_made_while_we_settle_its_intent),
		TEST(test_renewed_lease_still_makes_its_key),
		TEST(test_intent_to_destroy_makes_no_key),
		TEST(test_outbox_lists_the_oldest_first),
		TEST(test_outbox_page_is_bounded),
		TEST(test_done_records_are_gone),
		TEST(test_largest_record_is_kept),
		TEST(test_reserve_raises_the_budget_once),
		TEST(test_reserve_does_not_overflow),
		TEST(test_each_version_is_visited_in_order),
		TEST(test_visit_ends_with_the_first_failure),
		TEST(test_refused_versions_are_passed_over),
		TEST(test_a_page_that_cannot_be_passed_ends_the_visit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
