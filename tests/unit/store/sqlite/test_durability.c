/* SPDX-License-Identifier: Apache-2.0 */
/* What was acknowledged stays: under SIGKILL, between two processes and many threads, and on a disk
 * that is full. */
#include "../fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)
#define KILLS 12
#define UPDATES 60
#define THREADS 4

static struct err load(struct fixture *f, uint32_t n)
{
	struct kms_key_id id = sample_id(n);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	return OPS(f)->key_load(SELF(f), &sample_scope, &id, &full);
}

/* In the child: keys without end, each told through the pipe once it is acknowledged. */
_Noreturn static void create_for_ever(struct fixture *f, uint32_t first, int told)
{
	struct store_sqlite_options options = fixture_options(f);
	if (err_failed(store_sqlite_open(&options, &f->store)))
		_exit(1);
	f->keys = store_sqlite_keys(f->store);
	for (uint32_t n = first;; n++) {
		if (err_failed(sample_create(f, n)))
			_exit(2);
		if (write(told, &n, sizeof n) != (ssize_t)sizeof n)
			_exit(3);
	}
}

static int64_t random_below(uint64_t limit)
{
	uint64_t drawn = 0;
	assert_ok(entropy_fill(&drawn, sizeof drawn));
	return (int64_t)(drawn % limit);
}

/* Kills a child somewhere in its work, at least one key into it; answers the next number. */
static uint32_t create_and_kill(struct fixture *f, uint32_t first)
{
	int pipe_ends[2];
	uint32_t n = 0;
	uint32_t next = first;
	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		create_for_ever(f, first, pipe_ends[1]);
	assert_int_equal(close(pipe_ends[1]), 0);
	assert_int_equal(read(pipe_ends[0], &n, sizeof n), sizeof n);
	next = n + 1;
	(void)usleep((useconds_t)random_below(30000));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(pipe_ends[0], &n, sizeof n) == (ssize_t)sizeof n)
		next = n + 1;
	assert_int_equal(close(pipe_ends[0]), 0);
	return next;
}

static void test_acknowledged_keys_survive_sigkill(void **state)
{
	struct fixture *f = *state;
	uint32_t next = 0;
	for (unsigned i = 0; i < KILLS; i++) {
		next = create_and_kill(f, next);
		fixture_open(f); /* quick_check included */
		for (uint32_t n = 0; n < next; n++)
			assert_ok(load(f, n));
		/* The one under way is whole or not there at all. */
		struct err last = load(f, next);
		assert_true(err_is(last, E_OK) || err_is(last, E_NOT_FOUND));
		next += err_is(last, E_OK);
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), next);
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM versions"), next);
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), next);
		/* An intent that was left stands for a key that is not there. */
		fixture_sql(f, "DELETE FROM intents");
		fixture_close(f);
	}
	assert_true(next >= KILLS);
}

/* Raises the revision of key 1 by UPDATES, against whoever else does. */
static struct err update_many(struct fixture *f, uint32_t first_event)
{
	struct kms_key_id id = sample_id(1);
	for (uint32_t done = 0; done < UPDATES;) {
		CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
		struct kms_outbox_record record = sample_record(first_event + done);
		TRY(OPS(f)->key_load(SELF(f), &sample_scope, &id, &full));
		full.key.revision++;
		struct err e = OPS(f)->key_update(SELF(f), &full.key, &record);
		if (err_is(e, E_STORE_CONFLICT))
			continue;
		TRY(e);
		done++;
	}
	return OK;
}

static void test_two_processes_lose_no_update(void **state)
{
	struct fixture *f = *state;
	int status = 0;
	fixture_open(f);
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_sqlite_options options = fixture_options(f);
		if (err_failed(store_sqlite_open(&options, &f->store)))
			_exit(1);
		f->keys = store_sqlite_keys(f->store);
		bool failed = err_failed(update_many(f, 1000));
		store_sqlite_close(&f->store);
		_exit(failed);
	}
	fixture_open(f);
	assert_ok(update_many(f, 5000));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(fixture_ask(f, "SELECT revision FROM keys"), 1 + 2 * UPDATES);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1 + 2 * UPDATES);
}

static void test_locked_file_is_busy(void **state)
{
	struct fixture *f = *state;
	struct store_sqlite_options options = fixture_options(f);
	sqlite3 *other = NULL;
	options.busy_timeout_ms = 50;
	assert_ok(store_sqlite_open(&options, &f->store));
	f->keys = store_sqlite_keys(f->store);
	assert_ok(sample_create(f, 1));
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_err(sample_create(f, 2), E_STORE_BUSY);
	assert_ok(load(f, 1)); /* readers are not held up */
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_ok(sample_create(f, 2));
}

