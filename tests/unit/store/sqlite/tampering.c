/* SPDX-License-Identifier: Apache-2.0 */
#include "tampering.h"

#include "base/text.h"
#include "codec/hex.h"
#include "store/sqlite/ports.h"

#define SQL_MAX 4096
#define UNBOUND "PRAGMA foreign_keys=OFF;PRAGMA ignore_check_constraints=ON;"
#define FIRST "rowid=(SELECT min(rowid) FROM \"%s\")"

/* ---- setup ---- */

static void seal_hex(const uint8_t seal[KMS_SEAL_LEN], char out[2 * KMS_SEAL_LEN + 1])
{
	struct writer w;
	writer_init(&w, out, 2 * KMS_SEAL_LEN + 1);
	hex_encode(&w, view_of(seal, KMS_SEAL_LEN));
	assert_ok(writer_end_text(&w));
}

/* As a program of before schema 3 left them: there is no port that makes one. */
static void principal_insert(struct fixture *f, uint32_t n)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	char sql[SQL_MAX], seal[2 * KMS_SEAL_LEN + 1];
	const struct kms_sealer sealer = fixture_sealer(f);
	struct store_principal row = {
		.principal = {.type = AUTH_USER, .account = "123456789012", .name = "old"}};
	assert_ok(text_format(row.principal.id, sizeof row.principal.id, "AIDAOLD%014u", n));
	assert_ok(text_format(row.principal.arn, sizeof row.principal.arn,
			      "arn:aws:iam::123456789012:user/old-%u", n));
	store_batch_init(&batch);
	assert_ok(store_batch_add(&batch, &store_table_principals, &row));
	assert_ok(store_batch_seal(&batch, &sealer));
	seal_hex(batch.rows[0].seal, seal);
	assert_ok(text_format(sql, sizeof sql,
			      "INSERT INTO principals VALUES('%s','%s',%d,'%s','%s',0,x'%s')",
			      row.principal.account, row.principal.id, AUTH_USER, row.principal.arn,
			      row.principal.name, seal));
	fixture_sql(f, sql);
}

int tampering_setup(void **state)
{
	(void)tamper_setup(state);
	struct fixture *f = *state;
	char sql[SQL_MAX];
	principal_insert(f, 1);
	principal_insert(f, 2);
	for (size_t i = 0; i < store_sealed_count; i++) {
		const char *name = store_sealed_tables[i]->name;
		assert_ok(text_format(sql, sizeof sql,
				      "CREATE TABLE kept_%s AS SELECT rowid AS place,* FROM %s",
				      name, name));
		fixture_sql(f, sql);
	}
	assert_ok(f->manifest.ops->begin(f->manifest.self));
	return 0;
}

/* ---- SQL ---- */

/* Another value that the type and the bounds of the column allow. */
static void other_write(struct writer *w, const struct store_column *column)
{
	const char *name = column->name;
	if (store_column_tag(column) == STORE_INTEGER)
		writer_format(w, column->max == 1 ? "1-\"%s\"" : "\"%s\"+1", name);
	else if (column->kind == STORE_BYTES)
		writer_format(w,
			      "CAST(substr(\"%s\",1,length(\"%s\")-1)||CASE "
			      "substr(\"%s\",length(\"%s\")) WHEN x'5a' THEN x'5b' ELSE x'5a' END"
			      " AS BLOB)",
			      name, name, name, name);
	else if (store_column_tag(column) == STORE_OCTETS)
		writer_format(w, "CAST(\"%s\"||x'5a' AS BLOB)", name);
	else if (column->kind == STORE_TEXT)
		writer_format(w,
			      "CASE \"%s\" WHEN '' THEN '7' ELSE "
			      "substr(\"%s\",1,length(\"%s\")-1)||'7' END",
			      name, name, name);
	else
		writer_format(w, "\"%s\"||'x'", name);
}

static void run(struct fixture *f, struct writer *w, char *sql)
{
	assert_ok(writer_end_text(w));
	fixture_sql(f, sql);
}

