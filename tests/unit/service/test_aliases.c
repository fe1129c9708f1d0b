/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases in memory, over a catalog that counts and may change underneath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/aliases.h"

#define ALIASES_MAX 4

static const struct kms_scope home = {"aws", "us-east-1", "111122223333"};
static const struct kms_scope other = {"aws", "us-east-1", "444455556666"};

static struct err look_up(struct aliases *aliases, const char *name, bool may_block,
			  struct kms_key_id *out)
{
	const struct aliases_name alias = {&home, view_of_text(name)};
	return aliases_find(aliases, &alias, may_block, out);
}

static void drop(struct aliases *aliases, const char *name)
{
	const struct aliases_name alias = {&home, view_of_text(name)};
	aliases_drop(aliases, &alias);
}

static struct {
	atomic_uint loads;
	atomic_uchar target;    /* first byte of the id of the key that every alias stands for */
	struct aliases *racing; /* while a load is under way, the alias is moved from its row */
	unsigned races;         /* how often still */
	bool broken;            /* hands out another alias than the one asked for */
} catalog;

static struct err alias_load(UNUSED void *self, const struct kms_scope *scope, struct view name,
			     struct kms_alias *out)
{
	atomic_fetch_add(&catalog.loads, 1);
	REQUIRE(!view_starts_with(name, VIEW_LITERAL("alias/none")), E_NOT_FOUND);
	*out = (struct kms_alias){.scope = *scope, .revision = 1};
	out->key_id.bytes[0] = atomic_load(&catalog.target);
	if (catalog.races > 0) {
		catalog.races--;
		atomic_fetch_add(&catalog.target, 1); /* committed after this load read its row */
		aliases_drop(catalog.racing, &(const struct aliases_name){scope, name});
	}
	return text_copy(out->name, sizeof out->name,
			 catalog.broken ? VIEW_LITERAL("alias/another") : name);
}

static const struct kms_catalog_ops ops = {.alias_load = alias_load};

static int set_up(void **state)
{
	const struct aliases_options options = {.catalog = {.ops = &ops},
						.aliases_max = ALIASES_MAX};
	atomic_store(&catalog.loads, 0);
	atomic_store(&catalog.target, 1);
	catalog.races = 0;
	catalog.broken = false;
	struct err e = aliases_new(&options, (struct aliases **)state);
	catalog.racing = *state;
	return err_failed(e) ? -1 : 0;
}

static int tear_down(void **state)
{
	aliases_free((struct aliases **)state);
	return 0;
}

/* The first byte of the key's id. */
static uint8_t find(struct aliases *aliases, const char *name)
{
	struct kms_key_id id = {{0}, false};
	assert_int_equal(look_up(aliases, name, true, &id).code, E_OK);
	return id.bytes[0];
}

static bool is_kept(struct aliases *aliases, const char *name)
{
	struct kms_key_id id;
	struct err e = look_up(aliases, name, false, &id);
	assert_true(!err_failed(e) || err_is(e, E_WOULD_BLOCK));
	return !err_failed(e);
}

static void test_an_alias_is_loaded_once_and_only_where_blocking_is_allowed(void **state)
{
	assert_false(is_kept(*state, "alias/a"));
	assert_int_equal(atomic_load(&catalog.loads), 0);
	assert_int_equal(find(*state, "alias/a"), 1);
	assert_int_equal(find(*state, "alias/a"), 1);
	assert_int_equal(atomic_load(&catalog.loads), 1);
	assert_true(is_kept(*state, "alias/a"));
	assert_false(is_kept(*state, "alias/A"));
	assert_false(is_kept(*state, "alias/a/"));
}

static void test_a_moved_alias_is_read_again(void **state)
{
	assert_int_equal(find(*state, "alias/a"), 1);
	assert_int_equal(find(*state, "alias/b"), 1);
	atomic_store(&catalog.target, 7);
	assert_int_equal(find(*state, "alias/a"), 1); /* nobody has said so yet */
	drop(*state, "alias/a");
	assert_int_equal(find(*state, "alias/a"), 7);
	assert_int_equal(find(*state, "alias/b"), 1);
	aliases_drop_all(*state);
	assert_int_equal(aliases_count(*state), 0);
	assert_int_equal(find(*state, "alias/b"), 7);
}

