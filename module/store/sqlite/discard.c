/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that do not carry their seal, taken out for good: before the manifest is made anew over what
 * is left, and at no other time. Through a connection of its own, which no manifest follows.
 */
#include "base/mem.h"
#include "base/reader.h"
#include "store/row.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/scan.h"

#define BUSY_TIMEOUT_MS 5000
#define SQL_MAX 512
#define FOUND_MAX 1000 /* in one pass */

/* A row by its primary key, copied: tag and bytes of each value stand one behind the other. */
struct unsealed {
	size_t table;
	struct buf key;
};

struct discard {
	struct store_sqlite *store;
	struct sqlite_connection *connection;
	struct unsealed *rows; /* FOUND_MAX */
	size_t count;
	uint64_t removed, left;
};

static void discard_cleanup(struct discard *d)
{
	for (size_t i = 0; i < d->count; i++)
		buf_cleanup(&d->rows[i].key);
	mem_free(TAKE(d->rows));
	sqlite_connection_close(&d->connection);
}

/* --- finding --- */

static struct err key_write(const struct sqlite_scanned *row, struct buf *out)
{
	const struct store_table *table = store_sealed_tables[row->table];
	struct writer w;
	writer_init_buf(&w, out);
	for (size_t i = 0; i < table->key_count; i++) {
		writer_u8(&w, (uint8_t)row->values[i].tag);
		writer_u64(&w, (uint64_t)row->values[i].integer);
		writer_block32(&w, row->values[i].bytes);
	}
	return writer_end(&w);
}

static struct err row_note(void *user, const struct sqlite_scanned *row)
{
	struct discard *d = user;
	if (row->sound || d->count == FOUND_MAX)
		return OK;
	struct unsealed *noted = &d->rows[d->count];
	noted->table = row->table;
	buf_init(&noted->key, STORE_ROW_MAX);
	d->count++;
	return key_write(row, &noted->key);
}

static struct err find(struct discard *d)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	for (size_t i = 0; i < d->count; i++)
		buf_cleanup(&d->rows[i].key);
	d->count = 0;
	sqlite_reader_acquire(&d->store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	const struct sqlite_scan scan = {reader.connection, &d->store->sealer, row_note, d};
	return sqlite_scan_run(&scan);
}

/* --- removing --- */

static void finalize(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(TAKE(*statement));
}

/* Names are the schema's, never data. IS: whatever somebody wrote there. */
static struct err sql_write(const struct store_table *table, char sql[SQL_MAX])
{
	struct writer w;
	writer_init(&w, sql, SQL_MAX);
	writer_format(&w, "DELETE FROM \"%s\" WHERE ", table->name);
	for (size_t i = 0; i < table->key_count; i++)
		writer_format(&w, "%s\"%s\" IS ?%zu", i > 0 ? " AND " : "", table->columns[i].name,
			      i + 1);
	return writer_end_text(&w);
}

static int value_bind(sqlite3_stmt *statement, int at, struct reader *r)
{
	enum store_tag tag = (enum store_tag)reader_u8(r);
	int64_t integer = (int64_t)reader_u64(r);
	struct view bytes = reader_block32(r, STORE_ROW_MAX);
	const void *ptr = bytes.ptr != NULL ? (const void *)bytes.ptr : "";
	if (tag == STORE_INTEGER)
		return sqlite3_bind_int64(statement, at, integer);
	if (tag == STORE_CHARACTERS)
		return sqlite3_bind_text64(statement, at, ptr, bytes.len, SQLITE_STATIC,
					   SQLITE_UTF8);
	return sqlite3_bind_blob64(statement, at, ptr, bytes.len, SQLITE_STATIC);
}

/* One on which sound rows hang stays, refused. */
static struct err row_remove(struct discard *d, const struct unsealed *row, bool *removed)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	const struct store_table *table = store_sealed_tables[row->table];
	char sql[SQL_MAX];
	struct reader r;
	TRY(sql_write(table, sql));
	int code = sqlite3_prepare_v2(d->connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	reader_init(&r, buf_view(&row->key));
	for (size_t i = 0; i < table->key_count; i++) {
		code = value_bind(statement, (int)i + 1, &r);
		TRY(sqlite_connection_result(d->connection, code, "discard"));
	}
	TRY(reader_end(&r));
	code = sqlite3_step(statement);
	if ((code & 0xff) == SQLITE_CONSTRAINT)
		return OK;
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	*removed = sqlite3_changes(d->connection->db) > 0;
	return OK;
}

static struct err pass(struct discard *d, uint64_t *removed)
{
	*removed = 0;
	TRY(find(d));
	for (size_t i = 0; i < d->count; i++) {
		bool gone = false;
		TRY(row_remove(d, &d->rows[i], &gone));
		*removed += gone;
	}
	d->left = d->count - *removed;
	return OK;
}

NODISCARD struct err sqlite_discard(void *self, uint64_t *removed, uint64_t *left)
{
	CLEANUP(discard_cleanup) struct discard d = {.store = self};
	const char *path = sqlite3_db_filename(d.store->writer->db, "main");
	ENSURE(path != NULL);
	TRY(MEM_NEW_ARRAY(FOUND_MAX, &d.rows));
	TRY(sqlite_connection_open(path, BUSY_TIMEOUT_MS, &d.connection));
	for (uint64_t now = 1; now > 0; d.removed += now)
		TRY(pass(&d, &now)); /* what hung on others may go in the next */
	*removed = d.removed;
	*left = d.left;
	return OK;
}
