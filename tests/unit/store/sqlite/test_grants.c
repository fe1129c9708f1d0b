/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: under the quota of their key, removed as they were seen, listed, and all of one key. */
#include "../fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

#define OPS(f) ((f)->grants.ops)
#define SELF(f) ((f)->grants.self)

static int setup(void **state)
{
	(void)fixture_setup(state);
	assert_ok(sample_create(*state, 1));
	assert_ok(sample_create(*state, 2));
	fixture_sql(*state, "DELETE FROM outbox");
	return 0;
}

static struct err create(struct fixture *f, const struct kms_grant *grant)
{
	static uint32_t event;
	struct kms_outbox_record record = sample_record(0x1000 + event++);
	return OPS(f)->create(SELF(f), grant, &record);
}

static struct err remove_grant(struct fixture *f, const struct kms_grant *grant)
{
	static uint32_t event;
	struct kms_outbox_record record = sample_record(0x2000 + event++);
	return OPS(f)->remove(SELF(f), grant, &record);
}

static struct err load(struct fixture *f, const struct kms_grant *of, struct kms_grant *out)
{
	return OPS(f)->load(SELF(f), &of->scope, &of->key_id, view_of_text(of->id), out);
}

static struct err look(struct fixture *f, const struct kms_grant *of)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	return load(f, of, &grant);
}

static void assert_same(const struct kms_grant *a, const struct kms_grant *b)
{
	assert_string_equal(a->scope.partition, b->scope.partition);
	assert_string_equal(a->scope.region, b->scope.region);
	assert_string_equal(a->scope.account, b->scope.account);
	assert_true(kms_key_id_equal(&a->key_id, &b->key_id));
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->grantee, b->grantee);
	assert_string_equal(a->grantee_id, b->grantee_id);
	assert_string_equal(a->retiring, b->retiring);
	assert_string_equal(a->retiring_id, b->retiring_id);
	assert_string_equal(a->issuer, b->issuer);
	assert_int_equal(a->operations, b->operations);
	assert_int_equal(a->constraint, b->constraint);
	assert_true(view_equal(a->context, b->context));
	assert_int_equal(a->created_ms, b->created_ms);
	assert_memory_equal(a->likeness, b->likeness, KMS_GRANT_LIKENESS_LEN);
}

static void test_grant_is_loaded_as_made(void **state)
{
	struct fixture *f = *state;
	struct kms_grant given = sample_grant(1, 1);
	CLEANUP(kms_grant_cleanup) struct kms_grant by_id = {0};
	CLEANUP(kms_grant_cleanup) struct kms_grant by_likeness = {0};
	assert_err(look(f, &given), E_NOT_FOUND);
	assert_ok(create(f, &given));
	assert_ok(load(f, &given, &by_id));
	assert_ok(OPS(f)->find(SELF(f), &given.scope, &given.key_id, given.likeness, &by_likeness));
	assert_same(&by_id, &given);
	assert_same(&by_likeness, &given);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void test_grant_without_what_may_be_left_out(void **state)
{
	struct fixture *f = *state;
	struct kms_grant given = sample_grant(1, 1);
	CLEANUP(kms_grant_cleanup) struct kms_grant read = {0};
	given.name[0] = given.grantee_id[0] = given.retiring[0] = given.retiring_id[0] = '\0';
	given.constraint = KMS_GRANT_UNCONSTRAINED;
	given.context = VIEW_NONE;
	assert_ok(create(f, &given));
	assert_ok(load(f, &given, &read));
	assert_same(&read, &given);
}

static void test_grant_is_found_on_its_key_alone(void **state)
{
	struct fixture *f = *state;
	struct kms_grant given = sample_grant(1, 1);
	struct kms_grant other = given;
	assert_ok(create(f, &given));
	other.key_id = sample_id(2);
	assert_err(look(f, &other), E_NOT_FOUND);
	other.key_id = given.key_id;
	other.key_id.multi_region = true;
	assert_err(look(f, &other), E_NOT_FOUND);
	other = given;
	other.scope.account[0] = '9';
	assert_err(look(f, &other), E_NOT_FOUND);
	other = given;
	assert_ok(text_copy(other.scope.partition, sizeof other.scope.partition,
			    VIEW_LITERAL("aws-cn")));
	assert_err(look(f, &other), E_NOT_FOUND);
}

static void test_grant_wants_its_key(void **state)
{
	struct fixture *f = *state;
	struct kms_grant grant = sample_grant(1, 3);
	assert_err(create(f, &grant), E_NOT_FOUND);
	grant = sample_grant(1, 1);
	grant.key_id.multi_region = true;
	assert_err(create(f, &grant), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 0);
}

static void test_likeness_is_there_once_on_a_key(void **state)
{
	struct fixture *f = *state;
	struct kms_grant one = sample_grant(1, 1);
	struct kms_grant like = sample_grant(2, 1);
	struct kms_grant of_other_key = sample_grant(3, 2);
	mem_copy(like.likeness, sizeof like.likeness, one.likeness, sizeof one.likeness);
	mem_copy(of_other_key.likeness, sizeof like.likeness, one.likeness, sizeof one.likeness);
	assert_ok(create(f, &one));
	assert_err(create(f, &like), E_EXISTS);
	assert_ok(create(f, &of_other_key));
	assert_err(create(f, &one), E_EXISTS);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
	assert_int_equal(fixture_ask(f, "SELECT sum(grants) FROM grant_counts"), 2);
}

static void test_what_is_no_grant_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct kms_grant grant = sample_grant(1, 1);
	grant.operations = KMS_GRANT_ALL + 1;
	assert_err(create(f, &grant), E_BUG);
	grant = sample_grant(1, 1);
	grant.id[0] = 'x';
	assert_err(create(f, &grant), E_BUG);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM grants"), 0);
}

