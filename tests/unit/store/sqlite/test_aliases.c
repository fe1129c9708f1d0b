/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases in the embedded store: each port function, each error that it documents, and lists under
 * changes. */
#include "../fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

#define OPS(f) ((f)->catalog.ops)
#define SELF(f) ((f)->catalog.self)

static struct err create(struct fixture *f, uint32_t n, uint32_t key)
{
	struct kms_alias alias = sample_alias(n, key);
	struct kms_outbox_record record = sample_record(10000 + n);
	return OPS(f)->alias_create(SELF(f), &alias, &record);
}

static struct err update(struct fixture *f, const struct kms_alias *alias, uint32_t event)
{
	struct kms_outbox_record record = sample_record(event);
	return OPS(f)->alias_update(SELF(f), alias, &record);
}

static struct err erase(struct fixture *f, const struct kms_alias *seen, uint32_t event)
{
	struct kms_outbox_record record = sample_record(event);
	return OPS(f)->alias_delete(SELF(f), seen, &record);
}

static struct err load(struct fixture *f, const char *name, struct kms_alias *out)
{
	return OPS(f)->alias_load(SELF(f), &sample_scope, view_of_text(name), out);
}

static struct err list(struct fixture *f, const struct kms_key_id *key_id, struct view after,
		       size_t limit, struct kms_alias_page *out)
{
	const struct kms_page_query query = {&sample_scope, key_id, after, limit};
	return OPS(f)->alias_list(SELF(f), &query, out);
}

static int64_t outbox_count(struct fixture *f)
{
	return fixture_ask(f, "SELECT count(*) FROM outbox");
}

static int64_t alias_count(struct fixture *f)
{
	return fixture_ask(f, "SELECT count(*) FROM aliases");
}

static void assert_alias_equal(const struct kms_alias *a, const struct kms_alias *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->scope.partition, b->scope.partition);
	assert_string_equal(a->scope.region, b->scope.region);
	assert_string_equal(a->scope.account, b->scope.account);
	assert_true(kms_key_id_equal(&a->key_id, &b->key_id));
	assert_int_equal(a->created_ms, b->created_ms);
	assert_int_equal(a->updated_ms, b->updated_ms);
	assert_int_equal(a->revision, b->revision);
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	assert_ok(sample_create(*state, 1));
	assert_ok(sample_create(*state, 2));
	return 0;
}

static void test_created_alias_is_loaded_as_given(void **state)
{
	struct fixture *f = *state;
	struct kms_alias given = sample_alias(7, 1);
	struct kms_alias loaded;
	given.updated_ms++;
	struct kms_outbox_record record = sample_record(100);
	assert_ok(OPS(f)->alias_create(SELF(f), &given, &record));
	assert_ok(load(f, given.name, &loaded));
	assert_alias_equal(&loaded, &given);
}

static void test_longest_name(void **state)
{
	struct fixture *f = *state;
	struct kms_alias given = sample_alias(1, 1);
	struct kms_alias loaded;
	struct kms_outbox_record record = sample_record(100);
	for (size_t i = strlen("alias/"); i < KMS_ALIAS_MAX; i++)
		given.name[i] = 'z';
	given.name[KMS_ALIAS_MAX] = '\0';
	assert_ok(OPS(f)->alias_create(SELF(f), &given, &record));
	assert_ok(load(f, given.name, &loaded));
	assert_string_equal(loaded.name, given.name);
}

static void test_alias_survives_reopening(void **state)
{
	struct fixture *f = *state;
	struct kms_alias loaded;
	assert_ok(create(f, 7, 1));
	fixture_close(f);
	fixture_open(f);
	assert_ok(load(f, "alias/sample-0007", &loaded));
}

