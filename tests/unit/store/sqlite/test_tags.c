/* SPDX-License-Identifier: Apache-2.0 */
/* Tags in the embedded store: each port function, each error that it documents, lists under
 * changes, and the tags that a key is made with. */
#include "../fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define OPS(f) ((f)->catalog.ops)
#define SELF(f) ((f)->catalog.self)

/* `count` sample tags from number `first`. */
struct some {
	struct kms_key_id id;
	struct kms_tag tags[KMS_TAGS_MAX + 1];
	struct kms_tag_change change;
};

static const struct kms_tag_change *some(struct some *some, uint32_t key, uint32_t first,
					 size_t count)
{
	some->id = sample_id(key);
	for (size_t i = 0; i < count; i++)
		some->tags[i] = sample_tag(first + (uint32_t)i);
	some->change = (struct kms_tag_change){&sample_scope, &some->id, some->tags, count};
	return &some->change;
}

static struct err put(struct fixture *f, const struct kms_tag_change *change, uint32_t event)
{
	struct kms_outbox_record record = sample_record(event);
	return OPS(f)->tags_put(SELF(f), change, &record);
}

static struct err take(struct fixture *f, const struct kms_tag_change *change, uint32_t event)
{
	struct kms_outbox_record record = sample_record(event);
	return OPS(f)->tags_remove(SELF(f), change, &record);
}

static struct err list(struct fixture *f, uint32_t key, struct view after, size_t limit,
		       struct kms_tag_page *out)
{
	struct kms_key_id id = sample_id(key);
	const struct kms_page_query query = {&sample_scope, &id, after, limit};
	return OPS(f)->tags_list(SELF(f), &query, out);
}

static int64_t outbox_count(struct fixture *f)
{
	return fixture_ask(f, "SELECT count(*) FROM outbox");
}

static int64_t tag_count(struct fixture *f)
{
	return fixture_ask(f, "SELECT count(*) FROM tags");
}

/* The page holds the sample tags from number `first` on. */
static void assert_page(const struct kms_tag_page *page, uint32_t first, size_t count, bool more)
{
	assert_int_equal(page->count, count);
	for (size_t i = 0; i < count; i++) {
		struct kms_tag wanted = sample_tag(first + (uint32_t)i);
		assert_string_equal(page->tags[i].key, wanted.key);
		assert_string_equal(page->tags[i].value, wanted.value);
	}
	assert_int_equal(page->more, more);
	mem_free(page->tags);
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	assert_ok(sample_create(*state, 1));
	assert_ok(sample_create(*state, 2));
	return 0;
}

static void test_tags_are_listed_as_put(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	int64_t before = outbox_count(f);
	assert_ok(put(f, some(&tags, 1, 0, 5), 100));
	assert_int_equal(outbox_count(f), before + 1);
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 5, false);
	assert_ok(list(f, 2, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 0, false);
	fixture_close(f);
	fixture_open(f);
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 5, false);
}

static void test_a_tag_that_is_there_gets_a_new_value(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	assert_ok(put(f, some(&tags, 1, 0, 3), 100));
	assert_ok(text_copy(tags.tags[1].value, sizeof tags.tags[1].value, VIEW_LITERAL("new")));
	tags.change.count = 2;
	assert_ok(put(f, &tags.change, 101));
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_int_equal(page.count, 3);
	assert_string_equal(page.tags[0].value, "value-0");
	assert_string_equal(page.tags[1].value, "new");
	assert_string_equal(page.tags[2].value, "value-2");
	mem_free(page.tags);
}

static void test_longest_tag_and_empty_value(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	(void)some(&tags, 1, 0, 2);
	for (size_t i = 0; i < sizeof tags.tags[0].key - 1; i++)
		tags.tags[0].key[i] = "\xf0\x9f\x98\x80"[i % 4];
	for (size_t i = 0; i < sizeof tags.tags[0].value - 1; i++)
		tags.tags[0].value[i] = "\xf0\x9f\x98\x80"[i % 4];
	tags.tags[0].key[sizeof tags.tags[0].key - 1] = '\0';
	tags.tags[0].value[sizeof tags.tags[0].value - 1] = '\0';
	tags.tags[1].value[0] = '\0';
	assert_ok(put(f, &tags.change, 100));
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_int_equal(page.count, 2);
	/* By bytes: ASCII stands before everything longer. */
	assert_string_equal(page.tags[0].value, "");
	assert_string_equal(page.tags[1].key, tags.tags[0].key);
	assert_string_equal(page.tags[1].value, tags.tags[0].value);
	mem_free(page.tags);
}

