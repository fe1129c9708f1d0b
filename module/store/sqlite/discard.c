/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that do not carry their seal, taken out for good: before the manifest is made anew over what
 * is left, and at no other time. Through a connection of its own, which no manifest follows.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"
#include "store/row.h"
#include "store/sqlite/indexes.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/scan.h"
#include "store/tables.h"

#define BUSY_TIMEOUT_MS 5000
#define SQL_MAX 512
#define PASS_MAX 4096 /* rows in one pass */

/* A row by its primary key, copied: tag and bytes of each value stand one behind the other. */
struct unsealed {
	size_t table;
	struct buf key;
	char name[STORE_KEY_TEXT];
};

struct discard {
	struct store_sqlite *store;
	struct sqlite_connection *connection;
	struct unsealed *rows; /* PASS_MAX */
	size_t count;
	uint64_t met;  /* by this scan, of those that do not carry their seal */
	uint64_t left; /* that stay: every scan meets them first */
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
	if (row->sound || d->met++ < d->left || d->count == PASS_MAX)
		return OK;
	struct unsealed *noted = &d->rows[d->count];
	noted->table = row->table;
	store_row_key(store_sealed_tables[row->table], row->values, noted->name);
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
	d->met = 0;
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

static struct err key_bind(struct discard *d, const struct unsealed *row, sqlite3_stmt *statement)
{
	const struct store_table *table = store_sealed_tables[row->table];
	struct reader r;
	reader_init(&r, buf_view(&row->key));
	for (size_t i = 0; i < table->key_count; i++) {
		int code = value_bind(statement, (int)i + 1, &r);
		TRY(sqlite_connection_result(d->connection, code, "discard"));
	}
	return reader_end(&r);
}

/* One on which sound rows hang stays, refused. */
static struct err row_remove(struct discard *d, const struct unsealed *row, bool *removed)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	const struct store_table *table = store_sealed_tables[row->table];
	char sql[SQL_MAX];
	if (table == &store_table_installation)
		return OK;
	TRY(sql_write(table, sql));
	int code = sqlite3_prepare_v2(d->connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	TRY(key_bind(d, row, statement));
	code = sqlite3_step(statement);
	if ((code & 0xff) == SQLITE_CONSTRAINT)
		return OK;
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	*removed = sqlite3_changes(d->connection->db) > 0;
	if (*removed)
		log_event(LOG_WARNING, "store.row_discarded", LOG_TEXT("table", table->name),
			  LOG_TEXT("row", row->name));
	return OK;
}

/* In one transaction, which ends with the connection where this fails. */
static struct err pass(struct discard *d, uint64_t *removed)
{
	TRY(find(d));
	TRY(sqlite_connection_run(d->connection, "BEGIN IMMEDIATE"));
	for (size_t i = 0; i < d->count; i++) {
		bool gone = false;
		TRY(row_remove(d, &d->rows[i], &gone));
		*removed += gone;
		d->left += !gone;
	}
	return sqlite_connection_run(d->connection, "COMMIT");
}

/* All that there are, however many. */
static struct err sweep(struct discard *d, uint64_t *removed)
{
	*removed = 0;
	d->left = 0;
	do
		TRY(pass(d, removed));
	while (d->count == PASS_MAX);
	return OK;
}

NODISCARD struct err sqlite_discard(void *self, uint64_t *removed, uint64_t *left)
{
	CLEANUP(discard_cleanup) struct discard d = {.store = self};
	const char *path = sqlite3_db_filename(d.store->writer->db, "main");
	uint64_t all = 0;
	ENSURE(path != NULL);
	TRY(MEM_NEW_ARRAY(PASS_MAX, &d.rows));
	TRY(sqlite_connection_open(path, BUSY_TIMEOUT_MS, &d.connection));
	/* A row that an index lacks could not be deleted. */
	TRY(sqlite_indexes_rebuild(d.connection));
	for (uint64_t now = 1; now > 0; all += now)
		TRY(sweep(&d, &now)); /* what hung on others may go in the next */
	*removed = all;
	*left = d.left;
	return OK;
}
