/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While the service runs: rows that carry a seal of ours, and are not those of the manifest, are
 * refused when they are read, and so are rows that are missing. What another process commits is
 * believed.
 */
#include "tampering.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

static const char *wrong(const struct tamper_subject *subject, size_t at, struct err e)
{
	static char text[128];
	assert_ok(text_format(text, sizeof text, "subject %zu of %s: %s", at, subject->table->name,
			      err_name(e)));
	return text;
}

static void assert_reads(struct fixture *f, const struct store_table *table, enum err_code wanted)
{
	for (size_t i = 0; i < TAMPER_COUNT; i++) {
		const struct tamper_subject *subject = &tamper_subjects[i];
		if (subject->table != table)
			continue;
		struct err e = subject->read(f);
		if (e.code != wanted)
			print_error("%s\n", wrong(subject, i, e));
		assert_int_equal(e.code, wanted);
	}
}

/* --init reads the installation, and nobody else: no epoch is noted for it. */
static bool is_read(const struct store_table *table)
{
	return table != &store_table_principals;
}

static void test_an_older_state_is_refused(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		if (!is_read(table))
			continue;
		tampering_change(f, table);
		tampering_put_back(f, table);
		(void)fixture_log(f);
		assert_reads(f, table, E_STORE_SEAL);
		assert_non_null(strstr(fixture_log(f), "not the one that the manifest has"));
	}
}

static void test_a_deleted_row_that_is_put_back_is_refused(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		if (!is_read(table))
			continue;
		tampering_remove(f, table);
		tampering_put_back(f, table);
		assert_reads(f, table, E_STORE_SEAL);
	}
}

static void test_a_missing_row_is_refused(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < TAMPER_COUNT; i++) {
		const struct tamper_subject *subject = &tamper_subjects[i];
		tampering_delete(f, subject->table);
		struct err e = subject->read(f);
		if (e.code != subject->deleted)
			print_error("%s\n", wrong(subject, i, e));
		assert_int_equal(e.code, subject->deleted);
		tampering_restore(f, subject->table);
		e = subject->read(f);
		if (err_failed(e))
			print_error("%s\n", fixture_log(f));
		assert_ok(e);
	}
}

static void test_what_was_removed_may_be_missing(void **state)
{
	struct fixture *f = *state;
	tampering_remove(f, &store_table_aliases);
	assert_err(tamper_read(f, TAMPER_ALIAS), E_NOT_FOUND);
	tampering_remove(f, &store_table_sessions);
	assert_err(tamper_read(f, TAMPER_SESSION), E_NOT_FOUND);
	tampering_remove(f, &store_table_grants);
	assert_err(tamper_read(f, TAMPER_GRANT), E_NOT_FOUND);
	assert_ok(tamper_read(f, TAMPER_EACH_GRANT));
}

/* Decrypting with what is left would be one thing; another, to take an older version for the last.
 */
static void test_a_key_without_one_of_its_versions_is_refused(void **state)
{
	struct fixture *f = *state;
	tampering_delete(f, &store_table_versions);
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "some of these rows are missing"));
}

static void test_a_writer_does_not_commit_over_a_planted_row(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 1), newer = sample_alias(1, 2);
	struct kms_outbox_record records[] = {sample_record(300), sample_record(301)};
	newer.revision = 2;
	assert_ok(f->catalog.ops->alias_update(f->catalog.self, &newer, &records[0]));
	tampering_put_back(f, &store_table_aliases);
	struct kms_mark before, after;
	assert_ok(f->manifest.ops->mark(f->manifest.self, &before));
	assert_err(f->catalog.ops->alias_delete(f->catalog.self, &alias, &records[1]),
		   E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "store.write_refused"));
	assert_ok(f->manifest.ops->mark(f->manifest.self, &after));
	assert_int_equal(before.epoch, after.epoch);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id LIKE '%12d'"),
			 0);
	/* Others are served on. */
	alias = sample_alias(9, 1);
	assert_ok(f->catalog.ops->alias_create(f->catalog.self, &alias, &records[1]));
}

static void test_a_writer_does_not_take_the_place_of_a_stolen_row(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 2);
	struct kms_outbox_record record = sample_record(300);
	tampering_delete(f, &store_table_aliases);
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record), E_STORE_SEAL);
}

static struct err doubt(struct fixture *f)
{
	return f->manifest.ops->doubt(f->manifest.self);
}