static void test_keys_of_tags_differ_in_case(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	(void)some(&tags, 1, 0, 2);
	tags.tags[1] = tags.tags[0];
	tags.tags[1].key[0] = 'T';
	assert_ok(put(f, &tags.change, 100));
	assert_int_equal(tag_count(f), 2);
}

static void test_nothing_to_put_is_told_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	int64_t before = outbox_count(f);
	assert_ok(put(f, some(&tags, 1, 0, 0), 100));
	assert_ok(take(f, some(&tags, 1, 0, 0), 101));
	assert_int_equal(outbox_count(f), before + 2);
}

static void test_tags_need_their_key(void **state)
{
	struct fixture *f = *state;
	static const struct kms_scope elsewhere = {"aws", "eu-test-2", "123456789012"};
	struct some tags;
	int64_t before = outbox_count(f);
	assert_err(put(f, some(&tags, 3, 0, 1), 100), E_NOT_FOUND);
	assert_err(take(f, some(&tags, 3, 0, 1), 101), E_NOT_FOUND);
	(void)some(&tags, 1, 0, 1);
	tags.change.scope = &elsewhere;
	assert_err(put(f, &tags.change, 102), E_NOT_FOUND);
	(void)some(&tags, 1, 0, 1);
	tags.id.multi_region = true;
	assert_err(put(f, &tags.change, 103), E_NOT_FOUND);
	assert_err(take(f, &tags.change, 104), E_NOT_FOUND);
	assert_int_equal(outbox_count(f), before);
	assert_int_equal(tag_count(f), 0);
}

static void test_malformed_changes_are_not_stored(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	(void)some(&tags, 1, 0, 2);
	tags.tags[1].key[0] = '\0';
	assert_err(put(f, &tags.change, 100), E_BUG);
	(void)some(&tags, 1, 0, 2);
	tags.tags[1] = tags.tags[0];
	assert_err(put(f, &tags.change, 100), E_BUG);
	assert_err(take(f, &tags.change, 100), E_BUG);
	assert_err(put(f, some(&tags, 1, 0, KMS_TAGS_MAX + 1), 100), E_BUG);
	assert_int_equal(tag_count(f), 0);
}

static void test_a_key_has_so_many_tags(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	assert_ok(put(f, some(&tags, 1, 0, KMS_TAGS_MAX - 1), 100));
	int64_t before = outbox_count(f);
	assert_err(put(f, some(&tags, 1, 49, 2), 101), E_KMS_LIMIT);
	assert_int_equal(tag_count(f), KMS_TAGS_MAX - 1);
	assert_int_equal(outbox_count(f), before);
	assert_ok(put(f, some(&tags, 1, 49, 1), 102));
	/* Full: those that are there may still change. */
	assert_ok(put(f, some(&tags, 1, 0, KMS_TAGS_MAX), 103));
	assert_ok(put(f, some(&tags, 2, 0, 1), 104));
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 50, false);
}

static void test_removed_tags_are_gone(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	assert_ok(put(f, some(&tags, 1, 0, 5), 100));
	assert_ok(put(f, some(&tags, 2, 0, 5), 101));
	/* 3 and 4 are there, 5 and 6 are not. */
	assert_ok(take(f, some(&tags, 1, 3, 4), 102));
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 3, false);
	assert_ok(list(f, 2, VIEW_NONE, 50, &page));
	assert_page(&page, 0, 5, false);
}

static void test_change_and_record_are_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	assert_ok(put(f, some(&tags, 1, 0, 2), 100));
	/* An event id that is there already: no part of the change may stay. */
	assert_err(put(f, some(&tags, 1, 2, 2), 100), E_EXISTS);
	assert_err(take(f, some(&tags, 1, 0, 2), 100), E_EXISTS);
	assert_int_equal(tag_count(f), 2);
}

