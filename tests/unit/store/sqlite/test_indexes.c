/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes that have not what their tables have: a survey finds each, a list that reads one is
 * refused while the service runs, and the operator's acceptance makes them anew. And how often the
 * rows of a table are counted for that.
 */
#include "tampering.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

/* ---- an index with nothing in it ---- */

static const struct {
	const char *index;
	const struct store_table *table;
	enum tamper_id reader; /* by this index alone */
} indexes[] = {
	{"sqlite_autoindex_keys_1", &store_table_keys, TAMPER_KEYS},
	{"keys_by_id", &store_table_keys, TAMPER_KEY_BY_ID},
	{"sqlite_autoindex_aliases_1", &store_table_aliases, TAMPER_ALIASES},
	{"aliases_of_key", &store_table_aliases, TAMPER_ALIASES_OF_KEY},
	{"sqlite_autoindex_tags_1", &store_table_tags, TAMPER_TAGS},
	{"sqlite_autoindex_identities_1", &store_table_identities, TAMPER_IDENTITY_BY_ID},
	{"sqlite_autoindex_identities_3", &store_table_identities, TAMPER_IDENTITIES},
	{"access_keys_of_identity", &store_table_access_keys, TAMPER_ACCESS_KEYS},
	{"sessions_of_account", &store_table_sessions, TAMPER_SESSIONS},
	{"sqlite_autoindex_grants_1", &store_table_grants, TAMPER_GRANTS},
	{"sqlite_autoindex_grants_2", &store_table_grants, TAMPER_GRANT_BY_LIKENESS},
	{"grants_of_grantee", &store_table_grants, TAMPER_GRANTS_OF_GRANTEE},
	{"grants_of_retiring", &store_table_grants, TAMPER_RETIRABLE},
	{"sqlite_autoindex_audit_heads_1", &store_table_audit_heads, TAMPER_HEADS},
};

static void survey(struct fixture *f, struct kms_survey *out)
{
	struct kms_survey_options options = {0};
	kms_survey_cleanup(out);
	assert_ok(f->manifest.ops->mark(f->manifest.self, &options.anchor));
	assert_ok(f->manifest.ops->survey(f->manifest.self, &options, out));
}

static void test_an_emptied_index_is_found(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	for (size_t i = 0; i < ARRAY_LEN(indexes); i++) {
		char row[KMS_FINDING_ROW_MAX];
		int64_t root = tampering_index_root(f, indexes[i].index);
		tampering_index_empty(f, indexes[i].index);
		survey(f, &s);
		assert_err(s.verdict, E_STORE_MANIFEST);
		assert_int_equal(s.found, 1);
		assert_int_equal(s.findings[0].kind, KMS_FINDING_INDEX);
		assert_string_equal(s.findings[0].table, indexes[i].table->name);
		assert_ok(text_format(row, sizeof row, "index=%s", indexes[i].index));
		assert_string_equal(s.findings[0].row, row);
		tampering_index_point(f, indexes[i].index, root);
		survey(f, &s);
		assert_ok(s.verdict);
		assert_int_equal(s.found, 0);
	}
}

/* Not only its size counts: it has as many entries as there are rows, and others. */
static void test_an_index_of_something_else_is_found(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	fixture_sql(f, "CREATE UNIQUE INDEX others ON keys(key_id||x'00')");
	tampering_index_point(f, "keys_by_id", tampering_index_root(f, "others"));
	fixture_sql(f, "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name='others'");
	survey(f, &s);
	assert_err(s.verdict, E_STORE_MANIFEST);
	assert_int_equal(s.found, 1);
	assert_string_equal(s.findings[0].row, "index=keys_by_id");
}

static void test_a_list_by_an_emptied_index_is_refused(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(indexes); i++) {
		int64_t root = tampering_index_root(f, indexes[i].index);
		tampering_index_empty(f, indexes[i].index);
		(void)fixture_log(f);
		struct err e = tamper_read(f, indexes[i].reader);
		if (!err_is(e, E_STORE_SEAL))
			print_error("%s: %s\n", indexes[i].index, err_name(e));
		assert_err(e, E_STORE_SEAL);
		tampering_index_point(f, indexes[i].index, root);
		assert_ok(tamper_read(f, indexes[i].reader));
	}
}

static void test_the_log_says_how_many_rows_are_missing(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "DELETE FROM sessions");
	(void)fixture_log(f);
	assert_err(tamper_read(f, TAMPER_SESSIONS), E_STORE_SEAL);
	const char *log = fixture_log(f);
	assert_non_null(strstr(log, "store.rows_missing table=\"sessions\" rows=2"));
	assert_non_null(strstr(log, "holdfast store verify"));
}

/* That one key's rows are fewer says nothing of the table, for which the log has a line of its own.
 */
