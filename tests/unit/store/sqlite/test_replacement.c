/* SPDX-License-Identifier: Apache-2.0 */
/* One store in the place of another: whatever ends the process, one of the two is there, whole. */
#include "../fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/replacement.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

/* --- a process that ends at the n-th call that changes a name --- */

static unsigned end_at, calls; /* 0: never */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);

static void may_end(void)
{
	if (end_at != 0 && ++calls == end_at)
		_exit(0);
}

int __wrap_rename(const char *from, const char *to)
{
	may_end();
	return __real_rename(from, to);
}

int __wrap_link(const char *from, const char *to)
{
	may_end();
	return __real_link(from, to);
}

int __wrap_unlink(const char *path)
{
	may_end();
	return __real_unlink(path);
}

/* --- two stores --- */

struct places {
	char copy[128], kept[128], log[128];
};

static struct places places_of(const struct fixture *f)
{
	struct places p;
	assert_ok(text_format(p.copy, sizeof p.copy, "%s" REPLACEMENT_SUFFIX, f->path));
	assert_ok(text_format(p.kept, sizeof p.kept, "%s" REPLACEMENT_KEPT_SUFFIX "1", f->path));
	assert_ok(text_format(p.log, sizeof p.log, "%s-wal", f->path));
	return p;
}

static bool there(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0;
}

static bool has_key(struct fixture *f, uint32_t n)
{
	struct kms_key_id id = sample_id(n);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	return !err_failed(OPS(f)->key_load(SELF(f), &sample_scope, &id, &full));
}

/* The process that had the store was killed: all of it is in the write-ahead log. */
static void make_killed(struct fixture *f, uint32_t n)
{
	fixture_close(f);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_sqlite_options options = fixture_options(f);
		bool made = !err_failed(store_sqlite_open(&options, &f->store));
		f->keys = store_sqlite_keys(f->store);
		_exit(made && !err_failed(sample_create(f, n)) ? 0 : 1);
	}
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* The store has key 1, and the copy keys 1 and 2; both are closed. */
static void make_both(struct fixture *f)
{
	const struct places p = places_of(f);
	char path[sizeof f->path];
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	assert_ok(store_replacement_copy(f->path, p.copy, f->path));
	assert_ok(text_copy(path, sizeof path, view_of_text(f->path)));
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(p.copy)));
	fixture_open(f);
	assert_ok(sample_create(f, 2));
	fixture_close(f);
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(path)));
}

/* --- copies --- */

static void test_a_copy_has_what_the_log_of_a_killed_process_holds(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	struct stat status;
	make_killed(f, 1);
	assert_true(there(p.log));
	assert_ok(store_replacement_copy(f->path, p.copy, f->path));
	assert_int_equal(stat(p.copy, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	fixture_open(f);
	assert_true(has_key(f, 1));
}

static void test_a_copy_replaces_what_was_left_there(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	FILE *old = fopen(p.copy, "w");
	assert_non_null(old);
	assert_true(fputs("left by a killed process", old) >= 0);
	assert_int_equal(fclose(old), 0);
	assert_ok(store_replacement_copy(f->path, p.copy, f->path));
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	fixture_open(f);
	assert_true(has_key(f, 1));
}

static void test_there_must_be_something_to_copy(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	assert_err(store_replacement_copy("/nowhere/store.db", p.copy, f->path), E_NOT_FOUND);
	assert_false(there(p.copy));
}

static void test_nothing_is_left_of_a_copy_that_is_removed(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	char log[160];
	make_killed(f, 1);
	assert_ok(store_replacement_copy(f->path, p.copy, f->path));
	assert_ok(text_format(log, sizeof log, "%s-wal", p.copy));
	assert_true(there(log));
	store_replacement_remove(p.copy);
	assert_false(there(p.copy) || there(log));
}

/* --- in its place --- */

static void test_the_store_that_was_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	char path[sizeof f->path];
	make_both(f);
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	assert_false(there(p.copy));
	assert_ok(text_copy(path, sizeof path, view_of_text(f->path)));
	fixture_open(f);
	assert_true(has_key(f, 1) && has_key(f, 2));
	fixture_close(f);
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(p.kept)));
	fixture_open(f);
	assert_true(has_key(f, 1) && !has_key(f, 2));
	fixture_close(f);
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(path)));
}

/* The log of the store that was must not be applied to the one that shall be. */
static void test_a_log_stays_with_its_file(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	make_both(f);
	make_killed(f, 3);
	assert_true(there(p.log));
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	fixture_open(f);
	assert_true(has_key(f, 2) && !has_key(f, 3));
}

static void test_a_store_that_is_damaged_is_kept_as_it_is(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	char log[160];
	make_both(f);
	make_killed(f, 3);
	FILE *damaged = fopen(f->path, "r+");
	assert_non_null(damaged);
	assert_true(fputs("this is no store", damaged) >= 0);
	assert_int_equal(fclose(damaged), 0);
	assert_int_equal(truncate(p.log, 100), 0);
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	assert_ok(text_format(log, sizeof log, "%s-wal", p.kept));
	assert_true(there(p.kept) && there(log));
	fixture_open(f);
	assert_true(has_key(f, 2));
}

