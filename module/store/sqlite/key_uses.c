/* SPDX-License-Identifier: Apache-2.0 */
/* When access keys were used last. Advisory, as last_uses.c says of keys. */
#include "store/sqlite/change.h"
#include "store/sqlite/identity_ports.h"

/* An access key that went meanwhile takes its uses along. */
static struct err use_put(struct sqlite_connection *writer, const struct auth_key_use *use)
{
	int64_t count = 0;
	TRY(sqlite_ask_named(writer, SQL_ACCESS_KEY_IS_THERE, ":access_key_id",
			     view_of_text(use->access_key_id), &count));
	if (count != 1)
		return OK;
	return sqlite_row_put(writer, SQL_KEY_USE_PUT, &store_table_key_uses, use);
}

NODISCARD struct err sqlite_key_use_save(void *self, const struct auth_key_use *uses, size_t count)
{
	struct store_sqlite *store = self;
	if (count == 0)
		return OK;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	for (size_t i = 0; i < count; i++)
		TRY(use_put(store->writer, &uses[i]));
	return sqlite_transaction_commit(&transaction);
}

static struct err use_fetch(struct store_sqlite *store, struct view access_key_id,
			    struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_KEY_USE_SELECT, &statement));
	sqlite_bind_text(&statement, ":access_key_id", access_key_id);
	TRY(sqlite_rows_fetch(&statement, &store_table_key_uses, SIZE_MAX, batch, &more));
	REQUIRE(batch->count == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_key_use_load(void *self, struct view access_key_id,
					 struct auth_key_use *out)
{
	struct auth_key_use use = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(use_fetch(self, access_key_id, &batch));
	TRY(store_batch_decode(&batch, 0, &use));
	*out = use;
	return OK;
}