/* The whole of yesterday: file, rows and manifest agree with each other. */
static void test_an_older_manifest_is_refused_while_running(void **state)
{
	struct fixture *f = *state;
	struct kms_outbox_record record = sample_record(300);
	struct kms_alias alias = sample_alias(9, 1);
	fixture_sql(f, "CREATE TABLE kept_manifest AS SELECT * FROM manifest");
	tampering_change(f, &store_table_keys);
	tampering_put_back(f, &store_table_keys);
	fixture_sql(f, "DELETE FROM manifest; INSERT INTO manifest SELECT * FROM kept_manifest");
	assert_ok(doubt(f));
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_ROLLED_BACK);
	assert_err(tamper_read(f, TAMPER_GRANT), E_STORE_ROLLED_BACK);
	assert_err(doubt(f), E_STORE_ROLLED_BACK);
	assert_ok(doubt(f)); /* told once */
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record),
		   E_STORE_ROLLED_BACK);
	assert_err(doubt(f), E_STORE_ROLLED_BACK); /* of the writer */
	fixture_sql(f, "DELETE FROM manifest");
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_ROLLED_BACK);
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record),
		   E_STORE_MANIFEST);
}

/* Epochs that nobody sealed are not believed, in either direction. */
static void test_a_changed_epoch_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE manifest SET epoch=epoch+1");
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_MANIFEST);
	assert_err(doubt(f), E_STORE_MANIFEST);
	fixture_sql(f, "UPDATE manifest SET epoch=epoch-1");
	assert_ok(tamper_read(f, TAMPER_KEY));
}

static void test_rows_that_are_refused_are_no_doubt(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 1);
	tampering_change(f, &store_table_aliases);
	tampering_put_back(f, &store_table_aliases);
	assert_err(tamper_read(f, TAMPER_ALIAS), E_STORE_SEAL);
	struct kms_outbox_record record = sample_record(300);
	(void)err_failed(f->catalog.ops->alias_delete(f->catalog.self, &alias, &record));
	tampering_delete(f, &store_table_grants);
	assert_err(tamper_read(f, TAMPER_GRANT), E_STORE_SEAL);
	assert_ok(doubt(f));
}

/* ---- frozen ---- */

static void test_a_frozen_store_commits_nothing(void **state)
{
	struct fixture *f = *state;
	struct kms_mark before, after;
	struct kms_alias alias = sample_alias(9, 1);
	struct kms_outbox_record record = sample_record(300);
	const struct kms_last_use use = {.scope = sample_scope, .time_ms = 1};
	assert_ok(f->manifest.ops->mark(f->manifest.self, &before));
	f->manifest.ops->freeze(f->manifest.self);
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record), E_DISTRUSTED);
	assert_err(f->catalog.ops->last_use_save(f->catalog.self, &use, 1), E_DISTRUSTED);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &after));
	assert_int_equal(before.epoch, after.epoch);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id LIKE '%12c'"),
			 0);
	assert_ok(tamper_read(f, TAMPER_KEY)); /* who looks for what is wrong may read */
	assert_ok(doubt(f));
}

/* The token was waited for meanwhile. */
static void freeze_now(void *user)
{
	struct fixture *f = user;
	f->manifest.ops->freeze(f->manifest.self);
}

static void test_what_was_about_to_be_committed_is_not(void **state)
{
	struct fixture *f = *state;
	struct kms_mark before, after;
	struct kms_alias alias = sample_alias(9, 1);
	struct kms_outbox_record record = sample_record(300);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &before));
	f->while_sealing_user = f;
	f->while_sealing = freeze_now;
	assert_err(f->catalog.ops->alias_create(f->catalog.self, &alias, &record), E_DISTRUSTED);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &after));
	assert_int_equal(before.epoch, after.epoch);
}

/* ---- two processes ---- */

struct two {
	struct fixture *f;
	struct fixture other; /* the same file, opened again */
};

static int two_setup(void **state)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	const struct kms_survey_options none = {0};
	struct two *two = NULL;
	assert_ok(MEM_NEW(&two));
	(void)tamper_setup((void **)&two->f);
	struct fixture *f = two->f;
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	two->other = *f;
	two->other.store = NULL;
	fixture_open(&two->other);
	assert_ok(two->other.manifest.ops->survey(two->other.manifest.self, &none, &s));
	assert_ok(s.verdict);
	*state = two;
	return 0;
}

/* What others commit, and rows that alone are refused, is never a reason to doubt the whole. */
static int two_teardown(void **state)
{
	struct two *two = *state;
	void *f = two->f;
	assert_ok(doubt(two->f));
	assert_ok(doubt(&two->other));
	fixture_close(&two->other);
	mem_free(two);
	return fixture_teardown(&f);
}

static void assert_all_read(struct fixture *f)
{
	for (size_t i = 0; i < TAMPER_COUNT; i++)
		assert_ok(tamper_subjects[i].read(f));
}

