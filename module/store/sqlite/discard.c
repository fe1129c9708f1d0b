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
#define PASS_BYTES ((size_t)64 << 20)

/* What SQLite reads at all is no longer (connection.c), whatever somebody wrote there. */
#define VALUE_MAX ((size_t)1 << 20)
#define KEY_MAX (STORE_KEY_COLUMNS_MAX * (VALUE_MAX + 16))

/* A row by its primary key, copied: tag and bytes of each value stand one behind the other. */
struct unsealed {
	size_t table;
	bool typeless; /* one of the values */
	struct buf key;
	char name[STORE_KEY_TEXT];
};

struct discard {
	struct store_sqlite *store;
	struct sqlite_connection *connection;
	struct unsealed *rows; /* PASS_MAX */
	size_t count, bytes;
	bool full;     /* the pass; there may be more */
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

static struct err key_write(const struct sqlite_scanned *row, struct unsealed *out)
{
	const struct store_table *table = store_sealed_tables[row->table];
	struct writer w;
	writer_init_buf(&w, &out->key);
	out->typeless = false;
	for (size_t i = 0; i < table->key_count; i++) {
		out->typeless |= row->values[i].tag == 0;
		writer_u8(&w, (uint8_t)row->values[i].tag);
		writer_u64(&w, (uint64_t)row->values[i].integer);
		writer_block32(&w, row->values[i].bytes);
	}
	return writer_end(&w);
}

static struct err row_note(void *user, const struct sqlite_scanned *row)
{
	struct discard *d = user;
	if (row->sound || d->met++ < d->left || d->full)
		return OK;
	struct unsealed *noted = &d->rows[d->count];
	noted->table = row->table;
	store_row_key(store_sealed_tables[row->table], row->values, noted->name);
	buf_init(&noted->key, KEY_MAX);
	d->count++;
	TRY(key_write(row, noted));
	d->bytes += noted->key.len;
	d->full = d->count == PASS_MAX || d->bytes >= PASS_BYTES;
	return OK;
}

static struct err find(struct discard *d)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	for (size_t i = 0; i < d->count; i++)
		buf_cleanup(&d->rows[i].key);
	d->count = d->bytes = 0;
	d->full = false;
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

static struct err value_take(struct reader *r, struct store_value *out)
{
	out->tag = (enum store_tag)reader_u8(r);
	out->integer = (int64_t)reader_u64(r);
	out->bytes = reader_block32(r, VALUE_MAX);
	REQUIRE(!r->failed, E_FORMAT);
	return OK;
}

/* Names are the schema's, never data. IS: whatever somebody wrote there. But a value of a type that
 * no column of ours has was not kept: whatever has such a one carries no seal either. */
static struct err sql_write(const struct unsealed *row, char sql[SQL_MAX])
{
	const struct store_table *table = store_sealed_tables[row->table];
	struct store_value value;
	struct reader r;
	struct writer w;
	reader_init(&r, buf_view(&row->key));
	writer_init(&w, sql, SQL_MAX);
	writer_format(&w, "DELETE FROM \"%s\" WHERE ", table->name);
	for (size_t i = 0; i < table->key_count; i++) {
		const char *name = table->columns[i].name;
		writer_text(&w, i > 0 ? " AND " : "");
		TRY(value_take(&r, &value));
		if (value.tag == 0)
			writer_format(&w, "typeof(\"%s\") IN ('null','real')", name);
		else
			writer_format(&w, "\"%s\" IS ?%zu", name, i + 1);
	}
	return writer_end_text(&w);
}

static int value_bind(sqlite3_stmt *statement, int at, const struct store_value *value)
{
	const struct view bytes = value->bytes;
	const void *ptr = bytes.ptr != NULL ? (const void *)bytes.ptr : "";
	if (value->tag == 0)
		return SQLITE_OK;
	if (value->tag == STORE_INTEGER)
		return sqlite3_bind_int64(statement, at, value->integer);
	if (value->tag == STORE_CHARACTERS)
		return sqlite3_bind_text64(statement, at, ptr, bytes.len, SQLITE_STATIC,
					   SQLITE_UTF8);
	return sqlite3_bind_blob64(statement, at, ptr, bytes.len, SQLITE_STATIC);
}

static struct err key_bind(struct discard *d, const struct unsealed *row, sqlite3_stmt *statement)
{
	const struct store_table *table = store_sealed_tables[row->table];
	struct store_value value;
	struct reader r;
	reader_init(&r, buf_view(&row->key));
	for (size_t i = 0; i < table->key_count; i++) {
		TRY(value_take(&r, &value));
		int code = value_bind(statement, (int)i + 1, &value);
		TRY(sqlite_connection_result(d->connection, code, "discard"));
	}
	return reader_end(&r);
}

/* One on which sound rows hang stays, refused. One of no type may have gone with another, or take
 * others with it: they are told by their types alone. */
static struct err row_remove(struct discard *d, const struct unsealed *row, uint64_t *removed)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	const struct store_table *table = store_sealed_tables[row->table];
	char sql[SQL_MAX];
	d->left++;
	if (table == &store_table_installation)
		return OK;
	TRY(sql_write(row, sql));
	int code = sqlite3_prepare_v2(d->connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	TRY(key_bind(d, row, statement));
	code = sqlite3_step(statement);
	if ((code & 0xff) == SQLITE_CONSTRAINT)
		return OK;
	TRY(sqlite_connection_result(d->connection, code, "discard"));
	int gone = sqlite3_changes(d->connection->db);
	*removed += (uint64_t)gone;
	d->left -= gone > 0 || row->typeless;
	if (gone > 0)
		log_event(LOG_WARNING, "store.row_discarded", LOG_TEXT("table", table->name),
			  LOG_TEXT("row", row->name));
	return OK;
}

/* In one transaction, which ends with the connection where this fails. */
static struct err pass(struct discard *d, uint64_t *removed)
{
	TRY(find(d));
	TRY(sqlite_connection_run(d->connection, "BEGIN IMMEDIATE"));
	for (size_t i = 0; i < d->count; i++)
		TRY(row_remove(d, &d->rows[i], removed));
	return sqlite_connection_run(d->connection, "COMMIT");
}

/* All that there are, however many. */
static struct err sweep(struct discard *d, uint64_t *removed)
{
	*removed = 0;
	d->left = 0;
	do
		TRY(pass(d, removed));
	while (d->full);
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