static void test_alias_of_a_multi_region_key(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 1);
	struct kms_outbox_record record = sample_record(100);
	/* The same bytes written as a multi-Region id are another id. */
	alias.key_id.multi_region = true;
	assert_err(OPS(f)->alias_create(SELF(f), &alias, &record), E_NOT_FOUND);
	fixture_sql(f, "UPDATE keys SET multi_region=1");
	assert_ok(OPS(f)->alias_create(SELF(f), &alias, &record));
	assert_ok(load(f, alias.name, &alias));
	assert_true(alias.key_id.multi_region);
}

static void test_name_that_is_there_exists(void **state)
{
	struct fixture *f = *state;
	struct kms_alias loaded;
	assert_ok(create(f, 7, 1));
	struct kms_alias again = sample_alias(7, 2);
	struct kms_outbox_record record = sample_record(100);
	int64_t before = outbox_count(f);
	assert_err(OPS(f)->alias_create(SELF(f), &again, &record), E_EXISTS);
	assert_int_equal(outbox_count(f), before);
	assert_ok(load(f, again.name, &loaded));
	assert_true(kms_key_id_equal(&loaded.key_id, &(struct kms_key_id[]){sample_id(1)}[0]));
}

static void test_name_that_is_there_exists_even_of_a_full_key(void **state)
{
	struct fixture *f = *state;
	for (uint32_t n = 0; n < KMS_ALIASES_MAX; n++)
		assert_ok(create(f, n, 1));
	struct kms_alias again = sample_alias(3, 1);
	struct kms_outbox_record record = sample_record(100);
	assert_err(OPS(f)->alias_create(SELF(f), &again, &record), E_EXISTS);
}

static void test_names_differ_in_case_account_and_region(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 1);
	struct kms_alias loaded;
	struct kms_outbox_record record = sample_record(100);
	static const struct kms_scope others[] = {{"aws", "eu-test-1", "210987654321"},
						  {"aws", "eu-test-2", "123456789012"},
						  {"aws-cn", "eu-test-1", "123456789012"}};
	assert_ok(create(f, 7, 1));
	alias.name[strlen(alias.name) - 6] = 'E';
	assert_err(load(f, alias.name, &loaded), E_NOT_FOUND);
	assert_ok(OPS(f)->alias_create(SELF(f), &alias, &record));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_err(OPS(f)->alias_load(SELF(f), &others[i],
					      VIEW_LITERAL("alias/sample-0007"), &loaded),
			   E_NOT_FOUND);
}

static void test_alias_needs_its_key(void **state)
{
	struct fixture *f = *state;
	struct kms_alias elsewhere = sample_alias(7, 1);
	struct kms_outbox_record record = sample_record(100);
	int64_t before = outbox_count(f);
	assert_err(create(f, 7, 3), E_NOT_FOUND);
	assert_ok(text_copy(elsewhere.scope.region, sizeof elsewhere.scope.region,
			    VIEW_LITERAL("eu-test-2")));
	assert_err(OPS(f)->alias_create(SELF(f), &elsewhere, &record), E_NOT_FOUND);
	assert_int_equal(alias_count(f), 0);
	assert_int_equal(outbox_count(f), before);
}

static void test_malformed_alias_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 1);
	struct kms_outbox_record record = sample_record(100);
	alias.name[3] = '!';
	assert_err(OPS(f)->alias_create(SELF(f), &alias, &record), E_BUG);
	alias = sample_alias(7, 1);
	alias.revision = 0;
	assert_err(OPS(f)->alias_create(SELF(f), &alias, &record), E_BUG);
	assert_err(OPS(f)->alias_update(SELF(f), &alias, &record), E_BUG);
	assert_err(OPS(f)->alias_delete(SELF(f), &alias, &record), E_BUG);
	assert_int_equal(f->seal_calls, 4); /* two keys with an intent each: nothing since */
}

