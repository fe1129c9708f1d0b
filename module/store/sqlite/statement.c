/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/statement.h"

#include "base/mem.h"
#include "base/text.h"
#include "store/tables.h"

#define SQL_MAX 4096
#define NAME_MAX_BYTES 64

static void names_write(struct writer *w, const struct store_table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(w, "%s\"%s\"", i ? "," : "", table->columns[i].name);
	writer_text(w, table->advisory ? "" : ",seal");
}

static void insert_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "INSERT INTO %s(", table->name);
	names_write(w, table);
	writer_text(w, ") VALUES(");
	for (size_t i = 0; i < table->column_count + !table->advisory; i++)
		writer_format(w, "%s?%zu", i ? "," : "", i + 1);
	writer_text(w, ")");
}

static void delete_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "DELETE FROM %s WHERE ", table->name);
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(w, "\"%s\"=?%zu AND ", table->columns[i].name, i + 1);
	writer_format(w, "seal=?%zu", table->column_count + 1);
}

static void update_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "UPDATE %s SET ", table->name);
	for (size_t i = table->key_count; i < table->column_count; i++)
		writer_format(w, "\"%s\"=?%zu,", table->columns[i].name, i + 1);
	writer_format(w, "seal=?%zu WHERE ", table->column_count + 1);
	for (size_t i = 0; i < table->key_count; i++)
		writer_format(w, "%s\"%s\"=?%zu", i ? " AND " : "", table->columns[i].name, i + 1);
}

static struct err sql_write(const struct sqlite_statement_row *row, char sql[SQL_MAX])
{
	struct writer w;
	writer_init(&w, sql, SQL_MAX);
	if (row->form == SQLITE_FORM_INSERT)
		insert_write(&w, row->table);
	if (row->form == SQLITE_FORM_UPDATE)
		update_write(&w, row->table);
	if (row->form == SQLITE_FORM_DELETE)
		delete_write(&w, row->table);
	if (row->form == SQLITE_FORM_SELECT) {
		writer_text(&w, "SELECT ");
		names_write(&w, row->table);
		writer_format(&w, " FROM %s", row->table->name);
	}
	writer_text(&w, row->text);
	return writer_end_text(&w);
}

NODISCARD struct err sqlite_statement_take(struct sqlite_connection *connection,
					   enum sqlite_statement_id id,
					   struct sqlite_statement *out)
{
	sqlite3_stmt **slot = &connection->statements[id];
	if (*slot == NULL) {
		char sql[SQL_MAX];
		TRY(sql_write(&sqlite_statement_rows[id], sql));
		int code = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					      slot, NULL);
		TRY(sqlite_connection_result(connection, code, sqlite_statement_rows[id].what));
	}
	*out = (struct sqlite_statement){connection, *slot, id, sqlite_statement_rows[id].what, OK};
	return OK;
}

void sqlite_statement_release(struct sqlite_statement *statement)
{
	if (statement->raw == NULL)
		return;
	(void)sqlite3_reset(statement->raw);
	(void)sqlite3_clear_bindings(statement->raw);
	statement->raw = NULL;
}

static void bound(struct sqlite_statement *statement, int code)
{
	if (!err_failed(statement->failure))
		statement->failure =
			sqlite_connection_result(statement->connection, code, statement->what);
}

static void bind_at(struct sqlite_statement *statement, int at, const struct store_value *value)
{
	/* A null pointer would bind NULL, and an empty text is not that. */
	const void *bytes = value->bytes.ptr ? (const void *)value->bytes.ptr : "";
	if (value->tag == STORE_INTEGER)
		bound(statement, sqlite3_bind_int64(statement->raw, at, value->integer));
	else if (value->tag == STORE_CHARACTERS)
		bound(statement, sqlite3_bind_text64(statement->raw, at, bytes, value->bytes.len,
						     SQLITE_STATIC, SQLITE_UTF8));
	else
		bound(statement, sqlite3_bind_blob64(statement->raw, at, bytes, value->bytes.len,
						     SQLITE_STATIC));
}

static void bind_named(struct sqlite_statement *statement, const char *name,
		       const struct store_value *value)
{
	bind_at(statement, sqlite3_bind_parameter_index(statement->raw, name), value);
}

void sqlite_bind_integer(struct sqlite_statement *statement, const char *name, int64_t value)
{
	bind_named(statement, name, &(struct store_value){STORE_INTEGER, value, VIEW_NONE});
}