static void test_sealer_away_stores_and_tells_nothing(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	assert_ok(put(f, some(&tags, 1, 0, 2), 100));
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(put(f, some(&tags, 1, 2, 2), 101), E_HSM_AWAY);
	assert_err(take(f, some(&tags, 1, 0, 2), 102), E_HSM_AWAY);
	assert_err(list(f, 1, VIEW_NONE, 50, &page), E_HSM_AWAY);
	assert_null(page.tags);
	assert_int_equal(tag_count(f), 2);
}

static void test_each_call_asks_the_token_once(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	f->seal_calls = 0;
	assert_ok(put(f, some(&tags, 1, 0, 50), 100));
	assert_int_equal(f->seal_calls, 1);
	assert_ok(list(f, 1, VIEW_NONE, 50, &page));
	assert_int_equal(f->seal_calls, 2);
	mem_free(page.tags);
	assert_ok(take(f, some(&tags, 1, 0, 50), 101));
	assert_int_equal(f->seal_calls, 3);
}

/* A store of its own, as another process has, that tags key 1 until it may not. */
struct rival {
	pthread_t thread;
	struct store_sqlite_options options;
	uint32_t first;
	uint32_t made;
	struct err last;
};

static struct err rival_put(const struct kms_catalog *catalog, uint32_t n)
{
	struct some tags;
	struct kms_outbox_record record = sample_record(10000 + n);
	return catalog->ops->tags_put(catalog->self, some(&tags, 1, n, 1), &record);
}

static void *rival_run(void *user)
{
	struct rival *rival = user;
	CLEANUP(store_sqlite_close) struct store_sqlite *store = NULL;
	rival->last = store_sqlite_open(&rival->options, &store);
	struct kms_catalog catalog = store_sqlite_catalog(store);
	while (!err_failed(rival->last)) {
		rival->last = rival_put(&catalog, rival->first + rival->made);
		rival->made += !err_failed(rival->last);
	}
	return NULL;
}

static void test_the_limit_holds_under_two_writers(void **state)
{
	struct fixture *f = *state;
	struct rival rivals[2];
	for (uint32_t i = 0; i < 2; i++) {
		rivals[i] = (struct rival){.options = fixture_options(f), .first = 1000 * i};
		assert_int_equal(pthread_create(&rivals[i].thread, NULL, rival_run, &rivals[i]), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(rivals[i].thread, NULL), 0);
		assert_err(rivals[i].last, E_KMS_LIMIT);
	}
	assert_int_equal(rivals[0].made + rivals[1].made, KMS_TAGS_MAX);
	assert_int_equal(tag_count(f), KMS_TAGS_MAX);
}

static void test_list_pages_through_all(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	assert_ok(put(f, some(&tags, 1, 0, 10), 100));
	assert_ok(list(f, 1, VIEW_NONE, 4, &page));
	assert_page(&page, 0, 4, true);
	assert_ok(list(f, 1, view_of_text(tags.tags[3].key), 4, &page));
	assert_page(&page, 4, 4, true);
	assert_ok(list(f, 1, view_of_text(tags.tags[7].key), 4, &page));
	assert_page(&page, 8, 2, false);
	assert_ok(list(f, 1, VIEW_NONE, 10, &page));
	assert_page(&page, 0, 10, false);
	/* Behind one that is gone. */
	tags.change.tags = &tags.tags[3];
	tags.change.count = 1;
	assert_ok(take(f, &tags.change, 101));
	assert_ok(list(f, 1, view_of_text(tags.tags[3].key), 2, &page));
	assert_page(&page, 4, 2, true);
	assert_err(list(f, 1, VIEW_NONE, 0, &page), E_BOUNDS);
	assert_err(list(f, 1, VIEW_NONE, 1001, &page), E_BOUNDS);
}

