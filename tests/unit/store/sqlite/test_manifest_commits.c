/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest and rows are committed together, or neither is: under SIGKILL, when a transaction fails
 * and when the token does not answer. And the heads of audit logs, which are rows as others.
 */
#include "../dying.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "store/sqlite/ports.h"

static struct kms_mark mark_of(struct fixture *f)
{
	struct kms_mark mark;
	assert_ok(f->manifest.ops->mark(f->manifest.self, &mark));
	return mark;
}

/* All rows are those of the manifest; its mark. */
static struct kms_mark assert_sound(struct fixture *f)
{
	struct kms_survey_options options = {0};
	CLEANUP(kms_survey_cleanup) struct kms_survey first = {0};
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, &first));
	options.anchor = first.mark;
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, &s));
	assert_ok(s.verdict);
	assert_int_equal(s.found, 0);
	return s.mark;
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	struct fixture *f = *state;
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	return 0;
}

static void test_each_commit_is_an_epoch(void **state)
{
	struct fixture *f = *state;
	struct kms_mark before = mark_of(f);
	assert_int_equal(before.epoch, 1);
	assert_ok(sample_create(f, 1)); /* intent, then key */
	struct kms_mark after = assert_sound(f);
	assert_int_equal(after.epoch, 3);
	assert_memory_not_equal(before.digest, after.digest, sizeof after.digest);
}

static struct sqlite_escort usual;
static bool locked_at_the_end;

static struct err before_none(UNUSED void *self)
{
	return ERR(E_HSM_TIMEOUT);
}

static void end_watched(void *self, bool committed)
{
	struct store_sqlite *store = self;
	locked_at_the_end = !committed && !sqlite3_get_autocommit(store->writer->db);
	usual.ended(self, committed);
}

/* Otherwise another daemon may commit the same epoch before what failed is forgotten, and a reader
 * takes the one for the other. */
static void test_what_failed_is_forgotten_before_others_may_write(void **state)
{
	struct fixture *f = *state;
	struct sqlite_connection *writer = f->store->writer;
	usual = writer->escort;
	writer->escort = (struct sqlite_escort){before_none, end_watched, usual.self};
	assert_err(sample_create(f, 1), E_HSM_TIMEOUT);
	assert_true(locked_at_the_end);
	writer->escort = usual;
	assert_ok(sample_create(f, 1));
	(void)assert_sound(f);
}

static bool denies(struct fixture *f, struct kms_mark mark)
{
	return f->manifest.ops->denies(f->manifest.self, &mark);
}

static void test_it_denies_marks_that_it_never_had(void **state)
{
	struct fixture *f = *state;
	const struct kms_mark none = {.epoch = 0};
	struct kms_mark before = mark_of(f);
	assert_ok(sample_create(f, 1));
	struct kms_mark now = mark_of(f), later = mark_of(f);
	assert_false(denies(f, none));
	assert_false(denies(f, before));
	assert_false(denies(f, now));
	later.epoch++;
	assert_false(denies(f, later)); /* who knows what another daemon has committed */
	before.digest[0] ^= 1;
	now.digest[15] ^= 1;
	assert_true(denies(f, before));
	assert_true(denies(f, now));
}

static void test_an_advisory_commit_is_none(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	struct kms_mark before = mark_of(f);
	const struct kms_last_use use = {.scope = sample_scope,
					 .key_id = sample_id(1),
					 .operation = "Encrypt",
					 .time_ms = 1700000000000};
	assert_ok(f->catalog.ops->last_use_save(f->catalog.self, &use, 1));
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM last_uses"), 1);
	assert_int_equal(mark_of(f).epoch, before.epoch);
}

static void test_a_failed_transaction_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	struct kms_alias alias = sample_alias(1, 1);
	struct kms_outbox_record record = sample_record(1); /* there already: fails at the end */
	struct kms_mark before = mark_of(f);
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record), E_EXISTS);
	struct kms_mark after = assert_sound(f);
	assert_int_equal(before.epoch, after.epoch);
	record = sample_record(2);
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	assert_int_equal(assert_sound(f).epoch, before.epoch + 1);
}

/* The rows are sealed, and then the token does not seal the manifest. */
static void test_nothing_is_committed_without_the_seal_of_the_manifest(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	struct kms_alias alias = sample_alias(1, 1);
	struct kms_outbox_record record = sample_record(2);
	struct kms_mark before = mark_of(f);
	f->seal_failure = ERR(E_HSM_TIMEOUT);
	f->seal_failure_at = f->seal_calls + 2;
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record), E_HSM_TIMEOUT);
	f->seal_failure = OK;
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM aliases"), 0);
	assert_int_equal(assert_sound(f).epoch, before.epoch);
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	assert_int_equal(assert_sound(f).epoch, before.epoch + 1);
}

static void test_a_store_without_a_manifest_commits(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	assert_int_equal(mark_of(f).epoch, 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM manifest"), 0);
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	assert_int_equal(assert_sound(f).epoch, 1);
	assert_ok(sample_create(f, 2));
	assert_int_equal(assert_sound(f).epoch, 3);
}

static void test_the_manifest_goes_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	assert_ok(sample_create(f, 1));
	fixture_close(f);
	fixture_open(f);
	assert_ok(sample_create(f, 2)); /* before anybody looked */
	assert_int_equal(assert_sound(f).epoch, 5);
}

