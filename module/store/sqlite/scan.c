/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/scan.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/statement.h"

/* The token is asked once for so many rows. */
#define PAGE_ROWS 256
#define PAGE_BYTES ((size_t)1 << 20)

_Static_assert(PAGE_BYTES + STORE_ROW_MAX <= STORE_BATCH_BYTES_MAX, "a page fits a batch");

static struct err row_tell(const struct sqlite_scan *scan, size_t table,
			   const struct store_value *values, struct view seal, bool sound)
{
	struct sqlite_scanned row = {.table = table,
				     .values = values,
				     .sound = sound,
				     .sealed = seal.len == KMS_SEAL_LEN};
	if (row.sealed) {
		TRY(store_imprint_make(table, values, seal, &row.imprint));
		TRY(store_name_make(store_sealed_tables[table], values, row.imprint.place,
				    &row.name));
	}
	return scan->row(scan->user, &row);
}

/* A row that could never have been sealed as it is, is told at once: it has no canonical bytes. */
static struct err row_take(const struct sqlite_scan *scan, size_t table,
			   const struct sqlite_statement *statement, struct store_batch *page)
{
	const struct store_table *of = store_sealed_tables[table];
	struct store_value values[STORE_COLUMNS_MAX];
	struct view seal = VIEW_NONE;
	TRY(sqlite_row_values(statement, of, values, &seal));
	struct err e = store_batch_try_stored(page, of, values, seal);
	if (err_is(e, E_FORMAT) || err_is(e, E_BOUNDS))
		return row_tell(scan, table, values, seal, false);
	return e;
}

/* SQLite does not read on behind a value that is too long for it, and nothing tells its row. */
static struct err row_step(size_t table, struct sqlite_statement *statement, bool *more)
{
	struct err e = sqlite_statement_step(statement, more);
	struct err damaged = ERR_DETAIL(E_STORE, e.detail);
	if (!err_is(e, E_BOUNDS))
		return e;
	log_event(LOG_ERROR, "store.damaged", LOG_TEXT("table", store_sealed_tables[table]->name),
		  LOG_TEXT("text", "a value is longer than any that the service writes: somebody "
				   "else has written to the file"),
		  LOG_TEXT("do", "stop the service and restore the file from a backup"),
		  LOG_ERR(damaged));
	return damaged;
}

static struct err page_fetch(const struct sqlite_scan *scan, size_t table,
			     struct sqlite_statement *statement, struct store_batch *page,
			     bool *more)
{
	*more = true;
	while (*more && page->count < PAGE_ROWS && page->bytes.len < PAGE_BYTES) {
		TRY(row_step(table, statement, more));
		if (*more)
			TRY(row_take(scan, table, statement, page));
	}
	return OK;
}

static struct err page_tell(const struct sqlite_scan *scan, size_t table,
			    const struct store_batch *page)
{
	bool sound[PAGE_ROWS];
	for (size_t i = 0; i < page->count; i++)
		sound[i] = page->rows[i].sealed;
	if (scan->sealer != NULL)
		TRY(store_batch_check(page, scan->sealer, sound));
	for (size_t i = 0; i < page->count; i++) {
		const struct store_batch_row *row = &page->rows[i];
		struct store_value values[STORE_COLUMNS_MAX];
		TRY(store_row_values(row->table, store_batch_row(page, i), values));
		TRY(row_tell(scan, table, values, row->sealed ? VIEW_ARRAY(row->seal) : VIEW_NONE,
			     sound[i]));
	}
	return OK;
}

static struct err table_scan(const struct sqlite_scan *scan, size_t table)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(scan->connection,
				  (enum sqlite_statement_id)(SQL_WHOLE + (int)table), &statement));
	for (bool more = true; more;) {
		CLEANUP(store_batch_cleanup) struct store_batch page;
		store_batch_init(&page);
		TRY(page_fetch(scan, table, &statement, &page, &more));
		TRY(page_tell(scan, table, &page));
	}
	return OK;
}

NODISCARD struct err sqlite_scan_run(const struct sqlite_scan *scan)
{
	ENSURE(SQL_SEALED_ROWS - SQL_WHOLE == (int)store_sealed_count);
	for (size_t i = 0; i < store_sealed_count; i++)
		TRY(table_scan(scan, i));
	return OK;
}