/* Even tags stay while odd ones come and go around every page. */
static void test_what_stays_is_told_once_whatever_changes(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag last = {0};
	struct kms_tag_page page = {0};
	uint32_t stable = 0;
	for (uint32_t n = 0; n < 40; n += 2)
		assert_ok(put(f, some(&tags, 1, n, 1), 100 + n));
	for (uint32_t turn = 0; turn == 0 || page.more; turn++) {
		assert_ok(list(f, 1, view_of_text(last.key), 3, &page));
		for (size_t i = 0; i < page.count; i++) {
			bool even = page.tags[i].key[strlen("tag-000")] % 2 == 0;
			if (even)
				assert_string_equal(page.tags[i].key, sample_tag(stable).key);
			stable += even ? 2 : 0;
		}
		last = page.tags[page.count - 1];
		mem_free(page.tags);
		for (uint32_t n = 1; n < 40; n += 4) {
			assert_ok(put(f, some(&tags, 1, (n + 2 * turn) % 40, 1),
				      1000 + 200 * turn + n));
			assert_ok(take(f, some(&tags, 1, (n + 2 * turn + 2) % 40, 1),
				       1100 + 200 * turn + n));
		}
	}
	assert_int_equal(stable, 40);
}

/* ---- tags that a key is made with ---- */

static struct err create_tagged(struct fixture *f, uint32_t n, const struct kms_tag_change *tags)
{
	struct kms_intent intent = sample_intent(n);
	struct kms_key key = sample_key(n);
	struct kms_version version = sample_version(n);
	struct kms_outbox_record record = sample_record(n);
	const struct kms_new_key made = {
		.key = &key, .version = &version, .tags = tags->tags, .tag_count = tags->count};
	TRY(f->keys.ops->intent_add(f->keys.self, &intent));
	return f->keys.ops->key_create(f->keys.self, &made, &record);
}

static void test_a_key_is_made_with_its_tags(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	struct kms_tag_page page = {0};
	f->seal_calls = 0;
	assert_ok(create_tagged(f, 5, some(&tags, 5, 0, KMS_TAGS_MAX)));
	assert_int_equal(f->seal_calls, 2); /* the intent; then the key and all tags */
	assert_ok(list(f, 5, VIEW_NONE, 50, &page));
	assert_page(&page, 0, KMS_TAGS_MAX, false);
}

static void test_a_key_that_is_not_made_leaves_no_tags(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	assert_err(create_tagged(f, 5, some(&tags, 5, 0, KMS_TAGS_MAX + 1)), E_BUG);
	fixture_sql(f, "DELETE FROM intents");
	(void)some(&tags, 5, 0, 2);
	tags.tags[1] = tags.tags[0];
	assert_err(create_tagged(f, 5, &tags.change), E_BUG);
	fixture_sql(f, "DELETE FROM intents; DELETE FROM outbox WHERE event_id LIKE '%5'");
	/* Its record is there already: the transaction fails after everything else. */
	fixture_sql(f, "INSERT INTO outbox(event_id,line,seal) VALUES("
		       "'00000000-0000-4000-8000-000000000005',x'',zeroblob(32))");
	assert_err(create_tagged(f, 5, some(&tags, 5, 0, 2)), E_EXISTS);
	assert_int_equal(tag_count(f), 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 2);
}

/* What deletion will have to do: tags and aliases hold their key, last uses do not. */
static void test_a_key_goes_only_without_its_tags(void **state)
{
	struct fixture *f = *state;
	struct some tags;
	sqlite3 *db = NULL;
	assert_ok(put(f, some(&tags, 1, 0, 2), 100));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "PRAGMA foreign_keys=ON; DELETE FROM versions", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM keys", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM tags; DELETE FROM keys", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tags_are_listed_as_put),
		TEST(test_a_tag_that_is_there_gets_a_new_value),
		TEST(test_longest_tag_and_empty_value),
		TEST(test_keys_of_tags_differ_in_case),
		TEST(test_nothing_to_put_is_told_all_the_same),
		TEST(test_tags_need_their_key),
		TEST(test_malformed_changes_are_not_stored),
		TEST(test_a_key_has_so_many_tags),
		TEST(test_removed_tags_are_gone),
		TEST(test_change_and_record_are_one_transaction),
		TEST(test_sealer_away_stores_and_tells_nothing),
		TEST(test_each_call_asks_the_token_once),
		TEST(test_the_limit_holds_under_two_writers),
		TEST(test_list_pages_through_all),
		TEST(test_what_stays_is_told_once_whatever_changes),
		TEST(test_a_key_is_made_with_its_tags),
		TEST(test_a_key_that_is_not_made_leaves_no_tags),
		TEST(test_a_key_goes_only_without_its_tags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
