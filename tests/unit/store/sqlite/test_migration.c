/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: whose file it is, which schema it has, and what is kept before it is changed. */
#include "../fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/file.h"
#include "store/sqlite/migration.h"
#include "store/sqlite/ports.h"

#define CONTENT_MAX (1 << 20)
#define SCHEMA 6 /* the newest */

static struct err open_again(struct fixture *f, bool create)
{
	struct store_sqlite_options options = fixture_options(f);
	options.create = create;
	return store_sqlite_open(&options, &f->store);
}

static size_t content_read(const char *path, uint8_t *content)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, content, CONTENT_MAX);
	assert_int_equal(close(fd), 0);
	assert_true(n >= 0 && n < CONTENT_MAX);
	return (size_t)n;
}

static void content_write(struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_missing_file_is_not_initialised(void **state)
{
	struct fixture *f = *state;
	assert_err(open_again(f, false), E_NOT_INITIALISED);
	assert_int_equal(access(f->path, F_OK), -1);
}

/* What a kill between making the file and making its schema leaves. */
static void test_empty_file_is_not_initialised(void **state)
{
	struct fixture *f = *state;
	content_write(f, "");
	assert_err(open_again(f, false), E_NOT_INITIALISED);
	assert_ok(open_again(f, true));
}

static void test_file_is_closed_to_others(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	mode_t before = umask(0);
	fixture_open(f);
	(void)umask(before);
	assert_ok(sample_create(f, 1));
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char path[128];
		assert_ok(text_format(path, sizeof path, "%s%s", f->path, suffixes[i]));
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
	}
}

static void test_file_that_was_open_to_others_is_closed(void **state)
{
	struct fixture *f = *state;
	struct stat status;
	fixture_open(f);
	fixture_close(f);
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_ok(open_again(f, false));
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_non_null(strstr(fixture_log(f), "store.file_was_open_to_others"));
}

static void test_newer_schema_is_refused_and_untouched(void **state)
{
	struct fixture *f = *state;
	static uint8_t before[CONTENT_MAX];
	static uint8_t after[CONTENT_MAX];
	fixture_open(f);
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	fixture_sql(f, "PRAGMA user_version=99");
	size_t before_len = content_read(f->path, before);
	assert_err(open_again(f, true), E_STORE_NEWER);
	assert_err(open_again(f, false), E_STORE_NEWER);
	size_t after_len = content_read(f->path, after);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, before_len);
}

static void test_foreign_database_is_refused_and_untouched(void **state)
{
	struct fixture *f = *state;
	static uint8_t before[CONTENT_MAX];
	static uint8_t after[CONTENT_MAX];
	fixture_sql(f, "CREATE TABLE theirs(a)");
	size_t before_len = content_read(f->path, before);
	assert_err(open_again(f, true), E_STORE);
	assert_non_null(strstr(fixture_log(f), "another application"));
	assert_int_equal(content_read(f->path, after), before_len);
	assert_memory_equal(before, after, before_len);
}

static void test_other_files_are_refused(void **state)
{
	struct fixture *f = *state;
	static char text[5000];
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = 'x';
	content_write(f, text);
	assert_err(open_again(f, true), E_STORE);
	assert_non_null(strstr(fixture_log(f), "correct the path"));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_err(open_again(f, true), E_STORE);
	assert_int_equal(rmdir(f->path), 0);
}

static void test_missing_folder_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct store_sqlite_options options = fixture_options(f);
	options.path = "/tmp/holdfast-no-such-folder/store.db";
	assert_err(store_sqlite_open(&options, &f->store), E_STORE);
	assert_null(f->store);
}

static void test_damaged_file_is_refused(void **state)
{
	struct fixture *f = *state;
	static uint8_t noise[4096];
	fixture_open(f);
	for (uint32_t n = 0; n < 20; n++)
		assert_ok(sample_create(f, n));
	fixture_close(f);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)(i * 31);
	int64_t page = fixture_ask(f, "SELECT rootpage FROM sqlite_schema WHERE name='keys'");
	int fd = open(f->path, O_WRONLY);
	assert_int_equal(pwrite(fd, noise, 4096, (off_t)((page - 1) * 4096)), 4096);
	assert_int_equal(close(fd), 0);
	assert_err(open_again(f, false), E_STORE);
}

/* What a writer of the file may plant to make our statements do more, or less, than they say. */
static void test_planted_schema_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const plants[][2] = {
		{"CREATE TRIGGER t BEFORE INSERT ON outbox BEGIN SELECT RAISE(IGNORE); END",
		 "DROP TRIGGER t"},
		{"CREATE VIEW v AS SELECT * FROM keys", "DROP VIEW v"},
		{"CREATE TABLE t(a)", "DROP TABLE t"},
		{"CREATE INDEX i ON keys(state)", "DROP INDEX i"},
	};
	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		fixture_open(f);
		fixture_close(f);
		fixture_sql(f, plants[i][0]);
		assert_err(open_again(f, false), E_STORE);
		fixture_sql(f, plants[i][1]);
	}
	assert_ok(open_again(f, false));
}

