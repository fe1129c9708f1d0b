/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody writes the file behind the service: every column of every sealed table is changed in
 * turn, seals and rows are swapped, copied and added. Each must be refused, and named in the log.
 */
#include "tamper_subjects.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define OPS(f) ((f)->keys.ops)
#define SELF(f) ((f)->keys.self)

static void assert_refused_naming(struct fixture *f, const struct tamper_subject *subject,
				  const struct store_table *table, const char *what)
{
	char named[96];
	struct err e = subject->read(f);
	const char *log = fixture_log(f);
	if (!err_is(e, E_STORE_SEAL))
		print_error("%s: %s: %s\n", subject->table->name, what, err_name(e));
	assert_int_equal(e.code, E_STORE_SEAL);
	assert_ok(text_format(named, sizeof named, "table=\"%s\" row=\"%s=", table->name,
			      table->columns[0].name));
	if (strstr(log, named) == NULL)
		print_error("%s: %s: not in the log: %s\n", subject->table->name, what, log);
	assert_non_null(strstr(log, named));
}

static void assert_refused(struct fixture *f, const struct tamper_subject *subject,
			   const char *what)
{
	assert_refused_naming(f, subject, subject->table, what);
}

/* Copies of all tables, to change them and to put them back. */
static void tables_keep(struct fixture *f)
{
	char sql[256];
	for (size_t i = 0; i < TAMPER_COUNT; i++) {
		const char *name = tamper_subjects[i].table->name;
		assert_ok(text_format(sql, sizeof sql,
				      "CREATE TABLE IF NOT EXISTS kept_%s AS SELECT * FROM %s",
				      name, name));
		fixture_sql(f, sql);
	}
}

static void table_restore(struct fixture *f, const struct store_table *table)
{
	char sql[256];
	assert_ok(text_format(sql, sizeof sql,
			      "PRAGMA foreign_keys=OFF;DELETE FROM %s;"
			      "INSERT INTO %s SELECT * FROM kept_%s",
			      table->name, table->name, table->name));
	fixture_sql(f, sql);
}

/* Another value that the type and the bounds of the column allow. */
static const char *other_value(const struct store_column *column)
{
	static char sql[160];
	const char *name = column->name;
	struct err e;
	if (store_column_tag(column) == STORE_INTEGER)
		e = column->max == 1 ? text_format(sql, sizeof sql, "1-\"%s\"", name)
				     : text_format(sql, sizeof sql, "\"%s\"+1", name);
	else if (column->kind == STORE_BYTES)
		e = text_format(sql, sizeof sql,
				"CAST(substr(\"%s\",1,length(\"%s\")-1)||x'5a' AS BLOB)", name,
				name);
	else if (store_column_tag(column) == STORE_OCTETS)
		e = text_format(sql, sizeof sql, "CAST(\"%s\"||x'5a' AS BLOB)", name);
	else if (column->kind == STORE_TEXT)
		e = text_format(sql, sizeof sql, "substr(\"%s\",1,length(\"%s\")-1)||'7'", name,
				name);
	else
		e = text_format(sql, sizeof sql, "\"%s\"||'x'", name);
	assert_ok(e);
	return sql;
}

static void column_change(struct fixture *f, const struct tamper_subject *subject, size_t at)
{
	char sql[512];
	const struct store_column *column = &subject->table->columns[at];
	assert_ok(text_format(sql, sizeof sql,
			      "PRAGMA foreign_keys=OFF;PRAGMA ignore_check_constraints=ON;"
			      "UPDATE %s SET \"%s\"=%s WHERE rowid="
			      "(SELECT min(rowid) FROM %s)",
			      subject->table->name, column->name, other_value(column),
			      subject->table->name));
	assert_true(fixture_changes(f, sql) == 1);
	bool moved = at < subject->table->key_count;
	if (subject->selecting & COLUMN(at))
		assert_err(subject->read(f), subject->unread);
	else if (moved && subject->moved == E_NOT_FOUND)
		assert_err(subject->read(f), E_NOT_FOUND);
	else
		assert_refused_naming(f, subject, moved ? subject->moved_named : subject->table,
				      column->name);
	table_restore(f, subject->table);
	assert_ok(subject->read(f));
}