void sqlite_bind_text(struct sqlite_statement *statement, const char *name, struct view text)
{
	bind_named(statement, name, &(struct store_value){STORE_CHARACTERS, 0, text});
}

void sqlite_bind_bytes(struct sqlite_statement *statement, const char *name, struct view bytes)
{
	bind_named(statement, name, &(struct store_value){STORE_OCTETS, 0, bytes});
}

void sqlite_bind_row(struct sqlite_statement *statement, const struct store_batch *from, size_t at)
{
	struct store_value values[STORE_COLUMNS_MAX];
	const struct store_batch_row *row = &from->rows[at];
	struct err e = store_row_values(row->table, store_batch_row(from, at), values);
	if (err_failed(e)) {
		statement->failure = e;
		return;
	}
	for (size_t i = 0; i < row->table->column_count; i++)
		bind_at(statement, (int)i + 1, &values[i]);
	if (row->sealed)
		bind_at(statement, (int)row->table->column_count + 1,
			&(struct store_value){STORE_OCTETS, 0, VIEW_ARRAY(row->seal)});
}

NODISCARD struct err sqlite_statement_step(struct sqlite_statement *statement, bool *row)
{
	*row = false;
	TRY(statement->failure);
	int code = sqlite3_step(statement->raw);
	TRY(sqlite_connection_result(statement->connection, code, statement->what));
	*row = code == SQLITE_ROW;
	return OK;
}

NODISCARD struct err sqlite_statement_run(struct sqlite_statement *statement, int *changed)
{
	bool row = false;
	TRY(sqlite_statement_step(statement, &row));
	ENSURE(!row);
	*changed = sqlite3_changes(statement->connection->db);
	return OK;
}

NODISCARD struct err sqlite_statement_integer(struct sqlite_statement *statement, int64_t *out)
{
	bool row = false;
	TRY(sqlite_statement_step(statement, &row));
	ENSURE(row);
	*out = sqlite3_column_int64(statement->raw, 0);
	return OK;
}

NODISCARD struct err sqlite_statement_once(struct sqlite_connection *connection,
					   enum sqlite_statement_id id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(connection, id, &statement));
	return sqlite_statement_run(&statement, &changed);
}

NODISCARD struct err sqlite_row_insert(struct sqlite_connection *connection,
				       enum sqlite_statement_id id, const struct store_batch *batch,
				       size_t at)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(connection, id, &statement));
	sqlite_bind_row(&statement, batch, at);
	TRY(sqlite_statement_run(&statement, &changed));
	ENSURE(changed == 1);
	return OK;
}

NODISCARD struct err sqlite_row_put(struct sqlite_connection *connection,
				    enum sqlite_statement_id id, const struct store_table *table,
				    const void *object)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, table, object));
	TRY(sqlite_statement_take(connection, id, &statement));
	sqlite_bind_row(&statement, &batch, 0);
	return sqlite_statement_run(&statement, &changed); /* 0: a newer one is there */
}

/* SQLite's own copy, borrowed until the next step. A type of none of ours gets no tag. */
static struct store_value column_value(sqlite3_stmt *raw, int at)
{
	struct store_value value = {0};
	switch (sqlite3_column_type(raw, at)) {
	case SQLITE_INTEGER:
		value.tag = STORE_INTEGER;
		value.integer = sqlite3_column_int64(raw, at);
		break;
	case SQLITE_TEXT:
		value.tag = STORE_CHARACTERS;
		value.bytes.ptr = sqlite3_column_text(raw, at);
		break;
	case SQLITE_BLOB:
		value.tag = STORE_OCTETS;
		value.bytes.ptr = sqlite3_column_blob(raw, at);
		break;
	default:
		return value;
	}
	if (value.tag != STORE_INTEGER && value.bytes.ptr != NULL)
		value.bytes.len = (size_t)sqlite3_column_bytes(raw, at);
	return value;
}

NODISCARD struct err sqlite_row_values(const struct sqlite_statement *statement,
				       const struct store_table *table,
				       struct store_value values[STORE_COLUMNS_MAX],
				       struct view *seal)
{
	struct store_value last = {0};
	ENSURE(table->column_count <= STORE_COLUMNS_MAX);
	for (size_t i = 0; i < table->column_count; i++)
		values[i] = column_value(statement->raw, (int)i);
	if (!table->advisory)
		last = column_value(statement->raw, (int)table->column_count);
	*seal = last.tag == STORE_OCTETS ? last.bytes : VIEW_NONE;
	return OK;
}

