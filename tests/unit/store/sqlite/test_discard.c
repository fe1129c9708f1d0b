/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that do not carry their seal, taken out by an operator: of every table that there is,
 * however many, and none that is sound. */
#include "tampering.h"

#include <string.h>

#include "base/text.h"

#define MANY 4500 /* more than one pass takes */

static void survey(struct fixture *f, struct kms_survey *out)
{
	struct kms_survey_options options = {.progress = NULL};
	kms_survey_cleanup(out);
	*out = (struct kms_survey){0};
	assert_ok(f->manifest.ops->mark(f->manifest.self, &options.anchor));
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, out));
}

static void discard(struct fixture *f, uint64_t *removed, uint64_t *left)
{
	assert_ok(f->manifest.ops->discard(f->manifest.self, removed, left));
}

/* Discarded or not, the operator accepts what is there then. */
static void accept(struct fixture *f, struct kms_survey *out)
{
	survey(f, out);
	assert_ok(f->manifest.ops->accept(f->manifest.self, out, NULL));
	survey(f, out);
}

/* Sound rows hang on the first row of these, or all others do. */
static bool is_held(const struct store_table *table)
{
	return table == &store_table_keys || table == &store_table_installation;
}

static void assert_named(struct fixture *f, const struct store_table *table, const char *row)
{
	char wanted[STORE_KEY_TEXT + 128];
	assert_ok(text_format(wanted, sizeof wanted, "store.row_discarded table=\"%s\" row=\"%s\"",
			      table->name, row));
	const char *log = fixture_log(f);
	if (strstr(log, wanted) == NULL)
		print_error("wanted: %s\nlog: %s\n", wanted, log);
	assert_non_null(strstr(log, wanted));
}

/* One row of one table, with a store of its own. */
static void discard_of(const struct store_table *table)
{
	void *state = NULL;
	char name[STORE_KEY_TEXT];
	uint64_t removed = 0, left = 0;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	(void)tampering_setup(&state);
	struct fixture *f = state;
	int64_t rows = tampering_rows(f, table);
	tampering_name(f, table, name);
	tampering_column(f, table, table->column_count - 1);
	survey(f, &s);
	assert_err(s.verdict, E_STORE_SEAL);
	assert_int_equal(s.found, 1);
	(void)fixture_log(f);
	discard(f, &removed, &left);
	bool held = left == 1;
	if (held != is_held(table))
		print_error("%s: removed %d, left %d\n", table->name, (int)removed, (int)left);
	assert_int_equal(held, is_held(table));
	assert_int_equal(removed + left, 1);
	assert_int_equal(tampering_rows(f, table), rows - (held ? 0 : 1));
	if (!held)
		assert_named(f, table, name);
	accept(f, &s);
	assert_int_equal(s.found, held);
	assert_err(s.verdict, held ? E_STORE_SEAL : E_OK);
	(void)fixture_teardown(&state);
}

static void test_a_row_of_every_table(UNUSED void **state)
{
	for (size_t i = 0; i < store_sealed_count; i++)
		discard_of(store_sealed_tables[i]);
}

/* What keeps the service from starting is read again. */
static void test_what_was_discarded_is_in_nobodys_way(void **state)
{
	static const struct store_table *const tables[] = {
		&store_table_outbox, &store_table_intents, &store_table_audit_heads};
	static const enum tamper_id readers[] = {TAMPER_OUTBOX, TAMPER_INTENTS, TAMPER_HEADS};
	struct fixture *f = *state;
	uint64_t removed = 0, left = 0;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		tampering_column(f, tables[i], tables[i]->column_count - 1);
		tampering_plant(f, tables[i]);
		assert_err(tamper_read(f, readers[i]), E_STORE_SEAL);
	}
	discard(f, &removed, &left);
	assert_int_equal(removed, 2 * ARRAY_LEN(tables));
	assert_int_equal(left, 0);
	accept(f, &s);
	assert_ok(s.verdict);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		assert_ok(tamper_read(f, readers[i]));
}

/* SQLite does not delete a row that an index lacks. */
static void test_a_row_that_an_index_lacks(void **state)
{
	struct fixture *f = *state;
	uint64_t removed = 0, left = 0;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	tampering_column(f, &store_table_aliases, store_table_aliases.column_count - 1);
	tampering_index_empty(f, "aliases_of_key");
	discard(f, &removed, &left);
	assert_int_equal(removed, 1);
	assert_int_equal(left, 0);
	accept(f, &s);
	assert_ok(s.verdict);
}