/* What was read before a commit must not be kept, nor answered, when there is newer. */
static void test_a_lookup_that_raced_a_change_does_not_bring_the_old_key_back(void **state)
{
	catalog.races = 1;
	assert_int_equal(find(*state, "alias/a"), 2);
	assert_int_equal(atomic_load(&catalog.loads), 2);
	assert_int_equal(find(*state, "alias/a"), 2);
	assert_int_equal(atomic_load(&catalog.loads), 2);
}

static void test_under_endless_changes_nothing_is_kept(void **state)
{
	catalog.races = 1000;
	(void)find(*state, "alias/a");
	assert_true(atomic_load(&catalog.loads) < 10);
	assert_int_equal(aliases_count(*state), 0);
}

static void test_the_longest_unused_alias_goes_first(void **state)
{
	static const char *const names[] = {"alias/1", "alias/2", "alias/3", "alias/4"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)find(*state, names[i]);
	(void)find(*state, "alias/1");
	(void)find(*state, "alias/5");
	assert_int_equal(aliases_count(*state), ALIASES_MAX);
	assert_true(is_kept(*state, "alias/1"));
	assert_false(is_kept(*state, "alias/2"));
	assert_true(is_kept(*state, "alias/5"));
}

static void test_names_that_are_no_alias_fill_nothing(void **state)
{
	(void)find(*state, "alias/a");
	for (unsigned i = 0; i < 100; i++) {
		char name[32];
		struct kms_key_id id;
		assert_int_equal(text_format(name, sizeof name, "alias/none%u", i).code, E_OK);
		assert_int_equal(look_up(*state, name, true, &id).code, E_NOT_FOUND);
	}
	assert_int_equal(aliases_count(*state), 1);
	assert_true(is_kept(*state, "alias/a"));
}

/* Two accounts may have an alias of one name. */
static void test_accounts_do_not_share_aliases(void **state)
{
	const struct aliases_name theirs = {&other, VIEW_LITERAL("alias/a")};
	struct kms_key_id id;
	assert_int_equal(find(*state, "alias/a"), 1);
	atomic_store(&catalog.target, 7);
	assert_int_equal(aliases_find(*state, &theirs, false, &id).code, E_WOULD_BLOCK);
	assert_int_equal(aliases_find(*state, &theirs, true, &id).code, E_OK);
	assert_int_equal(id.bytes[0], 7);
	assert_int_equal(find(*state, "alias/a"), 1);
	aliases_drop(*state, &theirs);
	assert_true(is_kept(*state, "alias/a"));
}

static void test_a_catalog_that_answers_with_another_alias_is_not_believed(void **state)
{
	struct kms_key_id id;
	catalog.broken = true;
	assert_int_equal(look_up(*state, "alias/a", true, &id).code, E_BUG);
	assert_int_equal(aliases_count(*state), 0);
}

/* --- many threads: readers must never see a key that was left before their lookup began --- */

#define READERS 3
#define MOVES 200

static atomic_bool done;
static atomic_uint stale;
static atomic_uchar answered; /* the key that the last finished move put there */

static void *read_on(void *arg)
{
	while (!atomic_load(&done)) {
		uint8_t least = atomic_load(&answered);
		struct kms_key_id id;
		if (err_failed(look_up(arg, "alias/a", true, &id)) || id.bytes[0] < least)
			atomic_fetch_add(&stale, 1);
	}
	return NULL;
}

static void test_no_reader_sees_a_key_that_was_left_before_it_asked(void **state)
{
	pthread_t threads[READERS];
	atomic_store(&done, false);
	atomic_store(&stale, 0);
	atomic_store(&answered, 1);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, *state), 0);
	for (unsigned char to = 2; to < MOVES; to++) {
		atomic_store(&catalog.target, to); /* commit */
		drop(*state, "alias/a");           /* then drop, then reply */
		atomic_store(&answered, to);
		if (to % 8 == 0)
			(void)sched_yield();
	}
	atomic_store(&done, true);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&stale), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_alias_is_loaded_once_and_only_where_blocking_is_allowed),
		TEST(test_a_moved_alias_is_read_again),
		TEST(test_a_lookup_that_raced_a_change_does_not_bring_the_old_key_back),
		TEST(test_under_endless_changes_nothing_is_kept),
		TEST(test_the_longest_unused_alias_goes_first),
		TEST(test_accounts_do_not_share_aliases),
		TEST(test_names_that_are_no_alias_fill_nothing),
		TEST(test_a_catalog_that_answers_with_another_alias_is_not_believed),
		TEST(test_no_reader_sees_a_key_that_was_left_before_it_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