static void test_change_and_record_are_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct kms_alias seen;
	assert_ok(create(f, 7, 1));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id="
					"'00000000-0000-4000-8000-000000002717'"),
			 1);
	/* An event id that is there already: no part of the change may stay. */
	struct kms_alias other = sample_alias(8, 1);
	struct kms_outbox_record record = sample_record(1);
	assert_err(OPS(f)->alias_create(SELF(f), &other, &record), E_EXISTS);
	assert_int_equal(alias_count(f), 1);
	assert_ok(load(f, "alias/sample-0007", &seen));
	struct kms_alias changed = seen;
	changed.revision++;
	changed.key_id = sample_id(2);
	assert_err(update(f, &changed, 1), E_EXISTS);
	assert_err(erase(f, &seen, 1), E_EXISTS);
	assert_ok(load(f, "alias/sample-0007", &changed));
	assert_alias_equal(&changed, &seen);
}

static void test_update_needs_the_next_revision(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 2);
	struct kms_alias loaded;
	assert_ok(create(f, 7, 1));
	int64_t before = outbox_count(f);
	assert_err(update(f, &alias, 100), E_STORE_CONFLICT);
	alias.revision = 3;
	assert_err(update(f, &alias, 100), E_STORE_CONFLICT);
	assert_int_equal(outbox_count(f), before);
	alias.revision = 2;
	alias.updated_ms += 1000;
	assert_ok(update(f, &alias, 100));
	assert_err(update(f, &alias, 101), E_STORE_CONFLICT);
	assert_int_equal(outbox_count(f), before + 1);
	assert_ok(load(f, alias.name, &loaded));
	assert_alias_equal(&loaded, &alias);
}

/* Removed and made again meanwhile: it may belong to a third key now. */
static void test_update_of_an_alias_made_again_conflicts(void **state)
{
	struct fixture *f = *state;
	struct kms_alias seen = sample_alias(7, 1);
	struct kms_alias again = sample_alias(7, 2);
	struct kms_outbox_record record = sample_record(101);
	assert_ok(create(f, 7, 1));
	assert_ok(erase(f, &seen, 100));
	again.created_ms++;
	assert_ok(OPS(f)->alias_create(SELF(f), &again, &record));
	seen.revision++;
	assert_err(update(f, &seen, 102), E_STORE_CONFLICT);
}

static void test_update_needs_alias_and_key(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 1);
	alias.revision = 2;
	assert_err(update(f, &alias, 100), E_STORE_CONFLICT);
	assert_ok(create(f, 7, 1));
	alias.key_id = sample_id(3);
	assert_err(update(f, &alias, 100), E_NOT_FOUND);
}

static void test_delete_takes_what_was_seen_only(void **state)
{
	struct fixture *f = *state;
	struct kms_alias seen = sample_alias(7, 1);
	struct kms_alias other;
	assert_ok(create(f, 7, 1));
	int64_t before = outbox_count(f);
	other = seen;
	other.revision = 2;
	assert_err(erase(f, &other, 100), E_STORE_CONFLICT);
	other = seen;
	other.key_id = sample_id(2);
	assert_err(erase(f, &other, 100), E_STORE_CONFLICT);
	other = seen;
	other.created_ms++;
	assert_err(erase(f, &other, 100), E_STORE_CONFLICT);
	assert_int_equal(alias_count(f), 1);
	assert_int_equal(outbox_count(f), before);
	assert_ok(erase(f, &seen, 100));
	assert_int_equal(alias_count(f), 0);
	assert_int_equal(outbox_count(f), before + 1);
	assert_err(erase(f, &seen, 101), E_STORE_CONFLICT);
	assert_err(load(f, seen.name, &other), E_NOT_FOUND);
}

/* The row is the one that was seen, but for a value that somebody changed. */
static void test_delete_leaves_a_tampered_row(void **state)
{
	struct fixture *f = *state;
	struct kms_alias seen = sample_alias(7, 1);
	assert_ok(create(f, 7, 1));
	fixture_sql(f, "UPDATE aliases SET updated_ms=updated_ms+1");
	assert_err(erase(f, &seen, 100), E_STORE_CONFLICT);
	fixture_sql(f, "UPDATE aliases SET updated_ms=updated_ms-1, seal=zeroblob(32)");
	assert_err(erase(f, &seen, 100), E_STORE_CONFLICT);
	assert_int_equal(alias_count(f), 1);
}