static struct err row_fetch(const struct sqlite_statement *statement,
			    const struct store_table *table, struct store_batch *batch)
{
	struct store_value values[STORE_COLUMNS_MAX];
	struct view seal = VIEW_NONE;
	TRY(sqlite_row_values(statement, table, values, &seal));
	return store_batch_add_stored(batch, table, values, seal);
}

/* Where others have committed, what the manifest is here: what is expected then may go on beyond it
 * before the rows are judged, and not stop at every commit of theirs. Of the same state, too. */
static struct err manifest_note(struct sqlite_connection *connection, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	if (batch->manifest != NULL || batch->epoch == batch->since ||
	    batch->epoch == atomic_load(connection->committed))
		return OK;
	TRY(MEM_NEW(&batch->manifest));
	store_batch_init(batch->manifest);
	TRY(sqlite_statement_take(connection, SQL_MANIFEST_SELECT, &statement));
	return sqlite_rows_fetch(&statement, &store_table_manifest, SIZE_MAX, batch->manifest,
				 &more);
}

/* Opens the statement that follows it, if it is the first, on one state of the file: while *epoch
 * is not released, both see the same. */
static struct err epoch_note(struct sqlite_connection *connection, const struct store_table *table,
			     struct store_batch *batch, struct sqlite_statement *epoch)
{
	int64_t now = 0;
	if (connection->since == 0 || table->advisory || table == &store_table_manifest)
		return OK;
	TRY(sqlite_statement_take(connection, SQL_MANIFEST_EPOCH, epoch));
	TRY(sqlite_statement_integer(epoch, &now));
	ENSURE(batch->since == 0 || batch->epoch == (uint64_t)now);
	batch->since = connection->since;
	batch->epoch = (uint64_t)now;
	return manifest_note(connection, batch);
}

NODISCARD struct err sqlite_data_version(struct sqlite_connection *connection, int64_t *out)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(connection, SQL_DATA_VERSION, &statement));
	return sqlite_statement_integer(&statement, out);
}

/* Counted once for each state of the file that this connection meets. */
static struct err count_note(struct sqlite_connection *connection, enum sqlite_statement_id id,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	struct sqlite_count *count = &connection->counts[id - SQL_COUNT];
	int64_t version = 0, rows = 0;
	TRY(sqlite_data_version(connection, &version));
	if (!count->known || count->data_version != version) {
		TRY(sqlite_statement_take(connection, id, &statement));
		TRY(sqlite_statement_integer(&statement, &rows));
		*count = (struct sqlite_count){true, version, (uint64_t)rows};
	}
	batch->counted = sqlite_statement_rows[id].table;
	batch->there = count->rows;
	return OK;
}

NODISCARD struct err sqlite_rows_count(struct sqlite_connection *connection,
				       enum sqlite_statement_id id, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement epoch = {0};
	TRY(epoch_note(connection, sqlite_statement_rows[id].table, batch, &epoch));
	return batch->since != 0 ? count_note(connection, id, batch) : OK;
}

static struct err rows_step(struct sqlite_statement *statement, const struct store_table *table,
			    size_t enough, struct store_batch *batch, bool *more)
{
	const bool hints = more == NULL;
	bool row = false;
	TRY(sqlite_statement_step(statement, &row));
	while (row) {
		struct err e = row_fetch(statement, table, batch);
		if (!hints || !err_is(e, E_STORE_SEAL))
			TRY(e);
		batch->refused += err_failed(e);
		if (!hints && batch->bytes.len >= enough) {
			*more = true;
			return OK;
		}
		TRY(sqlite_statement_step(statement, &row));
	}
	return OK;
}

NODISCARD struct err sqlite_rows_fetch(struct sqlite_statement *statement,
				       const struct store_table *table, size_t enough,
				       struct store_batch *batch, bool *more)
{
	const struct sqlite_statement_count *count = &sqlite_statement_counts[statement->id];
	CLEANUP(sqlite_statement_release) struct sqlite_statement epoch = {0};
	size_t before = batch->count;
	if (more != NULL)
		*more = false;
	TRY(epoch_note(statement->connection, table, batch, &epoch));
	TRY(rows_step(statement, table, enough, batch, more));
	if (count->by == 0 || batch->since == 0 || (count->if_none && batch->count > before))
		return OK;
	return count_note(statement->connection, count->by, batch);
}