void tampering_column(struct fixture *f, const struct store_table *table, size_t column)
{
	char sql[SQL_MAX];
	struct writer w;
	writer_init(&w, sql, sizeof sql);
	writer_format(&w, UNBOUND "UPDATE \"%s\" SET \"%s\"=", table->name,
		      table->columns[column].name);
	other_write(&w, &table->columns[column]);
	writer_format(&w, " WHERE " FIRST, table->name);
	run(f, &w, sql);
}

static void names_write(struct writer *w, const struct store_table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(w, "\"%s\",", table->columns[i].name);
	writer_text(w, "seal");
}

/* A row that nobody sealed, with the seal of the first. */
void tampering_plant(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	struct writer w;
	writer_init(&w, sql, sizeof sql);
	writer_format(&w, UNBOUND "INSERT INTO \"%s\"(", table->name);
	names_write(&w, table);
	writer_text(&w, ") SELECT ");
	for (size_t i = 0; i < table->column_count; i++) {
		other_write(&w, &table->columns[i]);
		writer_text(&w, ",");
	}
	writer_format(&w, "seal FROM \"%s\" WHERE " FIRST, table->name, table->name);
	run(f, &w, sql);
}

/* The first two rows exchange all but their keys, with their seals. */
void tampering_swap(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	struct writer w;
	writer_init(&w, sql, sizeof sql);
	writer_format(&w,
		      UNBOUND "CREATE TEMP TABLE a AS SELECT * FROM \"%s\" ORDER BY rowid LIMIT 2;"
			      "DELETE FROM \"%s\" WHERE rowid IN"
			      " (SELECT rowid FROM \"%s\" ORDER BY rowid LIMIT 2);"
			      "INSERT INTO \"%s\"(",
		      table->name, table->name, table->name, table->name);
	names_write(&w, table);
	writer_text(&w, ") SELECT ");
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(&w, "%s.\"%s\",", i < table->key_count ? "k" : "c",
			      table->columns[i].name);
	writer_text(&w, "c.seal FROM temp.a k, temp.a c WHERE k.rowid<>c.rowid");
	run(f, &w, sql);
}

void tampering_delete(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	assert_ok(text_format(sql, sizeof sql, UNBOUND "DELETE FROM \"%s\" WHERE " FIRST,
			      table->name, table->name));
	assert_int_equal(fixture_changes(f, sql), 1);
}

static void kept_insert(struct fixture *f, const struct store_table *table, const char *which)
{
	char sql[SQL_MAX];
	struct writer w;
	writer_init(&w, sql, sizeof sql);
	writer_format(&w,
		      UNBOUND "DELETE FROM \"%s\" WHERE rowid IN"
			      " (SELECT place FROM kept_%s WHERE %s);INSERT INTO \"%s\"(rowid,",
		      table->name, table->name, which, table->name);
	names_write(&w, table);
	writer_text(&w, ") SELECT place,");
	names_write(&w, table);
	writer_format(&w, " FROM kept_%s WHERE %s", table->name, which);
	run(f, &w, sql);
}

void tampering_put_back(struct fixture *f, const struct store_table *table)
{
	char which[128];
	assert_ok(text_format(which, sizeof which, "place=(SELECT min(place) FROM kept_%s)",
			      table->name));
	kept_insert(f, table, which);
}

void tampering_restore(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	assert_ok(text_format(sql, sizeof sql, UNBOUND "DELETE FROM \"%s\"", table->name));
	fixture_sql(f, sql);
	kept_insert(f, table, "1");
}