static void test_a_key_has_so_many_aliases(void **state)
{
	struct fixture *f = *state;
	for (uint32_t n = 0; n < KMS_ALIASES_MAX; n++)
		assert_ok(create(f, n, 1));
	int64_t before = outbox_count(f);
	assert_err(create(f, 50, 1), E_KMS_LIMIT);
	assert_int_equal(alias_count(f), KMS_ALIASES_MAX);
	assert_int_equal(outbox_count(f), before);
	assert_ok(create(f, 50, 2));
	struct kms_alias moved = sample_alias(50, 1);
	moved.revision = 2;
	assert_err(update(f, &moved, 100), E_KMS_LIMIT);
	assert_ok(load(f, moved.name, &moved));
	assert_int_equal(moved.revision, 1);
	/* One that stays where it is takes no room. */
	struct kms_alias stays = sample_alias(3, 1);
	stays.revision = 2;
	assert_ok(update(f, &stays, 101));
	/* One goes, one may come. */
	stays = sample_alias(4, 1);
	assert_ok(erase(f, &stays, 102));
	moved = sample_alias(50, 1);
	moved.revision = 2;
	assert_ok(update(f, &moved, 103));
}

/* A store of its own, as another process has, that makes aliases of key 1 until it may not. */
struct rival {
	pthread_t thread;
	struct store_sqlite_options options;
	uint32_t first;
	uint32_t made;
	struct err last;
};

static struct err rival_create(const struct kms_catalog *catalog, uint32_t n)
{
	struct kms_alias alias = sample_alias(n, 1);
	struct kms_outbox_record record = sample_record(10000 + n);
	return catalog->ops->alias_create(catalog->self, &alias, &record);
}

