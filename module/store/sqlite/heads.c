/* SPDX-License-Identifier: Apache-2.0 */
/* How far each audit log is known to have come: one row per log, changed under its revision. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/change.h"
#include "store/sqlite/manifest_ports.h"

#define LIST_MAX 1024

static struct err head_fetch(struct store_sqlite *store, const char *log, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_AUDIT_HEAD_SELECT, &statement));
	sqlite_bind_text(&statement, ":log", view_of_text(log));
	TRY(sqlite_rows_fetch(&statement, &store_table_audit_heads, SIZE_MAX, batch, &more));
	if (batch->count == 1)
		return OK;
	return sqlite_batch_missing(store, batch, &store_table_audit_heads,
				    &SQLITE_VALUE_TEXT(view_of_text(log)));
}

NODISCARD struct err sqlite_head_load(void *self, const char *log, struct kms_audit_head *out)
{
	struct store_sqlite *store = self;
	struct kms_audit_head head = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(head_fetch(store, log, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(store_batch_decode(&batch, 0, &head));
	*out = head;
	return OK;
}

static struct err head_insert(struct store_sqlite *store, const struct store_batch *batch,
			      UNUSED const void *object)
{
	struct err e = sqlite_row_insert(store->writer, SQL_AUDIT_HEAD_INSERT, batch, 0);
	return err_is(e, E_EXISTS) ? ERR(E_STORE_CONFLICT) : e;
}

/* The row, where the stored revision is the one before. */
static struct err head_replace(struct store_sqlite *store, const struct store_batch *batch,
			       const void *object)
{
	const struct kms_audit_head *head = object;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(store->writer, SQL_AUDIT_HEAD_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_integer(&statement, ":was", (int64_t)(head->revision - 1));
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_head_save(void *self, const struct kms_audit_head *head)
{
	const struct sqlite_change change = {&store_table_audit_heads, head,
					     head->revision == 1 ? head_insert : head_replace};
	ENSURE(head->revision > 0);
	return sqlite_change_make(self, &change, NULL);
}

static struct err list_fetch(struct store_sqlite *store, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_AUDIT_HEAD_LIST, &statement));
	sqlite_bind_integer(&statement, ":limit", LIST_MAX);
	return sqlite_rows_fetch(&statement, &store_table_audit_heads, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_head_list(void *self, struct kms_audit_head **out, size_t *count)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_audit_head *heads = NULL;
	store_batch_init(&batch);
	TRY(list_fetch(store, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(MEM_NEW_ARRAY(batch.count, &heads));
	for (size_t i = 0; i < batch.count; i++)
		TRY(store_batch_decode(&batch, i, &heads[i]));
	*count = batch.count;
	*out = TAKE(heads);
	return OK;
}