static void test_what_another_process_commits_is_believed(void **state)
{
	struct two *two = *state;
	for (uint32_t n = 20; n < 30; n++) {
		struct kms_grant grant = sample_grant(n, 1);
		struct kms_outbox_record record = sample_record(600 + n);
		struct fixture *one = n % 2 ? two->f : &two->other;
		assert_ok(one->grants.ops->create(one->grants.self, &grant, &record));
		assert_all_read(two->f);
		assert_all_read(&two->other);
	}
	for (size_t i = 0; i < store_sealed_count; i++)
		if (store_sealed_tables[i] == &store_table_aliases)
			tampering_remove(two->f, store_sealed_tables[i]);
	assert_err(tamper_read(two->f, TAMPER_ALIAS), E_NOT_FOUND);
	assert_err(tamper_read(&two->other, TAMPER_ALIAS), E_NOT_FOUND);
}

/* More rows than the manifest can name: the other looks at all of them. */
static void test_many_changes_of_another_process_are_believed(void **state)
{
	struct two *two = *state;
	const struct auth_identities *to = &two->f->identities;
	for (uint32_t n = 100; n < 300; n++) {
		struct auth_session session = sample_session(n);
		assert_ok(to->session_add(to->self, &session, NULL));
	}
	assert_all_read(&two->other);
	assert_ok(to->session_sweep(to->self, INT64_MAX));
	assert_err(tamper_read(&two->other, TAMPER_SESSION), E_NOT_FOUND);
	struct auth_session session = sample_session(400);
	assert_ok(two->other.identities.session_add(two->other.identities.self, &session, NULL));
	assert_ok(tamper_read(two->f, TAMPER_SESSIONS));
}

/* The writer itself is the first to notice. */
static void test_a_writer_follows_many_changes_of_another_process(void **state)
{
	struct two *two = *state;
	const struct auth_identities *to = &two->f->identities;
	for (uint32_t n = 100; n < 300; n++) {
		struct auth_session session = sample_session(n);
		assert_ok(to->session_add(to->self, &session, NULL));
	}
	struct auth_session session = sample_session(400);
	assert_ok(two->other.identities.session_add(two->other.identities.self, &session, NULL));
	assert_all_read(&two->other);
	assert_all_read(two->f);
}

/* A grant that the other process revoked, and somebody put back. */
static void test_what_another_process_removed_stays_removed(void **state)
{
	struct two *two = *state;
	fixture_sql(two->f, "CREATE TABLE kept AS SELECT * FROM grants");
	tampering_remove(two->f, &store_table_grants);
	fixture_sql(two->f, "INSERT OR IGNORE INTO grants SELECT * FROM kept");
	assert_err(tamper_read(&two->other, TAMPER_GRANT), E_STORE_SEAL);
	assert_err(tamper_read(&two->other, TAMPER_EACH_GRANT), E_STORE_SEAL);
	assert_err(tamper_read(two->f, TAMPER_GRANT), E_STORE_SEAL);
}

/* ---- between reading and judging ---- */

static uint64_t head_read(struct fixture *f)
{
	struct kms_audit_head head;
	assert_ok(f->manifest.ops->head_load(f->manifest.self, sample_head(1).log, &head));
	return head.revision;
}

static void head_move(struct fixture *f)
{
	struct kms_audit_head head = sample_head(1);
	head.revision = head_read(f) + 1;
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
}

/* The other process goes on, and another thread of this one sees where it has come to. */
static void go_on(void *user)
{
	struct two *two = user;
	head_move(&two->other);
	tampering_remove(&two->other, &store_table_grants);
	assert_ok(tamper_read(two->f, TAMPER_IDENTITY));
}

/* A state that was met, and that what is expected has leapt over. */
static void test_what_was_so_when_it_was_read_is_believed(void **state)
{
	struct two *two = *state;
	uint64_t revision = head_read(two->f);
	head_move(&two->other);
	two->f->while_sealing_user = two;
	two->f->while_sealing = go_on;
	assert_int_equal(head_read(two->f), revision + 1);
	assert_int_equal(head_read(two->f), revision + 2);

	head_move(&two->other);
	two->f->while_sealing = go_on;
	assert_ok(tamper_read(two->f, TAMPER_EACH_GRANT));
}

/* What anchoring asks when the token has a later mark than this process has seen. */
static void test_reading_a_head_tells_how_far_others_have_come(void **state)
{
	struct two *two = *state;
	struct kms_mark ours, theirs;
	struct kms_audit_head head;
	head_move(&two->other);
	assert_err(two->f->manifest.ops->head_load(two->f->manifest.self, "no-such-log", &head),
		   E_NOT_FOUND);
	assert_ok(two->f->manifest.ops->mark(two->f->manifest.self, &ours));
	assert_ok(two->other.manifest.ops->mark(two->other.manifest.self, &theirs));
	assert_memory_equal(&ours, &theirs, sizeof ours);
	head_move(&two->other);
	(void)head_read(two->f);
	assert_ok(two->f->manifest.ops->mark(two->f->manifest.self, &ours));
	assert_int_equal(ours.epoch, theirs.epoch + 1);
}

