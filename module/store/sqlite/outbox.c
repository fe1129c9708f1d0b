/* SPDX-License-Identifier: Apache-2.0 */
/* Audit records that were committed with a change and may not be in the audit log yet. */
#include "base/mem.h"
#include "store/sqlite/ports.h"

static struct err list_fetch(struct store_sqlite *store, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_OUTBOX_LIST, &statement));
	sqlite_bind_integer(&statement, ":limit", KMS_OUTBOX_PAGE_MAX);
	return sqlite_rows_fetch(&statement, &store_table_outbox, SIZE_MAX, batch, &more);
}

struct page {
	struct kms_outbox_record *records;
	size_t count;
};

static void page_cleanup(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		store_row_cleanup(&store_table_outbox, &page->records[i]);
	mem_free(TAKE(page->records));
}

NODISCARD struct err sqlite_outbox_list(void *self, struct kms_outbox_record **out, size_t *count)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(page_cleanup) struct page page = {0};
	store_batch_init(&batch);
	TRY(list_fetch(store, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(MEM_NEW_ARRAY(batch.count, &page.records));
	for (; page.count < batch.count; page.count++)
		TRY(store_batch_decode(&batch, page.count, &page.records[page.count]));
	*count = page.count;
	*out = page.records;
	page = (struct page){0};
	return OK;
}

static struct err record_delete(struct sqlite_connection *writer, const char *event_id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_OUTBOX_DELETE, &statement));
	sqlite_bind_text(&statement, ":event_id", view_of_text(event_id));
	return sqlite_statement_run(&statement, &changed);
}

/* A record that is gone already is done. */
NODISCARD struct err sqlite_outbox_done(void *self, const char (*event_ids)[KMS_EVENT_ID_LEN + 1],
					size_t count)
{
	struct store_sqlite *store = self;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	for (size_t i = 0; i < count; i++)
		TRY(record_delete(store->writer, event_ids[i]));
	return sqlite_transaction_commit(&transaction);
}