static void test_remove_wants_it_as_it_was_seen(void **state)
{
	struct fixture *f = *state;
	struct kms_grant grant = sample_grant(1, 1);
	struct kms_grant other = grant;
	assert_ok(create(f, &grant));
	other.operations = KMS_GRANT_DECRYPT;
	assert_err(remove_grant(f, &other), E_NOT_FOUND);
	assert_ok(look(f, &grant));
	assert_ok(remove_grant(f, &grant));
	assert_err(look(f, &grant), E_NOT_FOUND);
	assert_err(remove_grant(f, &grant), E_NOT_FOUND);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 2);
	assert_int_equal(fixture_ask(f, "SELECT sum(grants) FROM grant_counts"), 0);
	assert_ok(create(f, &grant));
}

static void test_quota_of_a_key_is_kept(void **state)
{
	struct fixture *f = *state;
	struct kms_grant grants[] = {sample_grant(1, 1), sample_grant(2, 1), sample_grant(3, 1),
				     sample_grant(4, 2)};
	assert_ok(create(f, &grants[0]));
	fixture_sql(f, "UPDATE grant_counts SET grants=49999");
	assert_ok(create(f, &grants[1]));
	assert_err(create(f, &grants[2]), E_KMS_LIMIT);
	assert_err(look(f, &grants[2]), E_NOT_FOUND);
	assert_err(create(f, &grants[1]), E_EXISTS); /* what is there is told first */
	assert_ok(create(f, &grants[3]));
	assert_ok(remove_grant(f, &grants[0]));
	assert_ok(create(f, &grants[2]));
}

static void test_key_does_not_go_without_its_grants(void **state)
{
	struct fixture *f = *state;
	struct kms_grant grant = sample_grant(1, 1);
	assert_ok(create(f, &grant));
	sqlite3 *db = f->store->writer->db;
	assert_int_equal(
		sqlite3_exec(db, "DELETE FROM versions; DELETE FROM keys", NULL, NULL, NULL),
		SQLITE_CONSTRAINT_FOREIGNKEY);
}

/* ---- lists ---- */

static void fill(struct fixture *f, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++) {
		struct kms_grant grant = sample_grant(n, 1 + n % 2);
		assert_ok(create(f, &grant));
	}
}