static void test_every_changed_column_is_refused(void **state)
{
	struct fixture *f = *state;
	tables_keep(f);
	for (size_t i = 0; i < TAMPER_COUNT; i++)
		for (size_t k = 0; k < tamper_subjects[i].table->column_count; k++)
			column_change(f, &tamper_subjects[i], k);
}

static void seal_change(struct fixture *f, const struct tamper_subject *subject, const char *seal)
{
	char sql[512];
	assert_ok(text_format(sql, sizeof sql,
			      "UPDATE %s SET seal=%s WHERE rowid=(SELECT min(rowid) FROM %s)",
			      subject->table->name, seal, subject->table->name));
	assert_true(fixture_changes(f, sql) == 1);
	assert_refused(f, subject, seal);
	table_restore(f, subject->table);
}

static void test_seals_of_other_rows_are_refused(void **state)
{
	struct fixture *f = *state;
	tables_keep(f);
	for (size_t i = 0; i < TAMPER_COUNT; i++) {
		seal_change(f, &tamper_subjects[i], "zeroblob(32)");
		seal_change(f, &tamper_subjects[i], "(SELECT seal FROM kept_keys WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_versions WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_intents WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i], "(SELECT seal FROM kept_outbox WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_identities WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_sessions WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i], "(SELECT seal FROM kept_grants WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_access_keys WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i],
			    "(SELECT seal FROM kept_aliases WHERE rowid=2)");
		seal_change(f, &tamper_subjects[i], "(SELECT seal FROM kept_tags WHERE rowid=2)");
	}
}

static void test_every_bit_of_a_seal_counts(void **state)
{
	struct fixture *f = *state;
	char sql[256];
	tables_keep(f);
	for (size_t i = 1; i <= KMS_SEAL_LEN; i++) {
		assert_ok(text_format(sql, sizeof sql,
				      "CAST(substr(seal,1,%zu)||CASE substr(seal,%zu,1) WHEN x'00'"
				      " THEN x'01' ELSE x'00' END||substr(seal,%zu) AS BLOB)",
				      i - 1, i, i + 1));
		seal_change(f, &tamper_subjects[TAMPER_KEY], sql);
	}
}

static void test_missing_seal_of_the_installation_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE installation SET seal=NULL");
	assert_err(f->installation.verify(f->installation.self), E_STORE_SEAL);
}

static void test_swapped_contents_are_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE keys SET description='other' WHERE rowid=2");
	/* Content and seal of another row of the same table, whole. */
	fixture_sql(f, "PRAGMA foreign_keys=OFF;"
		       "UPDATE keys SET (state,description,created_ms,seal)="
		       "(SELECT state,description,created_ms,seal FROM keys WHERE rowid=2)"
		       " WHERE rowid=1");
	assert_refused(f, &tamper_subjects[TAMPER_KEY], "swapped contents");
}

static const char copy_of_key_1[] =
	"INSERT INTO keys SELECT account,region,x'4a110000000000000000000000000009',"
	"\"partition\",multi_region,state,usage,spec,origin,manager,created_ms,deletion_ms,"
	"current_version,revision,description,policy,seal,0,0,0,0,0 FROM keys WHERE rowid=1";

static void test_row_copied_to_another_key_id_is_refused(void **state)
{
	struct fixture *f = *state;
	struct kms_key_full full = {0};
	struct kms_key_id id = sample_id(9);
	fixture_sql(f, copy_of_key_1);
	assert_err(OPS(f)->key_load(SELF(f), &sample_scope, &id, &full), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "key_id=4a110000000000000000000000000009"));
	assert_refused(f, &tamper_subjects[TAMPER_KEYS], "planted in a list");
	assert_ok(tamper_read(f, TAMPER_KEY));
}