/* A key of which no row is sound goes with the last of them. */
static void test_what_hung_on_a_row_goes_before_it(void **state)
{
	struct fixture *f = *state;
	uint64_t removed = 0, left = 0;
	fixture_sql(f, "UPDATE keys SET seal=zeroblob(32);UPDATE versions SET seal=zeroblob(32);"
		       "UPDATE aliases SET seal=zeroblob(32);UPDATE tags SET seal=zeroblob(32);"
		       "UPDATE grants SET seal=zeroblob(32)");
	discard(f, &removed, &left);
	assert_true(removed > 0);
	assert_int_equal(left, 0);
	assert_int_equal(tampering_rows(f, &store_table_keys), 0);
}

/* However many are only refused. */
static void assert_tells_graver(struct fixture *f)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	int64_t root = tampering_index_root(f, "aliases_of_key");
	bool told = false;
	tampering_index_empty(f, "aliases_of_key");
	survey(f, &s);
	assert_int_equal(s.finding_count, KMS_FINDINGS_MAX);
	for (size_t i = 0; i < s.finding_count; i++)
		told = told || s.findings[i].kind == KMS_FINDING_INDEX;
	assert_true(told);
	tampering_index_point(f, "aliases_of_key", root);
}

static void test_all_of_very_many_go_and_are_counted(void **state)
{
	struct fixture *f = *state;
	char sql[512];
	uint64_t removed = 0, left = 0;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	/* The first that is met stays. */
	fixture_sql(f, "UPDATE keys SET seal=zeroblob(32)");
	int64_t keys = tampering_rows(f, &store_table_keys);
	assert_ok(
		text_format(sql, sizeof sql,
			    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
			    "i<%d) INSERT INTO audit_heads SELECT 'forged-'||i,h.chain,h.revision,"
			    "h.sequence,h.hash,h.seal FROM n,(SELECT * FROM audit_heads LIMIT 1) h",
			    MANY));
	fixture_sql(f, sql);
	survey(f, &s);
	assert_int_equal(s.found, MANY + keys);
	assert_int_equal(s.finding_count, KMS_FINDINGS_MAX);
	assert_tells_graver(f);
	discard(f, &removed, &left);
	assert_int_equal(removed, MANY);
	assert_int_equal(left, keys);
}

/* The schema is put back: it is looked at, too. */
#define HEADS_OF "UPDATE sqlite_schema SET sql="
#define NAMED " WHERE name='audit_heads'"
static void plant_of_no_type(struct fixture *f)
{
	fixture_sql(f, "CREATE TABLE kept_sql AS SELECT sql FROM sqlite_schema" NAMED
		       ";PRAGMA writable_schema=ON;" HEADS_OF
		       "replace(replace(sql,'log TEXT NOT NULL PRIMARY','log PRIMARY'),"
		       "'STRICT','')" NAMED);
	fixture_sql(f, "INSERT INTO audit_heads SELECT NULL,chain,revision,sequence,hash,seal "
		       "FROM audit_heads LIMIT 1;INSERT INTO audit_heads SELECT 1.5,chain,"
		       "revision,sequence,hash,seal FROM audit_heads LIMIT 1");
	fixture_sql(f, "PRAGMA writable_schema=ON;" HEADS_OF "(SELECT sql FROM kept_sql)" NAMED);
}

/* Somebody wrote there what no program of ours would: it is in the way all the same. */
static void test_names_that_no_row_of_ours_has(void **state)
{
	struct fixture *f = *state;
	uint64_t removed = 0, left = 0;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	plant_of_no_type(f);
	fixture_sql(f, "INSERT INTO audit_heads SELECT printf('%.*c',300000,'x'),chain,revision,"
		       "sequence,hash,seal FROM audit_heads WHERE typeof(log)='text' LIMIT 1");
	survey(f, &s);
	assert_true(err_failed(s.verdict));
	discard(f, &removed, &left);
	assert_int_equal(removed, 3);
	assert_int_equal(left, 0);
	accept(f, &s);
	assert_ok(s.verdict);
	assert_int_equal(s.found, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tampering_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_of_every_table),
		TEST(test_what_was_discarded_is_in_nobodys_way),
		TEST(test_a_row_that_an_index_lacks),
		TEST(test_what_hung_on_a_row_goes_before_it),
		TEST(test_all_of_very_many_go_and_are_counted),
		TEST(test_names_that_no_row_of_ours_has),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
