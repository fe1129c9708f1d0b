/* SPDX-License-Identifier: Apache-2.0 */
/* The row that names the sealing key: read before it can be verified, then verified. */
#include "base/log.h"
#include "store/sqlite/ports.h"

static struct err installation_fetch(struct store_sqlite *store, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_INSTALLATION_SELECT, &statement));
	TRY(sqlite_rows_fetch(&statement, &store_table_installation, SIZE_MAX, batch, &more));
	REQUIRE(batch->count > 0, E_NOT_FOUND);
	REQUIRE(batch->count == 1, E_STORE_SEAL);
	return OK;
}

/* --init makes identities before the row is ready, and the rest only behind it. */
enum traces { TRACES_NONE, TRACES_OF_INIT, TRACES_OF_USE };

static struct err missing(void)
{
	struct err gone = ERR(E_INSTALLATION);
	log_event(LOG_ERROR, "installation.missing", LOG_TEXT("table", "installation"),
		  LOG_TEXT("why", "the store has been in use, and has no such row that is ready"),
		  LOG_ERR(gone));
	return gone;
}

/* A store that was never initialised, or one that has lost what names its keys: on what is left,
 * --init would begin anew. `most`: what may be there all the same. */
static struct err check_unused(struct store_sqlite *store, enum traces most)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t traces = TRACES_NONE;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_INSTALLATION_TRACES, &statement));
	TRY(sqlite_statement_integer(&statement, &traces));
	return traces > most ? missing() : OK;
}

NODISCARD struct err sqlite_installation_load(void *self, struct kms_installation *out)
{
	struct kms_installation installation = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	struct err e = installation_fetch(self, &batch);
	if (err_is(e, E_NOT_FOUND))
		TRY(check_unused(self, TRACES_NONE));
	TRY(e);
	TRY(store_batch_decode(&batch, 0, &installation));
	if (!installation.ready)
		TRY(check_unused(self, TRACES_OF_INIT));
	*out = installation;
	return OK;
}

NODISCARD struct err sqlite_installation_verify(void *self)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(installation_fetch(store, &batch));
	return sqlite_batch_verify(store, &batch);
}

static struct err installation_delete(struct sqlite_connection *writer, const char *id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_INSTALLATION_DELETE, &statement));
	sqlite_bind_text(&statement, ":id", view_of_text(id));
	return sqlite_statement_run(&statement, &changed);
}

/* Another installation that is ready is never replaced: E_EXISTS, by the UNIQUE column. */
NODISCARD struct err sqlite_installation_save(void *self,
					      const struct kms_installation *installation)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_installation, installation));
	if (installation->ready)
		TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(installation_delete(store->writer, installation->id));
	TRY(sqlite_row_insert(store->writer, SQL_INSTALLATION_INSERT, &batch, 0));
	return sqlite_transaction_commit(&transaction);
}