int64_t tampering_rows(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	assert_ok(text_format(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", table->name));
	return fixture_ask(f, sql);
}

/* ---- as the service ---- */

static void first_take(struct fixture *f, const struct store_table *table,
		       struct sqlite_statement *statement)
{
	bool row = false;
	int id = SQL_WHOLE + (int)store_sealed_number(table);
	assert_ok(sqlite_statement_take(f->store->writer, (enum sqlite_statement_id)id, statement));
	assert_ok(sqlite_statement_step(statement, &row));
	assert_true(row);
}

void tampering_name(struct fixture *f, const struct store_table *table, char out[STORE_KEY_TEXT])
{
	struct store_value values[STORE_COLUMNS_MAX];
	struct view seal;
	LOCK_SCOPE(&f->store->write_lock);
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	first_take(f, table, &statement);
	assert_ok(sqlite_row_values(&statement, table, values, &seal));
	store_row_key(table, values, out);
}

/* The first row as the writer sees it. */
static void first_fetch(struct fixture *f, const struct store_table *table,
			struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	struct store_value values[STORE_COLUMNS_MAX];
	struct view seal;
	first_take(f, table, &statement);
	assert_ok(sqlite_row_values(&statement, table, values, &seal));
	assert_ok(store_batch_add_stored(batch, table, values, seal));
}

/* The last number, or the last column: none that another table refers to. */
static size_t column_choose(const struct store_table *table)
{
	for (size_t i = table->column_count; i-- > table->key_count;)
		if (store_column_tag(&table->columns[i]) == STORE_INTEGER)
			return i;
	return table->column_count - 1;
}

static void first_seal(struct fixture *f, const struct store_table *table)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	char sql[SQL_MAX], seal[2 * KMS_SEAL_LEN + 1];
	store_batch_init(&batch);
	first_fetch(f, table, &batch);
	assert_ok(store_batch_seal(&batch, &f->store->sealer));
	seal_hex(batch.rows[0].seal, seal);
	assert_ok(text_format(sql, sizeof sql, "UPDATE \"%s\" SET seal=x'%s' WHERE " FIRST,
			      table->name, seal, table->name));
	assert_ok(sqlite_connection_run(f->store->writer, sql));
}

void tampering_change(struct fixture *f, const struct store_table *table)
{
	size_t column = column_choose(table);
	char sql[SQL_MAX];
	struct writer w;
	writer_init(&w, sql, sizeof sql);
	writer_format(&w, "UPDATE \"%s\" SET \"%s\"=", table->name, table->columns[column].name);
	other_write(&w, &table->columns[column]);
	writer_format(&w, " WHERE " FIRST, table->name);
	assert_ok(writer_end_text(&w));
	LOCK_SCOPE(&f->store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	assert_ok(sqlite_transaction_write(f->store->writer, &transaction));
	assert_ok(sqlite_connection_run(f->store->writer, sql));
	first_seal(f, table);
	assert_ok(sqlite_transaction_commit(&transaction));
}

void tampering_remove(struct fixture *f, const struct store_table *table)
{
	char sql[SQL_MAX];
	assert_ok(text_format(sql, sizeof sql, "DELETE FROM \"%s\" WHERE " FIRST, table->name,
			      table->name));
	LOCK_SCOPE(&f->store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	assert_ok(sqlite_connection_run(f->store->writer, "PRAGMA foreign_keys=OFF"));
	assert_ok(sqlite_transaction_write(f->store->writer, &transaction));
	assert_ok(sqlite_connection_run(f->store->writer, sql));
	assert_ok(sqlite_transaction_commit(&transaction));
	assert_ok(sqlite_connection_run(f->store->writer, "PRAGMA foreign_keys=ON"));
}

/* ---- indexes ---- */

int64_t tampering_index_root(struct fixture *f, const char *index)
{
	char sql[160];
	assert_ok(text_format(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name='%s'",
			      index));
	return fixture_ask(f, sql);
}

void tampering_index_point(struct fixture *f, const char *index, int64_t root)
{
	char sql[320];
	assert_ok(text_format(sql, sizeof sql,
			      "PRAGMA writable_schema=ON;"
			      "UPDATE sqlite_schema SET rootpage=%lld WHERE name='%s';"
			      "PRAGMA schema_version=%lld",
			      (long long)root, index,
			      (long long)fixture_ask(f, "PRAGMA schema_version") + 1));
	fixture_sql(f, sql);
}

void tampering_index_empty(struct fixture *f, const char *index)
{
	fixture_sql(f, "CREATE TABLE IF NOT EXISTS empty(x); CREATE INDEX of_empty ON empty(x)");
	tampering_index_point(f, index, tampering_index_root(f, "of_empty"));
	fixture_sql(f, "PRAGMA writable_schema=ON;"
		       "DELETE FROM sqlite_schema WHERE name='of_empty'");
}
