/* SPDX-License-Identifier: Apache-2.0 */
/* How far the clock is known to be right: the one row, changed under its revision. */
#include "store/sqlite/agenda_ports.h"
#include "store/sqlite/change.h"

static struct err mark_fetch(struct store_sqlite *store, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_CLOCK_MARK_SELECT, &statement));
	TRY(sqlite_rows_fetch(&statement, &store_table_clock_marks, SIZE_MAX, batch, &more));
	if (batch->count == 1)
		return OK;
	return sqlite_batch_missing(store, batch, &store_table_clock_marks,
				    &SQLITE_VALUE_NUMBER(STORE_CLOCK_MARK_ID));
}

NODISCARD struct err sqlite_mark_load(void *self, struct kms_clock_mark *out)
{
	struct store_sqlite *store = self;
	struct store_clock_mark row = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(mark_fetch(store, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(store_batch_decode(&batch, 0, &row));
	*out = row.mark;
	return OK;
}

static struct err mark_insert(struct store_sqlite *store, const struct store_batch *batch,
			      UNUSED const void *object)
{
	struct err e = sqlite_row_insert(store->writer, SQL_CLOCK_MARK_INSERT, batch, 0);
	return err_is(e, E_EXISTS) ? ERR(E_STORE_CONFLICT) : e;
}

/* The row, where the stored revision is the one before. */
static struct err mark_replace(struct store_sqlite *store, const struct store_batch *batch,
			       const void *object)
{
	const struct store_clock_mark *row = object;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(store->writer, SQL_CLOCK_MARK_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_integer(&statement, ":was", (int64_t)(row->mark.revision - 1));
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_mark_save(void *self, const struct kms_clock_mark *mark,
				      const struct kms_outbox_record *outbox)
{
	const struct store_clock_mark row = {STORE_CLOCK_MARK_ID, *mark};
	const struct sqlite_change change = {&store_table_clock_marks, &row,
					     mark->revision == 1 ? mark_insert : mark_replace};
	ENSURE(mark->revision > 0);
	return sqlite_change_make(self, &change, outbox);
}