static void test_rows_of_a_key_and_of_the_table_are_told_each(void **state)
{
	struct fixture *f = *state;
	tampering_delete(f, &store_table_grants);
	assert_err(tamper_read(f, TAMPER_GRANTS), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "store.rows_missing table=\"grants\" rows=1"));
	assert_err(tamper_read(f, TAMPER_RETIRABLE), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "store.rows_missing table=\"grants\" rows=1"));
	assert_err(tamper_read(f, TAMPER_RETIRABLE), E_STORE_SEAL);
	assert_null(strstr(fixture_log(f), "store.rows_missing"));
}

static void test_what_is_accepted_has_its_indexes_anew(void **state)
{
	struct fixture *f = *state;
	CLEANUP(kms_survey_cleanup) struct kms_survey s = {0};
	tampering_index_empty(f, "keys_by_id");
	tampering_index_empty(f, "grants_of_retiring");
	survey(f, &s);
	assert_int_equal(s.found, 2);
	assert_ok(f->manifest.ops->accept(f->manifest.self, &s, NULL));
	survey(f, &s);
	assert_ok(s.verdict);
	assert_int_equal(s.found, 0);
	for (size_t i = 0; i < TAMPER_COUNT; i++)
		assert_ok(tamper_subjects[i].read(f));
}

/* ---- what is due ---- */

static struct err dues_read(struct fixture *f, enum kms_due_kind kind)
{
	CLEANUP(mem_free_at) struct kms_due *dues = NULL;
	const struct kms_due_query query = {
		.kind = kind, .now_ms = f->clock.now_real_ms, .limit = 10};
	size_t count = 0;
	return f->agenda.ops->due_list(f->agenda.self, &query, &dues, &count);
}

static void test_what_is_due_is_not_told_while_rows_are_missing(void **state)
{
	struct fixture *f = *state;
	tampering_delete(f, &store_table_versions);
	assert_err(dues_read(f, KMS_DUE_ROTATION), E_STORE_SEAL);
	assert_err(dues_read(f, KMS_DUE_EXPIRY), E_STORE_SEAL);
	assert_ok(dues_read(f, KMS_DUE_DELETION));
	tampering_restore(f, &store_table_versions);
	tampering_delete(f, &store_table_keys);
	assert_err(dues_read(f, KMS_DUE_ROTATION), E_STORE_SEAL);
	assert_err(dues_read(f, KMS_DUE_DELETION), E_STORE_SEAL);
	assert_ok(dues_read(f, KMS_DUE_EXPIRY));
}

/* ---- how often ---- */

static size_t counts_forge(struct fixture *f)
{
	size_t known = 0;
	for (size_t i = 0; i < SQLITE_READERS; i++)
		for (size_t k = 0; k < SQLITE_COUNTS_MAX; k++) {
			known += f->store->readers.all[i]->counts[k].known;
			f->store->readers.all[i]->counts[k].rows = 0;
		}
	return known;
}

/* What was counted is taken again while the file is the same, and not when it is another. */
static void test_rows_are_counted_once_for_each_state_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct kms_audit_head head = sample_head(3);
	assert_ok(tamper_read(f, TAMPER_KEYS));
	assert_true(counts_forge(f) > 0);
	assert_err(tamper_read(f, TAMPER_KEYS), E_STORE_SEAL);
	assert_ok(f->manifest.ops->head_save(f->manifest.self, &head));
	assert_ok(tamper_read(f, TAMPER_KEYS));
}

/* What a call of KMS reads of its key, its caller and its grants: by primary keys. */
static void test_nothing_is_counted_where_keys_are_used(void **state)
{
	static const enum tamper_id hot[] = {TAMPER_KEY,      TAMPER_ACCESS_KEY, TAMPER_ALIAS,
					     TAMPER_SESSION,  TAMPER_GRANT,      TAMPER_EACH_GRANT,
					     TAMPER_KEY_BY_ID};
	struct fixture *f = *state;
	for (size_t i = 0; i < SQLITE_READERS; i++)
		mem_zero(f->store->readers.all[i]->counts, sizeof f->store->readers.all[i]->counts);
	for (size_t i = 0; i < ARRAY_LEN(hot); i++)
		assert_ok(tamper_read(f, hot[i]));
	assert_int_equal(counts_forge(f), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tampering_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_emptied_index_is_found),
		TEST(test_an_index_of_something_else_is_found),
		TEST(test_a_list_by_an_emptied_index_is_refused),
		TEST(test_the_log_says_how_many_rows_are_missing),
		TEST(test_rows_of_a_key_and_of_the_table_are_told_each),
		TEST(test_what_is_accepted_has_its_indexes_anew),
		TEST(test_what_is_due_is_not_told_while_rows_are_missing),
		TEST(test_rows_are_counted_once_for_each_state_of_the_file),
		TEST(test_nothing_is_counted_where_keys_are_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
