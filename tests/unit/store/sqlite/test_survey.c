/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole against its manifest: whatever somebody does to a sealed table behind the service is
 * found by a survey, by kind and by name, in every table that there is.
 */
#include "tampering.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

static struct err survey_with(struct fixture *f, struct kms_mark anchor, struct kms_survey *out)
{
	const struct kms_survey_options options = {.anchor = anchor};
	kms_survey_cleanup(out);
	return f->manifest.ops->survey(f->manifest.self, &options, out);
}

/* With the token as new as the store. */
static void survey(struct fixture *f, struct kms_survey *out)
{
	struct kms_mark mark;
	assert_ok(f->manifest.ops->mark(f->manifest.self, &mark));
	assert_ok(survey_with(f, mark, out));
}

static void say(const struct kms_survey *s)
{
	print_error("verdict %s, %llu found\n", err_name(s->verdict), (unsigned long long)s->found);
	for (size_t i = 0; i < s->finding_count; i++)
		print_error("  %s %s %s\n", kms_finding_name(s->findings[i].kind),
			    s->findings[i].table, s->findings[i].row);
}

/* One that was looked for. */
struct wanted {
	enum kms_finding_kind kind;
	const struct store_table *table;
	const char *row; /* NULL: any */
};

static bool has(const struct kms_survey *s, const struct wanted *wanted)
{
	for (size_t i = 0; i < s->finding_count; i++) {
		const struct kms_finding *finding = &s->findings[i];
		if (finding->kind == wanted->kind &&
		    text_equal(finding->table, wanted->table->name) &&
		    (wanted->row == NULL || text_equal(finding->row, wanted->row)))
			return true;
	}
	return false;
}

static void assert_found(struct fixture *f, enum err_code verdict, const struct wanted *wanted,
			 size_t count)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	survey(f, &s);
	bool all = s.verdict.code == verdict && s.found == count && s.finding_count == count;
	for (size_t i = 0; i < count; i++)
		all = all && has(&s, &wanted[i]);
	if (!all)
		say(&s);
	assert_true(all);
}

#define ASSERT_FOUND(f, verdict, ...)                                      \
	assert_found((f), (verdict), (const struct wanted[]){__VA_ARGS__}, \
		     ARRAY_LEN(((const struct wanted[]){__VA_ARGS__})))

static void assert_sound(struct fixture *f)
{
	assert_found(f, E_OK, NULL, 0);
}

/* ---- every table ---- */

static void test_an_untouched_store_is_sound(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	survey(f, &s);
	assert_ok(s.verdict);
	assert_int_equal(s.mark.epoch, 1);
	assert_int_equal(s.found, 0);
	for (size_t i = 0; i < store_sealed_count; i++)
		s.rows -= (uint64_t)tampering_rows(f, store_sealed_tables[i]);
	assert_int_equal(s.rows, 0);
}

static void column_change(struct fixture *f, const struct store_table *table, size_t column)
{
	char was[STORE_KEY_TEXT], is[STORE_KEY_TEXT];
	tampering_name(f, table, was);
	tampering_column(f, table, column);
	if (column < table->key_count) {
		tampering_name(f, table, is);
		assert_string_not_equal(was, is);
		ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_CHANGED, table, is},
			     {KMS_FINDING_MISSING, table, was});
	} else {
		ASSERT_FOUND(f, E_STORE_SEAL, {KMS_FINDING_CHANGED, table, was});
	}
	tampering_restore(f, table);
}

static void test_every_changed_column_is_found(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < store_sealed_count; i++)
		for (size_t k = 0; k < store_sealed_tables[i]->column_count; k++)
			column_change(f, store_sealed_tables[i], k);
	assert_sound(f);
}

static void test_a_changed_seal_is_found(void **state)
{
	struct fixture *f = *state;
	char sql[256], name[STORE_KEY_TEXT];
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		tampering_name(f, table, name);
		assert_ok(text_format(sql, sizeof sql,
				      "UPDATE \"%s\" SET seal=zeroblob(32) WHERE rowid="
				      "(SELECT min(rowid) FROM \"%s\")",
				      table->name, table->name));
		fixture_sql(f, sql);
		ASSERT_FOUND(f, E_STORE_SEAL, {KMS_FINDING_CHANGED, table, name});
		tampering_restore(f, table);
	}
	assert_sound(f);
}