static void test_version_copied_to_another_key_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "INSERT INTO versions SELECT account,region,"
		       "x'4a110000000000000000000000000001',2,\"partition\",multi_region,"
		       "x'77000000000000000000000000000000',suite,created_ms,material_id,"
		       "messages_reserved,seal,0,0,0 FROM versions WHERE rowid=2");
	assert_err(tamper_read(f, TAMPER_KEY), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "table=\"versions\""));
}

/* Whoever may decrypt with one key would make others encrypt for it. */
static void test_alias_with_the_content_of_another_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE aliases SET (key_id,created_ms,updated_ms,seal)="
		       "(SELECT key_id,created_ms,updated_ms,seal FROM aliases WHERE rowid=3)"
		       " WHERE rowid=1");
	assert_err(tamper_read(f, TAMPER_ALIAS), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "name=alias/sample-0001"));
	assert_err(tamper_read(f, TAMPER_ALIASES), E_STORE_SEAL);
}

static void test_alias_copied_to_another_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias;
	fixture_sql(f, "INSERT INTO aliases SELECT account,region,'alias/planted',"
		       "\"partition\",key_id,multi_region,created_ms,updated_ms,revision,seal"
		       " FROM aliases WHERE rowid=1");
	assert_err(f->catalog.ops->alias_load(f->catalog.self, &sample_scope,
					      VIEW_LITERAL("alias/planted"), &alias),
		   E_STORE_SEAL);
	assert_err(tamper_read(f, TAMPER_ALIASES), E_STORE_SEAL);
	assert_err(tamper_read(f, TAMPER_ALIASES_OF_KEY), E_STORE_SEAL);
	assert_ok(tamper_read(f, TAMPER_ALIAS));
}

/* An alias of an older revision, row and seal, in the place of the newer one: told apart only by
 * what is kept outside the file. What can be seen is that nobody updates or removes it unseen. */
static void test_alias_rolled_back_meets_no_update(void **state)
{
	struct fixture *f = *state;
	struct kms_alias alias = sample_alias(1, 2);
	struct kms_outbox_record records[] = {sample_record(300), sample_record(301)};
	tables_keep(f);
	alias.revision = 2;
	assert_ok(f->catalog.ops->alias_update(f->catalog.self, &alias, &records[0]));
	table_restore(f, &store_table_aliases);
	alias.revision = 3;
	assert_err(f->catalog.ops->alias_update(f->catalog.self, &alias, &records[1]),
		   E_STORE_CONFLICT);
	alias.revision = 2;
	assert_err(f->catalog.ops->alias_delete(f->catalog.self, &alias, &records[1]),
		   E_STORE_CONFLICT);
}

static void test_tag_copied_to_another_key_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE tags SET key_id=(SELECT key_id FROM keys WHERE rowid=1),"
		       "tag_key='tag-0009' WHERE rowid=3");
	assert_err(tamper_read(f, TAMPER_TAGS), E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "tag_key=tag-0009"));
}

static void test_tag_with_the_value_of_another_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE tags SET (tag_value,seal)="
		       "(SELECT tag_value,seal FROM tags WHERE rowid=2) WHERE rowid=1");
	assert_err(tamper_read(f, TAMPER_TAGS), E_STORE_SEAL);
}

static void test_key_without_its_current_version_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "PRAGMA foreign_keys=OFF;DELETE FROM versions WHERE rowid=1");
	assert_refused(f, &tamper_subjects[TAMPER_KEY], "version deleted");
}

static void test_access_key_without_its_identity_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "PRAGMA foreign_keys=OFF;DELETE FROM identities WHERE name='alice'");
	assert_refused(f, &tamper_subjects[TAMPER_ACCESS_KEY], "identity deleted");
}

static void test_access_key_of_another_identity_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE access_keys SET principal_id='AIDA00000000000000002'"
		       " WHERE access_key_id='AKIA0000000000000001'");
	assert_refused(f, &tamper_subjects[TAMPER_ACCESS_KEY], "moved to another identity");
}

