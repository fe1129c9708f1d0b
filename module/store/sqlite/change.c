/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/change.h"

#include "base/text.h"

static struct err rows_seal(struct store_sqlite *store, const struct sqlite_change *change,
			    const struct kms_outbox_record *outbox, struct store_batch *batch)
{
	if (change->table != NULL)
		TRY(store_batch_add(batch, change->table, change->object));
	if (outbox != NULL)
		TRY(store_batch_add(batch, &store_table_outbox, outbox));
	return store_batch_seal(batch, &store->sealer);
}

NODISCARD struct err sqlite_change_make(struct store_sqlite *store,
					const struct sqlite_change *change,
					const struct kms_outbox_record *outbox)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(rows_seal(store, change, outbox, &batch));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(change->step(store, &batch, change->object));
	if (outbox != NULL)
		TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, batch.count - 1));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_change_of_auth(struct store_sqlite *store,
					   const struct sqlite_change *change,
					   const struct auth_change_record *record)
{
	if (record == NULL)
		return sqlite_change_make(store, change, NULL);
	struct kms_outbox_record outbox = {.line = record->line};
	TRY(text_copy(outbox.event_id, sizeof outbox.event_id, view_of_text(record->event_id)));
	return sqlite_change_make(store, change, &outbox);
}

NODISCARD struct err sqlite_change_row(struct sqlite_connection *writer,
				       enum sqlite_statement_id id, const struct store_batch *batch,
				       enum err_code missing)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, id, &statement));
	sqlite_bind_row(&statement, batch, 0);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, (uint16_t)missing);
	return OK;
}

NODISCARD struct err sqlite_change_named(struct sqlite_connection *writer,
					 enum sqlite_statement_id id, const char *name,
					 struct view text, int *changed)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(writer, id, &statement));
	sqlite_bind_text(&statement, name, text);
	return sqlite_statement_run(&statement, changed);
}

NODISCARD struct err sqlite_ask_named(struct sqlite_connection *connection,
				      enum sqlite_statement_id id, const char *name,
				      struct view text, int64_t *out)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(connection, id, &statement));
	sqlite_bind_text(&statement, name, text);
	return sqlite_statement_integer(&statement, out);
}