/* Alone in their tables. */
static bool is_single(const struct store_table *table)
{
	return table == &store_table_installation || table == &store_table_clock_marks;
}

/* With the seal of another row, under another key: a grant of one key for another, too. */
static void test_a_planted_row_is_found(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		if (is_single(table))
			continue;
		tampering_plant(f, table);
		ASSERT_FOUND(f, E_STORE_SEAL, {KMS_FINDING_CHANGED, table, NULL});
		tampering_restore(f, table);
	}
	assert_sound(f);
}

static void test_swapped_contents_are_found(void **state)
{
	struct fixture *f = *state;
	char name[STORE_KEY_TEXT];
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		if (is_single(table))
			continue;
		tampering_name(f, table, name);
		tampering_swap(f, table);
		ASSERT_FOUND(f, E_STORE_SEAL, {KMS_FINDING_CHANGED, table, name},
			     {KMS_FINDING_CHANGED, table, NULL});
		tampering_restore(f, table);
	}
	assert_sound(f);
}

static void test_a_deleted_row_is_found(void **state)
{
	struct fixture *f = *state;
	char name[STORE_KEY_TEXT];
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		tampering_name(f, table, name);
		tampering_delete(f, table);
		ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_MISSING, table, name});
		tampering_restore(f, table);
	}
	assert_sound(f);
}

/* So that each table is judged by itself: the manifest takes what is there for the newest. */
static void accept_as_it_is(struct fixture *f)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	survey(f, &s);
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, NULL));
	assert_sound(f);
}

static void test_an_older_state_of_a_row_is_found(void **state)
{
	struct fixture *f = *state;
	char name[STORE_KEY_TEXT];
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		tampering_name(f, table, name);
		tampering_change(f, table);
		assert_sound(f);
		tampering_put_back(f, table);
		ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_OLDER, table, name});
		accept_as_it_is(f);
	}
}

static void test_a_deleted_row_that_is_put_back_is_found(void **state)
{
	struct fixture *f = *state;
	char name[STORE_KEY_TEXT];
	for (size_t i = 0; i < store_sealed_count; i++) {
		const struct store_table *table = store_sealed_tables[i];
		tampering_name(f, table, name);
		tampering_remove(f, table);
		assert_sound(f);
		tampering_put_back(f, table);
		ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_ADDED, table, name});
		accept_as_it_is(f);
	}
}

/* ---- many at once ---- */

/* A row that is refused and that stands beside the true one: with either gone, and then both,
 * nothing would be missed. */
static void test_two_rows_in_one_place_are_no_harmless_finding(void **state)
{
	struct fixture *f = *state;
	char name[STORE_KEY_TEXT];
	tampering_name(f, &store_table_identities, name);
	fixture_sql(f, "CREATE TABLE doubled AS SELECT * FROM identities;"
		       "INSERT INTO doubled SELECT * FROM identities ORDER BY rowid LIMIT 1;"
		       "UPDATE doubled SET seal=zeroblob(32) WHERE rowid="
		       "(SELECT max(rowid) FROM doubled);"
		       "DROP TABLE identities; ALTER TABLE doubled RENAME TO identities");
	ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_CHANGED, &store_table_identities, name});
}

static void test_findings_come_in_order_and_all_at_once(void **state)
{
	struct fixture *f = *state;
	char key[STORE_KEY_TEXT], grant[STORE_KEY_TEXT];
	tampering_name(f, &store_table_keys, key);
	tampering_name(f, &store_table_grants, grant);
	tampering_change(f, &store_table_grants);
	tampering_put_back(f, &store_table_grants);
	tampering_delete(f, &store_table_aliases);
	tampering_column(f, &store_table_keys, store_table_keys.key_count);
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	survey(f, &s);
	assert_err(s.verdict, E_STORE_MANIFEST);
	assert_int_equal(s.finding_count, 3);
	assert_int_equal(s.findings[0].kind, KMS_FINDING_MISSING);
	assert_string_equal(s.findings[0].table, "aliases");
	assert_int_equal(s.findings[1].kind, KMS_FINDING_OLDER);
	assert_string_equal(s.findings[1].row, grant);
	assert_int_equal(s.findings[2].kind, KMS_FINDING_CHANGED);
	assert_string_equal(s.findings[2].row, key);
}

