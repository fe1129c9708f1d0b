/* SPDX-License-Identifier: Apache-2.0 */
/* A store of schema 1, 2 or 3 under this program: every row stays as it is, a copy is kept, and
 * neither a kill at any write nor a second process at the same moment leaves anything in between.
 */
#include "../dying.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "schema_1.h"
#include "schema_2.h"
#include "schema_3.h"
#include "store/row.h"
#include "store/sqlite/migration.h"
#include "store/tables.h"

#define PROCESSES 4

/* Which writes are the last one: all; under a sanitizer, which takes its time, every seventh. */
#ifdef HOLDFAST_SANITIZED
#define WRITE_STEP 7
#else
#define WRITE_STEP 1
#endif

#define NEWEST 6
#define COPY ".before-schema-6"

static const char *const tables_1[] = {"installation", "keys",       "versions",   "intents",
				       "outbox",       "principals", "access_keys"};
static const char *const tables_2[] = {"installation", "keys",       "versions",    "intents",
				       "outbox",       "principals", "access_keys", "aliases",
				       "tags",         "last_uses"};
static const char *const tables_3[] = {"installation", "keys",       "versions",     "intents",
				       "outbox",       "identities", "access_keys",  "key_uses",
				       "sessions",     "grants",     "grant_counts", "aliases",
				       "tags",         "last_uses"};

/* The store that is upgraded. */
static const struct old {
	int64_t schema;
	const char *file;
	const char *const *tables;
	size_t table_count;
	int64_t since_ms; /* when uses of keys began to be kept; 0: with this program */
} schema_1 = {1, schema_1_file, tables_1, ARRAY_LEN(tables_1), 0},
  schema_2 = {2, schema_2_file, tables_2, ARRAY_LEN(tables_2), INT64_C(1700000001000)},
  schema_3 = {3, schema_3_file, tables_3, ARRAY_LEN(tables_3), INT64_C(1700000002000)}, *old;

static void copy_path(const struct fixture *f, char out[128])
{
	assert_ok(text_format(out, 128, "%s" COPY, f->path));
}

/* The file as the old program left it, in place of whatever is there. */
static void place_old(struct fixture *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", COPY, COPY ".unfinished"};
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char path[160];
		assert_ok(text_format(path, sizeof path, "%s%s", f->path, suffixes[i]));
		(void)unlink(path);
	}
	/* Only what the program under test does need survive. */
	static char sql[32 << 10];
	assert_ok(text_format(sql, sizeof sql, "PRAGMA synchronous=OFF;%s", old->file));
	fixture_sql(f, sql);
}

static int setup_1(void **state)
{
	(void)fixture_setup_folder(state);
	old = &schema_1;
	place_old(*state);
	return 0;
}

static int setup_2(void **state)
{
	(void)fixture_setup_folder(state);
	old = &schema_2;
	place_old(*state);
	return 0;
}

static int setup_3(void **state)
{
	(void)fixture_setup_folder(state);
	old = &schema_3;
	place_old(*state);
	return 0;
}

static struct err open_it(struct fixture *f)
{
	struct store_sqlite_options options = fixture_options(f);
	options.create = false;
	TRY(store_sqlite_open(&options, &f->store));
	fixture_ports(f);
	return OK;
}

static struct err key_load(struct fixture *f, uint32_t n)
{
	struct kms_key_id id = sample_id(n);
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	return f->keys.ops->key_load(f->keys.self, &sample_scope, &id, &full);
}