static void *rival_run(void *user)
{
	struct rival *rival = user;
	CLEANUP(store_sqlite_close) struct store_sqlite *store = NULL;
	rival->last = store_sqlite_open(&rival->options, &store);
	struct kms_catalog catalog = store_sqlite_catalog(store);
	while (!err_failed(rival->last)) {
		rival->last = rival_create(&catalog, rival->first + rival->made);
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
	assert_int_equal(rivals[0].made + rivals[1].made, KMS_ALIASES_MAX);
	assert_int_equal(alias_count(f), KMS_ALIASES_MAX);
}

static void test_sealer_away_stores_and_tells_nothing(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(7, 1);
	struct kms_alias_page page = {0};
	assert_ok(create(f, 7, 1));
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(create(f, 8, 1), E_HSM_AWAY);
	assert_err(erase(f, &alias, 100), E_HSM_AWAY);
	assert_err(load(f, alias.name, &alias), E_HSM_AWAY);
	assert_err(list(f, NULL, VIEW_NONE, 10, &page), E_HSM_AWAY);
	assert_null(page.aliases);
	alias.revision = 2;
	assert_err(update(f, &alias, 100), E_HSM_AWAY);
	assert_int_equal(alias_count(f), 1);
}

static void test_each_call_asks_the_token_once(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias;
	struct kms_alias_page page = {0};
	f->seal_calls = 0;
	assert_ok(create(f, 7, 1));
	assert_int_equal(f->seal_calls, 1);
	assert_ok(load(f, "alias/sample-0007", &alias));
	assert_int_equal(f->seal_calls, 2);
	assert_ok(list(f, NULL, VIEW_NONE, 10, &page));
	assert_int_equal(f->seal_calls, 3);
	mem_free(page.aliases);
}

static void assert_page(const struct kms_alias_page *page, const char *const *names, size_t count,
			bool more)
{
	assert_int_equal(page->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(page->aliases[i].name, names[i]);
	assert_int_equal(page->more, more);
	mem_free(page->aliases);
}

static void test_list_is_in_order_of_bytes(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"alias/-", "alias/0", "alias/A",   "alias/Z",
					    "alias/_", "alias/a", "alias/a/b", "alias/aa"};
	struct kms_alias_page page = {0};
	for (size_t i = ARRAY_LEN(names); i > 0; i--) {
		struct kms_alias alias = sample_alias(1, 1 + i % 2);
		struct kms_outbox_record record = sample_record(100 + (uint32_t)i);
		assert_ok(text_copy(alias.name, sizeof alias.name, view_of_text(names[i - 1])));
		assert_ok(OPS(f)->alias_create(SELF(f), &alias, &record));
	}
	assert_ok(list(f, NULL, VIEW_NONE, 100, &page));
	assert_page(&page, names, ARRAY_LEN(names), false);
	assert_ok(list(f, NULL, VIEW_NONE, 3, &page));
	assert_page(&page, names, 3, true);
	assert_ok(list(f, NULL, view_of_text(names[2]), 5, &page));
	assert_page(&page, names + 3, 5, false);
	/* Behind a name that is not there (any more). */
	assert_ok(list(f, NULL, VIEW_LITERAL("alias/B"), 2, &page));
	assert_page(&page, names + 3, 2, true);
}

static void test_list_of_one_key(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id ids[] = {sample_id(1), sample_id(2), sample_id(3)};
	struct kms_alias_page page = {0};
	for (uint32_t n = 0; n < 9; n++)
		assert_ok(create(f, n, 1 + n % 2));
	assert_ok(list(f, &ids[1], VIEW_NONE, 10, &page));
	assert_page(&page,
		    (const char *const[]){"alias/sample-0001", "alias/sample-0003",
					  "alias/sample-0005", "alias/sample-0007"},
		    4, false);
	assert_ok(list(f, &ids[0], VIEW_LITERAL("alias/sample-0002"), 2, &page));
	assert_page(&page, (const char *const[]){"alias/sample-0004", "alias/sample-0006"}, 2,
		    true);
	assert_ok(list(f, &ids[2], VIEW_NONE, 10, &page));
	assert_page(&page, NULL, 0, false);
	ids[0].multi_region = true;
	assert_ok(list(f, &ids[0], VIEW_NONE, 10, &page));
	assert_page(&page, NULL, 0, false);
}

static void test_list_is_of_one_account_and_region(void **state)
{
	struct fixture *f = *state;
	static const struct kms_scope others[] = {{"aws", "eu-test-1", "210987654321"},
						  {"aws", "eu-test-2", "123456789012"}};
	struct kms_key_id id = sample_id(1);
	struct kms_alias_page page = {0};
	assert_ok(create(f, 7, 1));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct kms_page_query query = {&others[i], NULL, VIEW_NONE, 10};
		assert_ok(OPS(f)->alias_list(SELF(f), &query, &page));
		assert_page(&page, NULL, 0, false);
		query.key_id = &id;
		assert_ok(OPS(f)->alias_list(SELF(f), &query, &page));
		assert_page(&page, NULL, 0, false);
	}
	assert_err(list(f, NULL, VIEW_NONE, 0, &page), E_BOUNDS);
	assert_err(list(f, NULL, VIEW_NONE, 1001, &page), E_BOUNDS);
}

/* Pages through `key_id`'s list, and changes aliases all around the place it has come to. */
static void page_under_changes(struct fixture *f, const struct kms_key_id *key_id)
{
	struct view after = VIEW_NONE;
	struct kms_alias_page page = {0};
	struct kms_alias last;
	uint32_t event = 20000;
	uint32_t stable = 0;
	for (bool more = true; more; event += 10) {
		assert_ok(list(f, key_id, after, 7, &page));
		for (size_t i = 0; i < page.count; i++) {
			struct kms_alias wanted = sample_alias(2 * stable, 1);
			/* Odd ones come and go; even ones stay, each told once and in order. */
			if (page.aliases[i].name[strlen(wanted.name) - 1] % 2 == 0)
				assert_string_equal(page.aliases[i].name, wanted.name);
			stable += page.aliases[i].name[strlen(wanted.name) - 1] % 2 == 0;
		}
		last = page.aliases[page.count - 1];
		more = page.more;
		mem_free(page.aliases);
		after = view_of_text(last.name);
		for (uint32_t n = 1; n < 50; n += 10) {
			struct kms_alias odd = sample_alias(n + 2 * (event / 10 % 5), 1);
			struct kms_outbox_record record = sample_record(event + n / 10);
			struct err e = OPS(f)->alias_create(SELF(f), &odd, &record);
			if (err_is(e, E_EXISTS))
				e = erase(f, &odd, event + n / 10);
			assert_ok(e);
		}
	}
	assert_int_equal(stable, 25);
}