/* The document is what a user may: another's must not serve. */
static void test_identity_with_the_document_of_another_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE identities SET (document,revision,seal)="
		       "(SELECT document,revision,seal FROM identities WHERE name='user-2')"
		       " WHERE name='alice'");
	assert_err(tamper_read(f, TAMPER_IDENTITY), E_STORE_SEAL);
	assert_err(tamper_read(f, TAMPER_ACCESS_KEY), E_STORE_SEAL);
}

static void test_session_in_the_place_of_another_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f, "UPDATE sessions SET access_key_id='ASIA0000000000000009' WHERE rowid=1;"
		       "UPDATE sessions SET access_key_id='ASIA0000000000000001' WHERE rowid=2");
	assert_err(tamper_read(f, TAMPER_SESSION), E_STORE_SEAL);
}

/* Whoever writes the file would use a key that a grant of another lets him use. */
static void test_grant_copied_to_another_key_is_refused(void **state)
{
	struct fixture *f = *state;
	fixture_sql(f,
		    "INSERT INTO grants SELECT account,region,"
		    "x'4a110000000000000000000000000002',grant_id,\"partition\",multi_region,"
		    "name,grantee,grantee_id,retiring,retiring_id,issuer,operations,"
		    "constraint_kind,context,created_ms,likeness,seal FROM grants WHERE rowid=1");
	struct kms_key_id id = sample_id(2);
	assert_err(
		f->grants.ops->each(f->grants.self, &sample_scope, &id, tamper_grant_ignore, NULL),
		E_STORE_SEAL);
	assert_non_null(strstr(fixture_log(f), "key_id=4a110000000000000000000000000002"));
	assert_ok(tamper_read(f, TAMPER_EACH_GRANT));
}

/* Values that no column allows must not reach the decoder, whatever their seal. */
static void test_values_out_of_bounds_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const changes[] = {"UPDATE keys SET state=0",
					      "UPDATE keys SET state=-1",
					      "UPDATE keys SET state=7",
					      "UPDATE keys SET current_version=4294967297",
					      "UPDATE keys SET multi_region=2",
					      "UPDATE keys SET description=hex(zeroblob(20000))",
					      "UPDATE keys SET \"partition\"='aaaaaaaaaaaaaaaaa'",
					      "UPDATE keys SET description=CAST(x'610062' AS TEXT)",
					      "UPDATE keys SET revision=-1",
					      "UPDATE keys SET created_ms=-1"};
	tables_keep(f);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		fixture_sql(f, changes[i]);
		assert_refused(f, &tamper_subjects[TAMPER_KEY], changes[i]);
		table_restore(f, tamper_subjects[TAMPER_KEY].table);
	}
}

/* Another key: what one installation sealed means nothing in another. */
static void test_rows_of_another_installation_are_refused(void **state)
{
	struct fixture *f = *state;
	f->seal_key[0] ^= 1;
	for (size_t i = 0; i < TAMPER_COUNT; i++)
		assert_refused(f, &tamper_subjects[i], "another sealing key");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tamper_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_every_changed_column_is_refused),
		TEST(test_seals_of_other_rows_are_refused),
		TEST(test_every_bit_of_a_seal_counts),
		TEST(test_missing_seal_of_the_installation_is_refused),
		TEST(test_swapped_contents_are_refused),
		TEST(test_row_copied_to_another_key_id_is_refused),
		TEST(test_version_copied_to_another_key_is_refused),
		TEST(test_alias_with_the_content_of_another_is_refused),
		TEST(test_alias_copied_to_another_name_is_refused),
		TEST(test_alias_rolled_back_meets_no_update),
		TEST(test_tag_copied_to_another_key_is_refused),
		TEST(test_tag_with_the_value_of_another_is_refused),
		TEST(test_key_without_its_current_version_is_refused),
		TEST(test_access_key_without_its_identity_is_refused),
		TEST(test_access_key_of_another_identity_is_refused),
		TEST(test_identity_with_the_document_of_another_is_refused),
		TEST(test_session_in_the_place_of_another_is_refused),
		TEST(test_grant_copied_to_another_key_is_refused),
		TEST(test_values_out_of_bounds_are_refused),
		TEST(test_rows_of_another_installation_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