static void reference_make(struct fixture *f, char out[128])
{
	sqlite3 *db = NULL;
	assert_ok(text_format(out, 128, "%s/reference.db", f->folder));
	if (access(out, F_OK) == 0)
		return;
	assert_int_equal(sqlite3_open(out, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, old->file, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return answer;
}

/* The columns that a table had, as a list. */
static void columns_of_old(sqlite3 *db, const char *table, char out[512])
{
	sqlite3_stmt *statement = NULL;
	char sql[192];
	assert_ok(text_format(sql, sizeof sql,
			      "SELECT group_concat('\"'||name||'\"') FROM"
			      " pragma_table_info('%s','old')",
			      table));
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_ok(text_format(out, 512, "%s", (const char *)sqlite3_column_text(statement, 0)));
	(void)sqlite3_finalize(statement);
}

static void assert_old_table(sqlite3 *db, const char *t)
{
	char sql[2400], columns[512];
	columns_of_old(db, t, columns);
	assert_ok(text_format(sql, sizeof sql,
			      "SELECT (SELECT count(*) FROM (SELECT %s FROM main.%s EXCEPT"
			      " SELECT %s FROM old.%s))+(SELECT count(*) FROM (SELECT %s"
			      " FROM old.%s EXCEPT SELECT %s FROM main.%s))",
			      columns, t, columns, t, columns, t, columns, t));
	assert_int_equal(ask(db, sql), 0);
	assert_ok(text_format(sql, sizeof sql, "SELECT count(*) FROM main.%s", t));
	assert_true(ask(db, sql) >= 1);
}

/* Every table of the old schema in the file at `path` has exactly the old rows; it is of `schema`.
 */
static void assert_old_rows(struct fixture *f, const char *path, int64_t schema)
{
	sqlite3 *db = NULL;
	char reference[128], sql[256];
	reference_make(f, reference);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_ok(text_format(sql, sizeof sql, "ATTACH '%s' AS old", reference));
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < old->table_count; i++)
		assert_old_table(db, old->tables[i]);
	assert_int_equal(ask(db, "PRAGMA main.user_version"), schema);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* As the program of the old schema would look at the file. */
static struct err old_program_check(const char *path)
{
	const struct sqlite_migrations known = {sqlite_migrations.steps, (size_t)old->schema};
	struct sqlite_schema schema;
	CLEANUP(sqlite_connection_close) struct sqlite_connection *connection = NULL;
	TRY(sqlite_connection_open(path, 1000, &connection));
	TRY(sqlite_schema_inspect(connection, &known, &schema));
	ENSURE(schema.version == old->schema && !schema.empty);
	return sqlite_schema_check(connection, &known);
}

static void test_every_row_stays_as_it_is(void **state)
{
	struct fixture *f = *state;
	assert_ok(old_program_check(f->path));
	assert_ok(open_it(f));
	assert_old_rows(f, f->path, NEWEST);
	assert_err(old_program_check(f->path), E_STORE_NEWER);
}

static struct err version_ignore(UNUSED void *user, UNUSED const struct kms_scope *scope,
				 UNUSED const struct kms_version *version)
{
	return OK;
}

static struct err grant_ignore(UNUSED void *user, UNUSED const struct kms_grant *grant)
{
	return OK;
}

/* What schemas 2 and 3 brought. */
static struct err catalog_read(struct fixture *f)
{
	struct kms_alias alias = sample_alias(1, 1);
	struct kms_key_id ids[] = {sample_id(1), sample_id(2)};
	const struct kms_page_query query = {&sample_scope, &ids[1], VIEW_NONE, 10};
	struct kms_tag_page page = {0};
	struct auth_session session = sample_session(1);
	TRY(f->catalog.ops->alias_load(f->catalog.self, &sample_scope, view_of_text(alias.name),
				       &alias));
	TRY(f->catalog.ops->tags_list(f->catalog.self, &query, &page));
	ENSURE(page.count == 1);
	mem_free(page.tags);
	if (old->schema < 3)
		return OK;
	TRY(f->grants.ops->each(f->grants.self, &sample_scope, &ids[0], grant_ignore, NULL));
	return f->identities.session_load(f->identities.self,
					  view_of_text(session.principal.access_key_id), &session);
}

static void test_every_seal_still_holds(void **state)
{
	struct fixture *f = *state;
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	struct kms_outbox_record *records = NULL;
	struct auth_access_key access_key;
	size_t count = 0;
	assert_ok(open_it(f));
	assert_ok(key_load(f, 1));
	assert_ok(key_load(f, 2));
	assert_ok(f->keys.ops->intent_list(f->keys.self, INT64_MAX, &intents, &count));
	assert_int_equal(count, 1);
	assert_ok(f->keys.ops->outbox_list(f->keys.self, &records, &count));
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++)
		store_row_cleanup(&store_table_outbox, &records[i]);
	mem_free(records);
	assert_ok(f->identities.adopt(f->identities.self, "aws", "123456789012", 1));
	assert_ok(f->identities.access_key_load(f->identities.self,
						VIEW_LITERAL("AKIA0000000000000001"), &access_key));
	assert_ok(f->installation.verify(f->installation.self));
	assert_ok(f->keys.ops->version_each(f->keys.self, version_ignore, NULL));
	if (old->schema > 1)
		assert_ok(catalog_read(f));
}

/* Switched on, what was sealed without the new columns is sealed with them. */
static void test_an_old_key_is_rotated(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = sample_key(1);
	struct kms_version made = sample_version(50);
	struct kms_intent intent = sample_intent(50);
	struct kms_outbox_record records[] = {sample_record(100), sample_record(101)};
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	assert_ok(open_it(f));
	key.revision = 2;
	key.rotation_enabled = true;
	key.rotation_period_days = 365;
	key.rotation_from_ms = 1700000000000;
	assert_ok(f->keys.ops->key_update(f->keys.self, &key, &records[0]));
	key.revision = 3;
	key.current_version = made.number = intent.number = 2;
	made.key_id = intent.key_id = key.id;
	made.rotation = KMS_ROTATION_AUTOMATIC;
	assert_ok(f->keys.ops->intent_add(f->keys.self, &intent));
	assert_ok(f->keys.ops->key_rotate(f->keys.self, &key, &made, &records[1]));
	assert_ok(f->keys.ops->key_load(f->keys.self, &sample_scope, &key.id, &full));
	assert_int_equal(full.version_count, 2);
	assert_int_equal(full.versions[0].rotation, KMS_ROTATION_NONE);
	assert_int_equal(full.versions[1].rotation, KMS_ROTATION_AUTOMATIC);
	assert_true(full.key.rotation_enabled);
}

static void test_old_keys_take_what_is_new(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(5, 1);
	struct kms_key_id id = sample_id(2);
	const struct kms_tag tag = sample_tag(1);
	const struct kms_tag_change change = {&sample_scope, &id, &tag, 1};
	struct kms_outbox_record records[] = {sample_record(100), sample_record(101),
					      sample_record(102)};
	struct kms_grant grant = sample_grant(2, 1);
	int64_t since_ms = 0;
	clock_manual_advance(&f->clock, 77000);
	assert_ok(open_it(f));
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &records[0]));
	assert_ok(f->catalog.ops->tags_put(f->catalog.self, &change, &records[1]));
	assert_ok(f->catalog.ops->last_use_since(f->catalog.self, &since_ms));
	assert_int_equal(since_ms, old->since_ms ? old->since_ms : f->clock.now_real_ms);
	assert_ok(f->grants.ops->create(f->grants.self, &grant, &records[2]));
	assert_ok(sample_create(f, 4));
}