static void test_what_stays_is_told_once_whatever_changes(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id id = sample_id(1);
	for (uint32_t n = 0; n < 50; n += 2)
		assert_ok(create(f, n, 1));
	page_under_changes(f, NULL);
	fixture_sql(f, "DELETE FROM outbox; DELETE FROM aliases WHERE name GLOB '*[13579]'");
	page_under_changes(f, &id);
}

/* Behind the page's last name it goes on, even when that alias went to another key meanwhile. */
static void test_the_last_of_a_page_may_go(void **state)
{
	struct fixture *f = *state;
	struct kms_alias_page page = {0};
	for (uint32_t n = 0; n < 4; n++)
		assert_ok(create(f, n, 1));
	struct kms_alias last = sample_alias(1, 1);
	assert_ok(erase(f, &last, 100));
	assert_ok(list(f, NULL, view_of_text(last.name), 10, &page));
	assert_page(&page, (const char *const[]){"alias/sample-0002", "alias/sample-0003"}, 2,
		    false);
}

/* No row is stepped over, and none is sorted. */
static void test_the_list_of_one_key_uses_its_index(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id id = sample_id(1);
	struct kms_alias_page page = {0};
	struct sqlite_reader reader;
	for (uint32_t n = 0; n < 5; n++)
		assert_ok(create(f, n, 1));
	assert_ok(list(f, &id, VIEW_NONE, 3, &page));
	mem_free(page.aliases);
	/* The connection that was lent last is the next to be lent. */
	sqlite_reader_acquire(&f->store->readers, &reader);
	sqlite3_stmt *used = reader.connection->statements[SQL_ALIAS_OF_KEY];
	assert_non_null(used);
	assert_int_equal(sqlite3_stmt_status(used, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0);
	assert_int_equal(sqlite3_stmt_status(used, SQLITE_STMTSTATUS_SORT, 0), 0);
	sqlite_reader_release(&reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_created_alias_is_loaded_as_given),
		TEST(test_longest_name),
		TEST(test_alias_survives_reopening),
		TEST(test_alias_of_a_multi_region_key),
		TEST(test_name_that_is_there_exists),
		TEST(test_name_that_is_there_exists_even_of_a_full_key),
		TEST(test_names_differ_in_case_account_and_region),
		TEST(test_alias_needs_its_key),
		TEST(test_malformed_alias_is_not_stored),
		TEST(test_change_and_record_are_one_transaction),
		TEST(test_update_needs_the_next_revision),
		TEST(test_update_of_an_alias_made_again_conflicts),
		TEST(test_update_needs_alias_and_key),
		TEST(test_delete_takes_what_was_seen_only),
		TEST(test_delete_leaves_a_tampered_row),
		TEST(test_a_key_has_so_many_aliases),
		TEST(test_the_limit_holds_under_two_writers),
		TEST(test_sealer_away_stores_and_tells_nothing),
		TEST(test_each_call_asks_the_token_once),
		TEST(test_list_is_in_order_of_bytes),
		TEST(test_list_of_one_key),
		TEST(test_list_is_of_one_account_and_region),
		TEST(test_what_stays_is_told_once_whatever_changes),
		TEST(test_the_last_of_a_page_may_go),
		TEST(test_the_list_of_one_key_uses_its_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