static void sessions_make(struct fixture *f, uint32_t first, uint32_t count)
{
	for (uint32_t n = first; n < first + count; n++) {
		struct auth_session session = sample_session(n);
		assert_ok(f->identities.session_add(f->identities.self, &session, NULL));
	}
}

#define OF_THEM " WHERE access_key_id>='ASIA0000000000000100'"

static void test_forty_missing_rows_are_named(void **state)
{
	struct fixture *f = *state;
	sessions_make(f, 100, 40);
	assert_sound(f);
	fixture_sql(f, "DELETE FROM sessions" OF_THEM);
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	survey(f, &s);
	assert_err(s.verdict, E_STORE_MANIFEST);
	assert_int_equal(s.found, 40);
	for (size_t i = 0; i < s.finding_count; i++) {
		char row[STORE_KEY_TEXT];
		assert_int_equal(s.findings[i].kind, KMS_FINDING_MISSING);
		assert_ok(text_format(row, sizeof row, "access_key_id=ASIA%016zu", 100 + i));
		assert_string_equal(s.findings[i].row, row);
	}
}

static void test_more_than_can_be_named_are_found_still(void **state)
{
	struct fixture *f = *state;
	sessions_make(f, 100, 200);
	fixture_sql(f, "DELETE FROM sessions" OF_THEM);
	ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_UNKNOWN, &store_table_manifest, ""});
}

/* However many do not carry their seal: those are known one by one. */
static void test_many_changed_rows_are_all_named(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	sessions_make(f, 100, 200);
	fixture_sql(f, "UPDATE sessions SET expires_ms=expires_ms+1" OF_THEM);
	survey(f, &s);
	assert_err(s.verdict, E_STORE_SEAL);
	assert_int_equal(s.found, 200);
	fixture_sql(f, "UPDATE sessions SET seal=zeroblob(32) WHERE rowid<=2");
	survey(f, &s);
	assert_err(s.verdict, E_STORE_SEAL);
	assert_int_equal(s.found, 202);
}

static void test_a_digest_is_of_one_state(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey a = {0}, b = {0};
	tampering_delete(f, &store_table_aliases);
	survey(f, &a);
	survey(f, &b);
	assert_memory_equal(a.digest, b.digest, sizeof a.digest);
	/* The same kind of finding, of another row. */
	tampering_restore(f, &store_table_aliases);
	fixture_sql(f, "DELETE FROM aliases WHERE rowid=2");
	survey(f, &b);
	assert_int_equal(b.found, 1);
	assert_string_not_equal(a.findings[0].row, b.findings[0].row);
	assert_memory_not_equal(a.digest, b.digest, sizeof a.digest);
	assert_err(f->manifest.ops->accept(f->manifest.self, &a, NULL), E_STORE_CONFLICT);
}

/* ---- the manifest ---- */

static void test_a_changed_manifest_is_found(void **state)
{
	struct fixture *f = *state;
	static const char *const changes[] = {
		"epoch=epoch+1",       "\"rows\"=\"rows\"-1",
		"hash=zeroblob(2048)", "cells=zeroblob(length(cells))",
		"seal=zeroblob(32)",   "hash=x'00'"};
	fixture_sql(f, "CREATE TABLE kept_manifest AS SELECT * FROM manifest");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		char sql[128];
		assert_ok(text_format(sql, sizeof sql, "UPDATE manifest SET %s", changes[i]));
		fixture_sql(f, sql);
		ASSERT_FOUND(f, E_STORE_MANIFEST,
			     {KMS_FINDING_MANIFEST, &store_table_manifest, "id=1"});
		fixture_sql(f, "DELETE FROM manifest;"
			       "INSERT INTO manifest SELECT * FROM kept_manifest");
	}
	assert_sound(f);
	fixture_sql(f, "DELETE FROM manifest");
	ASSERT_FOUND(f, E_STORE_MANIFEST, {KMS_FINDING_MANIFEST, &store_table_manifest, ""});
}

