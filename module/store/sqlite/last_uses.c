/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When keys were used last. Advisory: the rows change with every use and carry no seal; what a
 * writer of the file makes of them changes what is told, and nothing else.
 */
#include "base/text.h"
#include "store/sqlite/ports.h"

/* A key that went meanwhile takes its uses along. */
static struct err use_put(struct sqlite_connection *writer, const struct kms_last_use *use)
{
	struct err found = sqlite_key_expect(writer, &use->scope, &use->key_id);
	if (err_is(found, E_NOT_FOUND))
		return OK;
	TRY(found);
	return sqlite_row_put(writer, SQL_LAST_USE_PUT, &store_table_last_uses, use);
}

NODISCARD struct err sqlite_last_use_save(void *self, const struct kms_last_use *uses, size_t count)
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

static struct err use_fetch(struct store_sqlite *store, const struct kms_scope *scope,
			    const struct kms_key_id *key_id, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_LAST_USE_SELECT, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	sqlite_bind_integer(&statement, ":multi_region", key_id->multi_region);
	TRY(sqlite_rows_fetch(&statement, &store_table_last_uses, SIZE_MAX, batch, &more));
	REQUIRE(batch->count == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_last_use_load(void *self, const struct kms_scope *scope,
					  const struct kms_key_id *key_id, struct kms_last_use *out)
{
	struct kms_last_use use = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(use_fetch(self, scope, key_id, &batch));
	TRY(store_batch_decode(&batch, 0, &use));
	REQUIRE(text_equal(use.scope.partition, scope->partition), E_NOT_FOUND);
	*out = use;
	return OK;
}

NODISCARD struct err sqlite_last_use_since(void *self, int64_t *since_ms)
{
	struct store_sqlite *store = self;
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_LAST_USE_SINCE, &statement));
	return sqlite_statement_integer(&statement, since_ms);
}