static struct err work(struct fixture *f)
{
	struct store_sqlite_options options = fixture_options(f);
	TRY(store_sqlite_open(&options, &f->store));
	fixture_ports(f);
	for (uint32_t n = 1; n <= 3; n++) {
		struct kms_alias alias = sample_alias(n, n);
		struct kms_outbox_record record = sample_record(200 + n);
		TRY(sample_create(f, 100 + n));
		alias.key_id = sample_id(100 + n);
		TRY(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	}
	return OK;
}

#ifdef HOLDFAST_SANITIZED
#define WRITE_STEP 29
#else
#define WRITE_STEP 9
#endif

static void file_make(struct fixture *f)
{
	(void)unlink(f->path);
	fixture_open(f);
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	fixture_close(f);
}

/* At whatever write the process dies; what it had done before is done still. */
static void test_rows_and_manifest_die_together(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;
	bool ended = false;
	fixture_close(f);
	for (unsigned at = 1; !ended; at += WRITE_STEP) {
		file_make(f);
		ended = dying_child_ended(f, work, at);
		fixture_open(f);
		struct kms_mark mark = assert_sound(f);
		assert_true(mark.epoch >= last);
		last = mark.epoch;
		fixture_close(f);
	}
	assert_int_equal(last, 1 + 3 * 3);
}

/* ---- heads ---- */

static void test_a_head_moves_by_its_revision(void **state)
{
	struct fixture *f = *state;
	struct kms_audit_head head = sample_head(1), loaded;
	CLEANUP(mem_free_at) struct kms_audit_head *heads = NULL;
	size_t count = 0;
	assert_err(f->manifest.ops->head_load(f->manifest.self, "log-1", &loaded), E_NOT_FOUND);
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	assert_err(f->manifest.ops->head_save(f->manifest.self, &head), E_STORE_CONFLICT);
	head.revision = 2;
	head.sequence = 99;
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	assert_err(f->manifest.ops->head_save(f->manifest.self, &head), E_STORE_CONFLICT);
	head = sample_head(0);
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	assert_ok(f->manifest.ops->head_load(f->manifest.self, "log-1", &loaded));
	assert_int_equal(loaded.sequence, 99);
	assert_int_equal(loaded.revision, 2);
	assert_ok(f->manifest.ops->head_list(f->manifest.self, &heads, &count));
	assert_int_equal(count, 2);
	assert_string_equal(heads[0].log, "log-0");
	assert_string_equal(heads[1].chain, loaded.chain);
	assert_memory_equal(heads[1].hash, loaded.hash, sizeof loaded.hash);
	(void)assert_sound(f);
}

/* As a program of schema 5 left it, in the file and sealed. */
static void names_take_away(struct fixture *f)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	const struct kms_sealer sealer = fixture_sealer(f);
	struct sqlite_manifest_row now = f->store->manifest.now;
	struct store_manifest row;
	char seal[2 * KMS_SEAL_LEN + 1], sql[256];
	struct writer w;
	now.tally.nameless = true;
	store_manifest_write(now.epoch, &now.tally, &row);
	store_batch_init(&batch);
	assert_ok(store_batch_add(&batch, &store_table_manifest, &row));
	assert_ok(store_batch_seal(&batch, &sealer));
	writer_init(&w, seal, sizeof seal);
	hex_encode(&w, VIEW_ARRAY(batch.rows[0].seal));
	assert_ok(writer_end_text(&w));
	assert_ok(text_format(sql, sizeof sql,
			      "UPDATE manifest SET cells=substr(cells,1,%zu), seal=x'%s'",
			      STORE_CELLS_LEN_NAMELESS, seal));
	fixture_close(f);
	fixture_sql(f, sql);
	fixture_open(f);
}

/* What is said of the one alias that is gone meanwhile. */
static void alias_row(struct fixture *f, char out[KMS_FINDING_ROW_MAX])
{
	const struct kms_survey_options options = {.anchor = mark_of(f)};
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	fixture_sql(f, "CREATE TABLE kept AS SELECT * FROM aliases; DELETE FROM aliases");
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, &s));
	fixture_sql(f, "INSERT INTO aliases SELECT * FROM kept; DROP TABLE kept");
	assert_err(s.verdict, E_STORE_MANIFEST);
	assert_int_equal(s.finding_count, 1);
	assert_int_equal(s.findings[0].kind, KMS_FINDING_MISSING);
	assert_string_equal(s.findings[0].table, "aliases");
	assert_ok(text_copy(out, KMS_FINDING_ROW_MAX, view_of_text(s.findings[0].row)));
}

static void test_a_manifest_of_before_there_were_names_takes_them_with_a_commit(void **state)
{
	struct fixture *f = *state;
	const struct kms_outbox_record record = sample_record(50);
	const struct kms_alias alias = sample_alias(1, 1);
	struct kms_audit_head head = sample_head(1);
	char row[KMS_FINDING_ROW_MAX];
	assert_ok(sample_create(f, 1));
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &record));
	names_take_away(f);
	(void)assert_sound(f);
	alias_row(f, row);
	assert_string_equal(row, "");
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	(void)assert_sound(f);
	alias_row(f, row);
	assert_string_equal(row, "account=123456789012 region=eu-test-1 name=alias/sample-0001");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define TEST_BEFORE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_commit_is_an_epoch),
		TEST(test_what_failed_is_forgotten_before_others_may_write),
		TEST(test_it_denies_marks_that_it_never_had),
		TEST(test_an_advisory_commit_is_none),
		TEST(test_a_failed_transaction_leaves_no_trace),
		TEST(test_nothing_is_committed_without_the_seal_of_the_manifest),
		TEST_BEFORE(test_a_store_without_a_manifest_commits),
		TEST(test_the_manifest_goes_on_after_a_restart),
		TEST(test_rows_and_manifest_die_together),
		TEST(test_a_head_moves_by_its_revision),
		TEST(test_a_manifest_of_before_there_were_names_takes_them_with_a_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