/* Grants of key 1 with a context of 1,800 bytes. */
static void fill_large(struct fixture *f, uint32_t count)
{
	enum { LENGTH = 110 };
	static uint8_t context[2 + 2 * KMS_GRANT_PAIRS_MAX * (2 + LENGTH)];
	struct writer w;
	writer_init(&w, context, sizeof context);
	writer_u16(&w, KMS_GRANT_PAIRS_MAX);
	for (uint8_t text = 0; text < 2 * KMS_GRANT_PAIRS_MAX; text++) {
		writer_u16(&w, LENGTH);
		for (size_t i = 0; i < LENGTH; i++)
			writer_u8(&w, 'a' + text);
	}
	assert_ok(writer_end(&w));
	assert_int_equal(
		sqlite3_exec(f->store->writer->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL),
		SQLITE_OK);
	for (uint32_t n = 0; n < count; n++) {
		struct kms_grant grant = sample_grant(n, 1);
		grant.context = VIEW_ARRAY(context);
		assert_ok(create(f, &grant));
	}
}

static size_t walk(struct fixture *f, struct kms_grant_query query)
{
	char last[KMS_GRANT_ID_LEN + 1] = "";
	size_t count = 0;
	for (bool more = true; more;) {
		CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
		query.after = view_of_text(last);
		assert_ok(OPS(f)->list(SELF(f), &query, &page));
		assert_true(page.count == query.limit || !page.more);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(strcmp(last, page.grants[i].id) < 0);
			assert_true(kms_key_id_equal(&page.grants[i].key_id, query.key_id));
			assert_ok(text_copy(last, sizeof last, view_of_text(page.grants[i].id)));
		}
		count += page.count;
		more = page.more;
	}
	return count;
}

static void test_lists_are_in_order_and_whole(void **state)
{
	struct fixture *f = *state;
	static const size_t limits[] = {1, 7, 34, 35, 36, KMS_GRANT_PAGE_MAX};
	struct kms_key_id id = sample_id(1);
	struct kms_grant_query query = {.scope = &sample_scope, .key_id = &id};
	fill(f, 70);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		query.limit = limits[i];
		query.grantee = VIEW_NONE;
		assert_int_equal(walk(f, query), 35);
		query.grantee = VIEW_LITERAL("arn:aws:iam::123456789012:user/user-3");
		assert_int_equal(walk(f, query), 5);
		query.grantee = VIEW_LITERAL("arn:aws:iam::123456789012:user/user-9");
		assert_int_equal(walk(f, query), 0);
	}
}

static void test_limits_of_a_page_are_kept(void **state)
{
	struct fixture *f = *state;
	struct kms_grant_page page;
	struct kms_key_id id = sample_id(1);
	struct kms_grant_query query = {.scope = &sample_scope, .key_id = &id};
	assert_err(OPS(f)->list(SELF(f), &query, &page), E_BOUNDS);
	query.limit = KMS_GRANT_PAGE_MAX + 1;
	assert_err(OPS(f)->list(SELF(f), &query, &page), E_BOUNDS);
}

/* More than one batch of the store can hold. */
static void test_large_grants_are_listed(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 300 };
	struct kms_key_id id = sample_id(1);
	struct kms_grant_query query = {.scope = &sample_scope, .key_id = &id, .limit = COUNT - 1};
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	fill_large(f, COUNT);
	assert_ok(OPS(f)->list(SELF(f), &query, &page));
	assert_int_equal(page.count, COUNT - 1);
	assert_true(page.more);
}

static size_t walk_retirable(struct fixture *f, struct kms_retirable_query query)
{
	struct kms_key_id last_key = {0};
	char last[KMS_GRANT_ID_LEN + 1] = "";
	size_t count = 0;
	for (bool more = true; more;) {
		CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
		query.after = view_of_text(last);
		query.after_key = count > 0 ? &last_key : NULL;
		assert_ok(OPS(f)->list_retirable(SELF(f), &query, &page));
		for (size_t i = 0; i < page.count; i++) {
			const struct kms_grant *grant = &page.grants[i];
			int order = mem_compare(last_key.bytes, grant->key_id.bytes, 16);
			assert_true(order < 0 || (order == 0 && strcmp(last, grant->id) < 0));
			assert_true(view_equal_text(query.retiring, grant->retiring));
			last_key = grant->key_id;
			assert_ok(text_copy(last, sizeof last, view_of_text(grant->id)));
		}
		count += page.count;
		more = page.more;
	}
	return count;
}