static void put_back(void *user)
{
	struct two *two = user;
	go_on(two);
	fixture_sql(two->f, "INSERT OR IGNORE INTO grants SELECT * FROM kept");
}

/* And what was not so is refused, however much has happened since. */
static void test_what_was_not_so_when_it_was_read_is_refused(void **state)
{
	struct two *two = *state;
	fixture_sql(two->f, "CREATE TABLE kept AS SELECT * FROM grants");
	tampering_remove(&two->other, &store_table_grants);
	fixture_sql(two->f, "INSERT OR IGNORE INTO grants SELECT * FROM kept");
	two->f->while_sealing_user = two;
	two->f->while_sealing = put_back;
	assert_err(tamper_read(two->f, TAMPER_EACH_GRANT), E_STORE_SEAL);
}

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct fixture *f;
	uint32_t number;
	struct err result;
};

#define ROUNDS 30

static struct err tolerate(struct err e)
{
	return err_is(e, E_STORE_BUSY) ? OK : e;
}

static struct err grant_come_and_go(struct fixture *f, uint32_t n)
{
	struct kms_grant grant = sample_grant(n, 1);
	struct kms_outbox_record records[] = {sample_record(2 * n), sample_record(2 * n + 1)};
	TRY(f->grants.ops->create(f->grants.self, &grant, &records[0]));
	return f->grants.ops->remove(f->grants.self, &grant, &records[1]);
}

static void *write_on(void *user)
{
	struct worker *worker = user;
	for (uint32_t i = 0; i < ROUNDS && !err_failed(worker->result); i++)
		worker->result = grant_come_and_go(worker->f, 10000 + worker->number * 1000 + i);
	return NULL;
}

static struct err survey_beside(struct fixture *f)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	struct kms_survey_options options = {0};
	TRY(f->manifest.ops->mark(f->manifest.self, &options.anchor));
	TRY(f->manifest.ops->survey(f->manifest.self, &options, &s));
	return s.verdict;
}

static void *read_on(void *user)
{
	struct worker *worker = user;
	worker->result = survey_beside(worker->f);
	for (uint32_t i = 0; i < ROUNDS && !err_failed(worker->result); i++)
		for (size_t k = 0; k < TAMPER_COUNT && !err_failed(worker->result); k++)
			worker->result = tolerate(tamper_subjects[k].read(worker->f));
	return NULL;
}

static void workers_run(struct worker *workers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
						i % 2 ? read_on : write_on, &workers[i]),
				 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_ok(workers[i].result);
	}
}

static void test_readers_and_writers_of_two_processes_agree(void **state)
{
	struct two *two = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	struct kms_survey_options options = {0};
	struct worker workers[8];
	for (uint32_t i = 0; i < ARRAY_LEN(workers); i++)
		workers[i] = (struct worker){
			.f = i < 4 ? two->f : &two->other, .number = i, .result = OK};
	workers_run(workers, ARRAY_LEN(workers));
	assert_all_read(two->f);
	assert_all_read(&two->other);
	assert_ok(two->f->manifest.ops->mark(two->f->manifest.self, &options.anchor));
	assert_ok(two->other.manifest.ops->survey(two->other.manifest.self, &options, &s));
	assert_int_equal(s.found, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tampering_setup, fixture_teardown)
#define TEST_TWO(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_older_state_is_refused),
		TEST(test_a_deleted_row_that_is_put_back_is_refused),
		TEST(test_a_missing_row_is_refused),
		TEST(test_what_was_removed_may_be_missing),
		TEST(test_a_key_without_one_of_its_versions_is_refused),
		TEST(test_a_writer_does_not_commit_over_a_planted_row),
		TEST(test_a_writer_does_not_take_the_place_of_a_stolen_row),
		TEST(test_an_older_manifest_is_refused_while_running),
		TEST(test_a_changed_epoch_is_refused),
		TEST(test_rows_that_are_refused_are_no_doubt),
		TEST(test_a_frozen_store_commits_nothing),
		TEST(test_what_was_about_to_be_committed_is_not),
		TEST_TWO(test_what_another_process_commits_is_believed),
		TEST_TWO(test_many_changes_of_another_process_are_believed),
		TEST_TWO(test_a_writer_follows_many_changes_of_another_process),
		TEST_TWO(test_what_another_process_removed_stays_removed),
		TEST_TWO(test_what_was_so_when_it_was_read_is_believed),
		TEST_TWO(test_reading_a_head_tells_how_far_others_have_come),
		TEST_TWO(test_what_was_not_so_when_it_was_read_is_refused),
		TEST_TWO(test_readers_and_writers_of_two_processes_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