/* Whatever the token has: this process has seen one. */
static void test_a_manifest_that_was_seen_must_be_there(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	const struct kms_mark none = {0};
	fixture_sql(f, "DELETE FROM manifest");
	assert_ok(survey_with(f, none, &s));
	assert_err(s.verdict, E_STORE_MANIFEST);
}

static void copy_path(const struct fixture *f, char out[128])
{
	assert_ok(text_format(out, 128, "%s/copy.db", f->folder));
}

/* The service is stopped, the copy takes the place of the store, and it starts again. */
static void copy_place(struct fixture *f)
{
	char copy[128], sql[512];
	copy_path(f, copy);
	fixture_close(f);
	assert_int_equal(unlink(f->path), 0);
	assert_ok(text_format(sql, sizeof sql, "VACUUM INTO '%s'", f->path));
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	fixture_open(f);
}

static void test_an_older_file_is_rolled_back(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	struct kms_mark anchor;
	char copy[128];
	copy_path(f, copy);
	assert_ok(f->manifest.ops->copy(f->manifest.self, copy));
	assert_err(f->manifest.ops->copy(f->manifest.self, copy), E_EXISTS);
	tampering_change(f, &store_table_keys);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &anchor));
	assert_int_equal(anchor.epoch, 2);
	copy_place(f);
	assert_ok(survey_with(f, anchor, &s));
	assert_err(s.verdict, E_STORE_ROLLED_BACK);
	assert_int_equal(s.finding_count, 1);
	assert_int_equal(s.findings[0].kind, KMS_FINDING_ROLLED_BACK);
	assert_string_equal(s.findings[0].row, "epoch=1 anchor=2");
}

static void test_another_history_is_forked(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	struct kms_mark anchor;
	char copy[128];
	copy_path(f, copy);
	assert_ok(f->manifest.ops->copy(f->manifest.self, copy));
	tampering_change(f, &store_table_keys);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &anchor));
	copy_place(f);
	tampering_change(f, &store_table_grants);
	assert_ok(survey_with(f, anchor, &s));
	assert_err(s.verdict, E_HSM_ANCHOR);
	assert_int_equal(s.findings[0].kind, KMS_FINDING_FORKED);
}

static void test_a_token_without_an_anchor_is_another_history(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	const struct kms_mark none = {0};
	assert_ok(survey_with(f, none, &s)); /* the first: it is about to be anchored */
	assert_ok(s.verdict);
	tampering_change(f, &store_table_keys);
	assert_ok(survey_with(f, none, &s));
	assert_err(s.verdict, E_HSM_ANCHOR);
}

/* ---- the first one, and one that an operator accepts ---- */

static void test_a_manifest_begins_once(void **state)
{
	struct fixture *f = *state;
	assert_err(f->manifest.ops->begin(f->manifest.self), E_EXISTS);
}

static void test_no_manifest_begins_over_a_changed_row(void **state)
{
	struct fixture *f = *state;
	struct kms_mark mark;
	fixture_sql(f, "UPDATE keys SET state=3 WHERE rowid=1");
	assert_err(f->manifest.ops->begin(f->manifest.self), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "table=\"keys\""));
	assert_ok(f->manifest.ops->mark(f->manifest.self, &mark));
	assert_int_equal(mark.epoch, 0);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM manifest"), 0);
}

static void test_accepted_rows_stay_refused(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	struct kms_outbox_record record = sample_record(9000);
	char name[STORE_KEY_TEXT];
	tampering_name(f, &store_table_keys, name);
	tampering_column(f, &store_table_keys, store_table_keys.key_count);
	tampering_delete(f, &store_table_aliases);
	survey(f, &s);
	assert_err(s.verdict, E_STORE_MANIFEST);
	uint64_t before = s.mark.epoch;
	s.anchor.epoch += 40; /* not what was looked at */
	assert_err(f->manifest.ops->accept(f->manifest.self, &s, &record), E_STORE_CONFLICT);
	s.anchor.epoch -= 40;
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, &record));
	ASSERT_FOUND(f, E_STORE_SEAL, {KMS_FINDING_CHANGED, &store_table_keys, name});
	survey(f, &s);
	assert_true(s.mark.epoch > before);
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_SEAL);
	assert_int_equal(fixture_ask(f, "SELECT count(*) FROM outbox WHERE event_id LIKE '%2328'"),
			 1);
}