struct worker {
	pthread_t thread;
	struct fixture *f;
	uint32_t first;
	struct err result;
};

static struct err work(const struct worker *worker)
{
	for (uint32_t n = worker->first; n < worker->first + 25; n++) {
		struct kms_key_page page = {0};
		uint64_t changes = 0;
		TRY(sample_create(worker->f, n));
		TRY(load(worker->f, n));
		TRY(OPS(worker->f)->change_count(SELF(worker->f), &changes));
		TRY(OPS(worker->f)->key_list(SELF(worker->f), &sample_scope, NULL, 20, &page));
		mem_free(page.ids);
	}
	return OK;
}

static void *work_start(void *user)
{
	struct worker *worker = user;
	worker->result = work(worker);
	return NULL;
}

static void test_threads_share_one_store(void **state)
{
	struct fixture *f = *state;
	struct worker workers[2 * THREADS];
	fixture_open(f);
	for (uint32_t i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i] = (struct worker){.f = f, .first = 100 * i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work_start, &workers[i]),
				 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_ok(workers[i].result);
	}
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 25 * 2 * THREADS);
}

/* Keys until the disk is full; answers how many. */
static uint32_t create_until_full(struct fixture *f)
{
	struct err e = OK;
	uint32_t n = 0;
	while (!err_failed(e) && n < 5000)
		e = sample_create(f, n++);
	assert_err(e, E_STORE_FULL);
	return n - 1;
}

static void full_and_recovered(struct fixture *f, void (*make_room)(struct fixture *f))
{
	uint32_t count = create_until_full(f);
	assert_true(count > 0);
	assert_err(load(f, count), E_NOT_FOUND);
	for (uint32_t n = 0; n < count; n++)
		assert_ok(load(f, n));
	make_room(f);
	fixture_sql(f, "DELETE FROM intents");
	assert_ok(sample_create(f, count));
	assert_ok(load(f, count));
	fixture_close(f);
	fixture_open(f);
	for (uint32_t n = 0; n <= count; n++)
		assert_ok(load(f, n));
}

static void pages_allow(struct fixture *f)
{
	(void)sqlite3_exec(f->store->writer->db, "PRAGMA max_page_count=100000", NULL, NULL, NULL);
}

static void test_full_file_is_told_and_recovers(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(
		sqlite3_exec(f->store->writer->db, "PRAGMA max_page_count=40", NULL, NULL, NULL),
		SQLITE_OK);
	full_and_recovered(f, pages_allow);
}

static void ballast_path(struct fixture *f, char out[128])
{
	assert_ok(text_format(out, 128, "%s/ballast", f->folder));
}

static void ballast_drop(struct fixture *f)
{
	char path[128];
	ballast_path(f, path);
	assert_int_equal(unlink(path), 0);
}

/* A real full disk, where the kernel lets us mount one: in a mount namespace of our own. */
static void test_full_disk_is_told_and_recovers(void **state)
{
	struct fixture *f = *state;
	char path[128];
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", f->folder, "tmpfs", 0, "size=1m") != 0)
		skip();
	ballast_path(f, path);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(posix_fallocate(fd, 0, 400 << 10), 0);
	assert_int_equal(close(fd), 0);
	fixture_open(f);
	full_and_recovered(f, ballast_drop);
	fixture_close(f);
	assert_int_equal(umount(f->folder), 0);
}

static void test_ten_thousand_keys_are_listed_in_pages(void **state)
{
	struct fixture *f = *state;
	struct kms_key_id last = {0};
	const struct kms_key_id *after = NULL;
	uint32_t seen = 0;
	fixture_open(f);
	/* Durability has its own tests: this one is about the pages. */
	assert_int_equal(
		sqlite3_exec(f->store->writer->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL),
		SQLITE_OK);
	for (uint32_t n = 0; n < 10000; n++)
		assert_ok(sample_create(f, n));
	for (bool more = true; more;) {
		struct kms_key_page page = {0};
		assert_ok(OPS(f)->key_list(SELF(f), &sample_scope, after, 1000, &page));
		for (size_t i = 0; i < page.count; i++) {
			struct kms_key_id wanted = sample_id(seen++);
			assert_true(kms_key_id_equal(&page.ids[i], &wanted));
		}
		last = page.ids[page.count - 1];
		after = &last;
		more = page.more;
		mem_free(page.ids);
	}
	assert_int_equal(seen, 10000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_folder, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_acknowledged_keys_survive_sigkill),
		TEST(test_two_processes_lose_no_update),
		TEST(test_locked_file_is_busy),
		TEST(test_threads_share_one_store),
		TEST(test_full_file_is_told_and_recovers),
		TEST(test_full_disk_is_told_and_recovers),
		TEST(test_ten_thousand_keys_are_listed_in_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