static void test_a_copy_of_the_old_store_is_kept(void **state)
{
	struct fixture *f = *state;
	char copy[128], migrated[64];
	struct stat status;
	copy_path(f, copy);
	(void)fixture_log(f);
	assert_ok(open_it(f));
	const char *log = fixture_log(f);
	assert_non_null(strstr(log, "store.copied"));
	assert_non_null(strstr(log, copy));
	assert_ok(text_format(migrated, sizeof migrated, "store.migrated from=%lld to=%d",
			      (long long)old->schema, NEWEST));
	assert_non_null(strstr(log, migrated));
	assert_ok(key_load(f, 1));
	fixture_close(f);
	assert_int_equal(stat(copy, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_old_rows(f, copy, old->schema);
	assert_ok(old_program_check(copy));
	/* Opened again, nothing more happens. */
	assert_ok(open_it(f));
	assert_null(strstr(fixture_log(f), "store.copied"));
}

/* The way back: the copy in the place of the store; and forth again. */
static void test_the_copy_can_take_the_place_of_the_store(void **state)
{
	struct fixture *f = *state;
	char copy[128];
	copy_path(f, copy);
	assert_ok(open_it(f));
	assert_ok(sample_create(f, 4));
	fixture_close(f);
	assert_int_equal(rename(copy, f->path), 0);
	assert_ok(old_program_check(f->path));
	assert_ok(open_it(f));
	assert_ok(key_load(f, 1));
	assert_err(key_load(f, 4), E_NOT_FOUND);
	assert_old_rows(f, copy, old->schema);
}

static void test_without_a_copy_nothing_is_changed(void **state)
{
	struct fixture *f = *state;
	char copy[128], unfinished[160];
	copy_path(f, copy);
	assert_ok(text_format(unfinished, sizeof unfinished, "%s.unfinished", copy));
	assert_int_equal(mkdir(unfinished, 0700), 0);
	assert_true(err_failed(open_it(f)));
	assert_non_null(strstr(fixture_log(f), "store.copy_failed"));
	assert_old_rows(f, f->path, old->schema);
	assert_ok(old_program_check(f->path));
	assert_int_equal(rmdir(unfinished), 0);
	assert_ok(open_it(f));
}

/* A schema that was changed behind the service is refused after the steps as it is before. */
static void test_a_planted_table_does_not_become_ours(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "CREATE TABLE claims(key_id BLOB, kind INTEGER, number INTEGER)");
	assert_err(open_it(f), E_STORE);
	assert_old_rows(f, f->path, old->schema);
	fixture_sql(f, "DROP TABLE claims");
	assert_ok(open_it(f));
}

/* ---- killed at any write ---- */

/* A copy under its name is whole; the store is of one schema or the other, with every row. */
static int64_t assert_one_or_the_other(struct fixture *f)
{
	char copy[128];
	copy_path(f, copy);
	int64_t schema = fixture_ask(f, "PRAGMA user_version");
	assert_true(schema == old->schema || schema == NEWEST);
	assert_old_rows(f, f->path, schema);
	if (schema == old->schema)
		assert_ok(old_program_check(f->path));
	if (schema == NEWEST || access(copy, F_OK) == 0)
		assert_old_rows(f, copy, old->schema);
	return schema;
}

static void test_a_kill_at_any_write_leaves_nothing_in_between(void **state)
{
	struct fixture *f = *state;
	unsigned left_old = 0;
	unsigned left_new = 0;
	bool ended = false;
	for (unsigned at = 1; !ended; at += WRITE_STEP) {
		place_old(f);
		ended = dying_child_ended(f, open_it, at);
		bool stayed = assert_one_or_the_other(f) == old->schema;
		left_old += stayed;
		left_new += !stayed;
		/* And the next start makes good. */
		assert_ok(open_it(f));
		assert_ok(key_load(f, 1));
		fixture_close(f);
		assert_old_rows(f, f->path, NEWEST);
	}
	print_message("killed at %u writes: %u times the old schema was left, %u times the new\n",
		      left_old + left_new - 1, left_old, left_new - 1);
	assert_true(left_old > 80 / WRITE_STEP);
	assert_true(left_new > 1);
}

/* ---- several processes at once ---- */

static pid_t opener_start(struct fixture *f, int go)
{
	char byte = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child > 0)
		return child;
	bool started = read(go, &byte, 1) == 0;
	bool failed = !started || err_failed(open_it(f)) || err_failed(key_load(f, 1));
	store_sqlite_close(&f->store);
	_exit(failed);
}