static void test_a_store_that_was_lost_is_no_hindrance(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	make_both(f);
	assert_int_equal(unlink(f->path), 0);
	assert_ok(store_replacement_swap(f->path, p.copy, p.kept));
	assert_false(there(p.kept));
	fixture_open(f);
	assert_true(has_key(f, 2));
}

static void test_what_is_kept_replaces_nothing(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	make_both(f);
	FILE *other = fopen(p.kept, "w");
	assert_non_null(other);
	assert_int_equal(fclose(other), 0);
	assert_err(store_replacement_swap(f->path, p.copy, p.kept), E_EXISTS);
	fixture_open(f);
	assert_true(has_key(f, 1) && !has_key(f, 2));
}

static void test_a_store_that_another_process_has_open_stays(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	make_both(f);
	fixture_open(f);
	assert_ok(sample_create(f, 4));
	assert_err(store_replacement_swap(f->path, p.copy, p.kept), E_ALREADY_RUNNING);
	assert_true(has_key(f, 4));
}

/* --- ends --- */

static bool ended_before(struct fixture *f, const struct places *p, unsigned at)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		end_at = at;
		_exit(err_failed(store_replacement_swap(f->path, p->copy, p->kept)) ? 2 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 1;
}

static void test_an_end_at_any_step_leaves_one_of_the_two(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	unsigned was = 0, is = 0;
	make_both(f);
	fixture_open(f);
	for (unsigned at = 1;; at++) {
		fixture_close(f);
		assert_ok(store_replacement_copy(p.copy, f->path, f->path));
		make_killed(f, 100 + at); /* what was, with a log, and another key each time */
		(void)unlink(p.kept);
		bool done = ended_before(f, &p, at);
		fixture_open(f);
		bool old = has_key(f, 100 + at);
		assert_true(has_key(f, 2));
		*(old ? &was : &is) += 1;
		assert_true(!done || !old);
		if (done)
			break;
		if (!there(p.copy)) { /* taken; made again of what it is now */
			fixture_close(f);
			assert_ok(store_replacement_copy(f->path, p.copy, f->path));
			fixture_open(f);
		}
	}
	assert_true(was > 1 && is > 0);
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 0777;
}

/* Whoever can write in the store's folder has none of root's files copied, or their modes changed.
 */
static void test_links_lead_nowhere(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	const struct store_sqlite_options options = fixture_options(f);
	char aside[160];
	assert_ok(text_format(aside, sizeof aside, "%s.aside", f->path));
	fixture_close(f);
	assert_int_equal(rename(f->path, aside), 0);
	assert_int_equal(chmod(aside, 0644), 0);
	assert_int_equal(symlink(aside, f->path), 0);
	assert_err(store_replacement_copy(f->path, p.copy, f->path), E_STORE);
	assert_false(there(p.copy));
	assert_err(store_sqlite_open(&options, &f->store), E_STORE);
	assert_non_null(strstr(fixture_log(f), "a link, and not the file itself"));
	assert_int_equal(mode_of(aside), 0644);
	/* The file itself is closed to others. */
	assert_int_equal(rename(aside, f->path), 0);
	assert_ok(store_sqlite_open(&options, &f->store));
	assert_int_equal(mode_of(f->path), 0600);
	/* Nor does a link in the copy's place lead there. */
	fixture_close(f);
	assert_int_equal(symlink(f->path, p.copy), 0);
	assert_ok(store_replacement_copy(f->path, p.copy, f->path));
	struct stat status;
	assert_int_equal(lstat(p.copy, &status), 0);
	assert_true(S_ISREG(status.st_mode));
}

/* Which would wait for a writer. */
static void test_a_pipe_is_no_store(void **state)
{
	struct fixture *f = *state;
	const struct places p = places_of(f);
	fixture_close(f);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_err(store_replacement_copy(f->path, p.copy, f->path), E_STORE);
	assert_int_equal(unlink(f->path), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_copy_has_what_the_log_of_a_killed_process_holds),
		TEST(test_a_copy_replaces_what_was_left_there),
		TEST(test_there_must_be_something_to_copy),
		TEST(test_links_lead_nowhere),
		TEST(test_a_pipe_is_no_store),
		TEST(test_nothing_is_left_of_a_copy_that_is_removed),
		TEST(test_the_store_that_was_is_kept),
		TEST(test_a_log_stays_with_its_file),
		TEST(test_a_store_that_is_damaged_is_kept_as_it_is),
		TEST(test_a_store_that_was_lost_is_no_hindrance),
		TEST(test_what_is_kept_replaces_nothing),
		TEST(test_a_store_that_another_process_has_open_stays),
		TEST(test_an_end_at_any_step_leaves_one_of_the_two),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