static void test_an_older_store_is_accepted_above_the_anchor(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	const struct kms_mark anchor = {.epoch = 77, .digest = {1}};
	assert_ok(survey_with(f, anchor, &s));
	assert_err(s.verdict, E_STORE_ROLLED_BACK);
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, NULL));
	assert_sound(f);
	survey(f, &s);
	assert_true(s.mark.epoch > 77);
}

/* The token was put back from a copy as well, and somebody kept the store of the day before: its
 * epoch is above the token's, and must not be above that of what is accepted. */
static void test_what_is_accepted_is_newer_than_any_store_of_before(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	const struct kms_mark anchor = {.epoch = 77, .digest = {1}};
	assert_ok(survey_with(f, anchor, &s));
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, NULL));
	survey(f, &s);
	const struct kms_mark first = s.mark;
	assert_true(first.epoch > (uint64_t)clock_real_ms(&f->clock.clock));

	/* and once more within the millisecond, or with a clock that was put back */
	const struct kms_mark later = {.epoch = first.epoch + 1, .digest = {1}};
	clock_manual_advance(&f->clock, 1 - clock_real_ms(&f->clock.clock));
	assert_ok(survey_with(f, later, &s));
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, NULL));
	survey(f, &s);
	assert_int_equal(s.mark.epoch, first.epoch + 2);
}

/* SQLite stops there: which table it is, and what helps, is told all the same. */
static void test_a_value_that_cannot_be_read_is_told(void **state)
{
	struct fixture *f = *state;
	struct kms_survey_options options = {0};
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	fixture_sql(f, "INSERT INTO audit_heads SELECT printf('%.*c',2000000,'x'),chain,revision,"
		       "sequence,hash,seal FROM audit_heads LIMIT 1");
	(void)fixture_log(f);
	assert_err(f->manifest.ops->survey(f->manifest.self, &options, &s), E_STORE);
	assert_non_null(strstr(fixture_log(f), "store.damaged table=\"audit_heads\""));
}

/* With no table in it but those of the schema. */
static int plain_setup(void **state)
{
	(void)tamper_setup(state);
	struct fixture *f = *state;
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tampering_setup, fixture_teardown)
#define TEST_PLAIN(name) cmocka_unit_test_setup_teardown(name, plain_setup, fixture_teardown)
#define TEST_BEFORE(name) cmocka_unit_test_setup_teardown(name, tamper_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_untouched_store_is_sound),
		TEST(test_every_changed_column_is_found),
		TEST(test_a_changed_seal_is_found),
		TEST(test_a_planted_row_is_found),
		TEST(test_swapped_contents_are_found),
		TEST(test_a_deleted_row_is_found),
		TEST(test_an_older_state_of_a_row_is_found),
		TEST(test_a_deleted_row_that_is_put_back_is_found),
		TEST(test_two_rows_in_one_place_are_no_harmless_finding),
		TEST(test_findings_come_in_order_and_all_at_once),
		TEST(test_forty_missing_rows_are_named),
		TEST(test_more_than_can_be_named_are_found_still),
		TEST(test_many_changed_rows_are_all_named),
		TEST(test_a_digest_is_of_one_state),
		TEST(test_a_changed_manifest_is_found),
		TEST(test_a_manifest_that_was_seen_must_be_there),
		TEST(test_a_value_that_cannot_be_read_is_told),
		TEST_PLAIN(test_an_older_file_is_rolled_back),
		TEST_PLAIN(test_another_history_is_forked),
		TEST(test_a_token_without_an_anchor_is_another_history),
		TEST(test_a_manifest_begins_once),
		TEST_BEFORE(test_no_manifest_begins_over_a_changed_row),
		TEST(test_accepted_rows_stay_refused),
		TEST(test_an_older_store_is_accepted_above_the_anchor),
		TEST(test_what_is_accepted_is_newer_than_any_store_of_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