/* A trigger planted while the service runs does not fire. */
static void test_planted_trigger_has_no_effect(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_sql(f, "CREATE TRIGGER t BEFORE INSERT ON outbox BEGIN SELECT RAISE(IGNORE); END");
	assert_ok(sample_create(f, 1));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox"), 1);
}

static void test_file_says_what_it_is(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_int_equal(fixture_ask(f, "PRAGMA application_id"), SQLITE_APPLICATION_ID);
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), SCHEMA);
	assert_int_equal(fixture_ask(f, "SELECT max(version) FROM schema_info"), SCHEMA);
	assert_int_equal(fixture_ask(f, "SELECT max(applied_ms) FROM schema_info"),
			 f->clock.now_real_ms);
}

static const char step_next[] = "CREATE TABLE next(a INTEGER NOT NULL) STRICT;";
static const char step_broken[] = "CREATE TABLE other(a INTEGER) STRICT; CREATE TABLE other(a);";

/* As a program would that knows one schema more, or two. */
static struct err migrate_on(struct fixture *f, const char *next, const char *other)
{
	const char *steps[SCHEMA + 2] = {0};
	struct sqlite_migrations migrations = {steps, SCHEMA + (other ? 2 : 1)};
	assert_int_equal(sqlite_migrations.count, SCHEMA);
	for (size_t i = 0; i < SCHEMA; i++)
		steps[i] = sqlite_migrations.steps[i];
	steps[SCHEMA] = next;
	steps[SCHEMA + 1] = other;
	CLEANUP(sqlite_connection_close) struct sqlite_connection *connection = NULL;
	TRY(sqlite_connection_open(f->path, 1000, &connection));
	TRY(sqlite_connection_prepare(connection, SQLITE_ROLE_WRITER));
	TRY(sqlite_schema_migrate(connection, f->path, &migrations, &f->clock.clock));
	return sqlite_schema_check(connection, &migrations);
}

static void copy_path(struct fixture *f, unsigned version, char out[160])
{
	assert_ok(text_format(out, 160, "%s.before-schema-%u", f->path, version));
}

static void test_migration_keeps_a_copy(void **state)
{
	struct fixture *f = *state;
	char copy[160];
	struct stat status;
	struct kms_key_full full = {0};
	struct kms_key_id id = sample_id(1);
	fixture_open(f);
	assert_ok(sample_create(f, 1));
	/* The row is still in the write-ahead log: a copy of the file alone would lack it. */
	assert_ok(migrate_on(f, step_next, NULL));
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), SCHEMA + 1);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM keys"), 1);
	fixture_close(f);
	copy_path(f, SCHEMA + 1, copy);
	assert_int_equal(stat(copy, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(copy)));
	assert_ok(open_again(f, false));
	struct kms_store keys = store_sqlite_keys(f->store);
	assert_ok(keys.ops->key_load(keys.self, &sample_scope, &id, &full));
	kms_key_full_cleanup(&full);
}

static void test_failed_migration_changes_nothing(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	assert_err(migrate_on(f, step_next, step_broken), E_STORE);
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), SCHEMA);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM sqlite_schema WHERE name IN"
					" ('next','other')"),
			 0);
	assert_ok(open_again(f, false));
}

static void test_migration_is_taken_once(void **state)
{
	struct fixture *f = *state;
	char copy[160];
	assert_ok(migrate_on(f, step_next, NULL));
	assert_ok(migrate_on(f, step_next, NULL));
	/* A file that never had a schema needs no copy. */
	copy_path(f, SCHEMA + 1, copy);
	assert_int_equal(access(copy, F_OK), -1);
}

static void test_path_with_a_quote_is_refused_before_a_copy(void **state)
{
	struct fixture *f = *state;
	fixture_open(f);
	fixture_close(f);
	char quoted[128];
	assert_ok(text_format(quoted, sizeof quoted, "%s/st'ore.db", f->folder));
	assert_int_equal(rename(f->path, quoted), 0);
	assert_ok(text_copy(f->path, sizeof f->path, view_of_text(quoted)));
	assert_err(migrate_on(f, step_next, NULL), E_SETTINGS);
	assert_int_equal(fixture_ask(f, "PRAGMA user_version"), SCHEMA);
}

static int setup_file(void **state)
{
	(void)fixture_setup_folder(state);
	struct fixture *f = *state;
	assert_ok(sqlite_file_create(f->path));
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_folder, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_missing_file_is_not_initialised),
		TEST(test_empty_file_is_not_initialised),
		TEST(test_file_is_closed_to_others),
		TEST(test_file_that_was_open_to_others_is_closed),
		TEST(test_newer_schema_is_refused_and_untouched),
		TEST(test_foreign_database_is_refused_and_untouched),
		TEST(test_other_files_are_refused),
		TEST(test_missing_folder_is_an_error),
		TEST(test_damaged_file_is_refused),
		TEST(test_planted_schema_is_refused),
		TEST(test_planted_trigger_has_no_effect),
		TEST(test_file_says_what_it_is),
		TEST(test_migration_keeps_a_copy),
		TEST(test_failed_migration_changes_nothing),
		TEST(test_path_with_a_quote_is_refused_before_a_copy),
		cmocka_unit_test_setup_teardown(test_migration_is_taken_once, setup_file,
						fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