static void test_retirable_grants_of_all_keys_are_listed(void **state)
{
	struct fixture *f = *state;
	static const size_t limits[] = {1, 3, 13, 14, 15, KMS_GRANT_PAGE_MAX};
	struct kms_retirable_query query = {.region = VIEW_LITERAL("eu-test-1")};
	struct kms_grant without = sample_grant(1000, 1);
	without.retiring[0] = without.retiring_id[0] = '\0';
	fill(f, 70);
	assert_ok(create(f, &without));
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		query.limit = limits[i];
		query.retiring = VIEW_LITERAL("arn:aws:iam::123456789012:user/user-3");
		assert_int_equal(walk_retirable(f, query), 14);
		query.retiring = VIEW_NONE;
		assert_int_equal(walk_retirable(f, query), 0);
	}
	query.region = VIEW_LITERAL("eu-test-2");
	query.retiring = VIEW_LITERAL("arn:aws:iam::123456789012:user/user-3");
	assert_int_equal(walk_retirable(f, query), 0);
}

/* ---- all of one key ---- */

struct seen {
	struct fixture *f;
	size_t count;
	size_t fail_at;
	bool write;
};

static struct err see(void *user, const struct kms_grant *grant)
{
	struct seen *seen = user;
	struct kms_key_id id = sample_id(1);
	REQUIRE(kms_key_id_equal(&grant->key_id, &id), E_BUG);
	seen->count++;
	if (seen->write && seen->count == 1) {
		struct kms_grant more = sample_grant(90000, 1);
		TRY(create(seen->f, &more));
	}
	REQUIRE(seen->fail_at != seen->count, E_SYSTEM);
	return OK;
}

static struct err each(struct fixture *f, struct seen *seen)
{
	struct kms_key_id id = sample_id(1);
	return OPS(f)->each(SELF(f), &sample_scope, &id, see, seen);
}

static void test_each_shows_all_of_one_key(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.f = f};
	assert_ok(each(f, &seen));
	assert_int_equal(seen.count, 0);
	fill(f, 60);
	assert_ok(each(f, &seen));
	assert_int_equal(seen.count, 30);
	seen = (struct seen){.fail_at = 4};
	assert_err(each(f, &seen), E_SYSTEM);
	assert_int_equal(seen.count, 4);
}

/* Several batches, of one moment: what is written meanwhile is not among them. */
static void test_each_is_of_one_moment(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.f = f, .write = true};
	fill_large(f, 1500);
	f->seal_calls = 0;
	assert_ok(each(f, &seen));
	assert_int_equal(seen.count, 1500);
	assert_true(f->seal_calls > 2);
	seen = (struct seen){.f = f};
	assert_ok(each(f, &seen));
	assert_int_equal(seen.count, 1501);
}

static void test_each_shows_nothing_of_a_batch_with_a_changed_row(void **state)
{
	struct fixture *f = *state;
	struct seen seen = {.f = f};
	fill(f, 60);
	fixture_sql(f, "UPDATE grants SET operations=operations+4 WHERE grant_id="
		       "(SELECT max(grant_id) FROM grants WHERE substr(key_id,16)=x'01')");
	assert_err(each(f, &seen), E_STORE_SEAL);
	assert_int_equal(seen.count, 0);
	f->seal_failure = ERR(E_HSM_AWAY);
	assert_err(each(f, &seen), E_HSM_AWAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_grant_is_loaded_as_made),
		TEST(test_grant_without_what_may_be_left_out),
		TEST(test_grant_is_found_on_its_key_alone),
		TEST(test_grant_wants_its_key),
		TEST(test_likeness_is_there_once_on_a_key),
		TEST(test_what_is_no_grant_is_not_stored),
		TEST(test_remove_wants_it_as_it_was_seen),
		TEST(test_quota_of_a_key_is_kept),
		TEST(test_key_does_not_go_without_its_grants),
		TEST(test_lists_are_in_order_and_whole),
		TEST(test_limits_of_a_page_are_kept),
		TEST(test_large_grants_are_listed),
		TEST(test_retirable_grants_of_all_keys_are_listed),
		TEST(test_each_shows_all_of_one_key),
		TEST(test_each_is_of_one_moment),
		TEST(test_each_shows_nothing_of_a_batch_with_a_changed_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
