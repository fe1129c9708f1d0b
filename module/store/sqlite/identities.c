/* SPDX-License-Identifier: Apache-2.0 */
/* Principals and their access keys. */
#include "base/mem.h"
#include "store/sqlite/ports.h"

static struct err access_key_fetch(struct sqlite_connection *reader, struct view access_key_id,
				   struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	TRY(sqlite_statement_take(reader, SQL_ACCESS_KEY_SELECT, &statement));
	sqlite_bind_text(&statement, ":access_key_id", access_key_id);
	return sqlite_rows_fetch(&statement, &store_table_access_keys, SIZE_MAX, batch, &more);
}

static struct err principal_fetch(struct sqlite_connection *connection,
				  const struct auth_principal *principal, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	TRY(sqlite_statement_take(connection, SQL_PRINCIPAL_SELECT, &statement));
	sqlite_bind_text(&statement, ":account", view_of_text(principal->account));
	sqlite_bind_text(&statement, ":id", view_of_text(principal->id));
	return sqlite_rows_fetch(&statement, &store_table_principals, SIZE_MAX, batch, &more);
}

/* Row 0 is the access key, row 1 its principal; of one moment, and not yet verified. */
static struct err identity_fetch(struct store_sqlite *store, struct view access_key_id,
				 struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	struct auth_access_key key = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(access_key_fetch(reader.connection, access_key_id, batch));
	REQUIRE(batch->count == 1, E_NOT_FOUND);
	TRY(store_batch_decode(batch, 0, &key));
	return principal_fetch(reader.connection, &key.principal, batch);
}

NODISCARD struct err sqlite_access_key_load(void *self, struct view access_key_id,
					    struct auth_access_key *out)
{
	struct store_sqlite *store = self;
	struct auth_access_key key = {0};
	struct store_value values[STORE_COLUMNS_MAX];
	REQUIRE(access_key_id.len <= AUTH_ACCESS_KEY_ID_MAX, E_NOT_FOUND);
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(identity_fetch(store, access_key_id, &batch));
	TRY(store_batch_verify(&batch, &store->sealer));
	TRY(store_row_values(&store_table_access_keys, store_batch_row(&batch, 0), values));
	if (batch.count != 2)
		return store_row_refuse(&store_table_access_keys, values,
					"its principal is missing");
	TRY(store_batch_decode(&batch, 0, &key));
	TRY(store_batch_decode(&batch, 1, &key.principal));
	*out = key;
	return OK;
}

/* The principal that is there must be the one that is given: an access key never changes it. */
static struct err principal_ensure(struct sqlite_connection *writer,
				   const struct auth_principal *principal,
				   const struct store_batch *batch)
{
	CLEANUP(store_batch_cleanup) struct store_batch stored;
	store_batch_init(&stored);
	TRY(principal_fetch(writer, principal, &stored));
	if (stored.count == 0)
		return sqlite_row_insert(writer, SQL_PRINCIPAL_INSERT, batch, 0);
	REQUIRE(view_equal(store_batch_row(&stored, 0), store_batch_row(batch, 0)), E_EXISTS);
	return OK;
}

NODISCARD struct err sqlite_access_key_add(void *self, const struct auth_access_key *key,
					   const struct auth_change_record *record)
{
	(void)record;
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_principals, &key->principal));
	TRY(store_batch_add(&batch, &store_table_access_keys, key));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(principal_ensure(store->writer, &key->principal, &batch));
	TRY(sqlite_row_insert(store->writer, SQL_ACCESS_KEY_INSERT, &batch, 1));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_identities_clear(void *self)
{
	struct store_sqlite *store = self;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(sqlite_statement_once(store->writer, SQL_ACCESS_KEY_CLEAR));
	TRY(sqlite_statement_once(store->writer, SQL_PRINCIPAL_CLEAR));
	return sqlite_transaction_commit(&transaction);
}
