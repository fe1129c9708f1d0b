/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary credentials: added, loaded, revoked, listed, forgotten when they have ended. */
#include "base/mem.h"
#include "store/sqlite/change.h"
#include "store/sqlite/identity_ports.h"

/* Rows of one transaction: the writer is not kept from others for long. */
#define SWEEP_ROWS 1000

static struct err session_insert(struct store_sqlite *store, const struct store_batch *batch,
				 const void *object)
{
	const struct auth_session *session = object;
	const struct auth_principal *principal = &session->principal;
	TRY(sqlite_identity_expect(store->writer, SQL_IDENTITY_IS_THERE, principal->account,
				   principal->id));
	return sqlite_row_insert(store->writer, SQL_SESSION_INSERT, batch, 0);
}

static struct err session_delete(struct store_sqlite *store, UNUSED const struct store_batch *batch,
				 const void *object)
{
	const struct view *access_key_id = object;
	int changed = 0;
	TRY(sqlite_change_named(store->writer, SQL_SESSION_DELETE, ":access_key_id", *access_key_id,
				&changed));
	REQUIRE(changed == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_session_add(void *self, const struct auth_session *session,
					const struct auth_change_record *record)
{
	const struct sqlite_change change = {&store_table_sessions, session, session_insert};
	return sqlite_change_of_auth(self, &change, record);
}

NODISCARD struct err sqlite_session_remove(void *self, struct view access_key_id,
					   const struct auth_change_record *record)
{
	const struct sqlite_change change = {NULL, &access_key_id, session_delete};
	return sqlite_change_of_auth(self, &change, record);
}

static struct err session_fetch(struct store_sqlite *store, struct view access_key_id,
				struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_SESSION_SELECT, &statement));
	sqlite_bind_text(&statement, ":access_key_id", access_key_id);
	TRY(sqlite_rows_fetch(&statement, &store_table_sessions, SIZE_MAX, batch, &more));
	if (batch->count == 1)
		return OK;
	return sqlite_batch_missing(store, batch, &store_table_sessions,
				    &SQLITE_VALUE_TEXT(access_key_id));
}

NODISCARD struct err sqlite_session_load(void *self, struct view access_key_id,
					 struct auth_session *out)
{
	struct store_sqlite *store = self;
	struct auth_session session = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(session_fetch(store, access_key_id, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(store_batch_decode(&batch, 0, &session));
	*out = session;
	return OK;
}

static struct err page_fetch(struct store_sqlite *store, const struct auth_session_query *query,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_SESSION_PAGE, &statement));
	sqlite_bind_text(&statement, ":account", query->account);
	sqlite_bind_text(&statement, ":after", query->after);
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit);
	return sqlite_rows_fetch(&statement, &store_table_sessions, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_session_list(void *self, const struct auth_session_query *query,
					 struct auth_session **out, size_t *count)
{
	struct store_sqlite *store = self;
	REQUIRE(query->limit > 0 && query->limit <= AUTH_IDENTITY_PAGE_MAX + 1, E_BOUNDS);
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct auth_session *sessions = NULL;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(MEM_NEW_ARRAY(batch.count, &sessions));
	for (size_t i = 0; i < batch.count; i++)
		TRY(store_batch_decode(&batch, i, &sessions[i]));
	*out = TAKE(sessions);
	*count = batch.count;
	return OK;
}

static struct err sweep_some(struct store_sqlite *store, int64_t now_ms, int *changed)
{
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(sqlite_statement_take(store->writer, SQL_SESSION_SWEEP, &statement));
	sqlite_bind_integer(&statement, ":now", now_ms);
	sqlite_bind_integer(&statement, ":limit", SWEEP_ROWS);
	TRY(sqlite_statement_run(&statement, changed));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_session_sweep(void *self, int64_t now_ms)
{
	for (int changed = SWEEP_ROWS; changed == SWEEP_ROWS;)
		TRY(sweep_some(self, now_ms, &changed));
	return OK;
}