static void processes_open_at_once(struct fixture *f)
{
	int gate[2];
	pid_t children[PROCESSES];
	assert_int_equal(pipe(gate), 0);
	pid_t holder = fork(); /* holds the gate shut until all are there */
	assert_true(holder >= 0);
	if (holder == 0) {
		(void)usleep(20000);
		_exit(0);
	}
	assert_int_equal(close(gate[1]), 0);
	for (size_t i = 0; i < PROCESSES; i++)
		children[i] = opener_start(f, gate[0]);
	for (size_t i = 0; i < PROCESSES; i++) {
		int status = 0;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	assert_int_equal(close(gate[0]), 0);
}

static size_t occurrences(const char *text, const char *of)
{
	size_t count = 0;
	for (const char *at = strstr(text, of); at != NULL; at = strstr(at + 1, of))
		count++;
	return count;
}

static void test_processes_that_start_at_once_migrate_once(void **state)
{
	struct fixture *f = *state;
	for (unsigned round = 0; round < 5; round++) {
		place_old(f);
		(void)fixture_log(f);
		processes_open_at_once(f);
		assert_int_equal(occurrences(fixture_log(f), "store.migrated"), 1);
		assert_int_equal(fixture_ask(f, "SELECT count(*) FROM schema_info"), NEWEST);
		assert_int_equal(assert_one_or_the_other(f), NEWEST);
	}
}

int main(void)
{
#define IN(name, setup_) cmocka_unit_test_setup_teardown(name, setup_, fixture_teardown)
#define TEST(name) IN(name, setup_1), IN(name, setup_2), IN(name, setup_3)
	const struct CMUnitTest tests[] = {
		TEST(test_every_row_stays_as_it_is),
		TEST(test_every_seal_still_holds),
		TEST(test_old_keys_take_what_is_new),
		TEST(test_an_old_key_is_rotated),
		TEST(test_a_copy_of_the_old_store_is_kept),
		TEST(test_the_copy_can_take_the_place_of_the_store),
		TEST(test_without_a_copy_nothing_is_changed),
		TEST(test_a_planted_table_does_not_become_ours),
		IN(test_a_kill_at_any_write_leaves_nothing_in_between, setup_3),
		IN(test_processes_that_start_at_once_migrate_once, setup_3),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
