/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: who is at an act, and how it has failed so far. Advisory, as kms/agenda.h says. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/agenda_ports.h"

static struct err row_put(struct sqlite_connection *writer, enum sqlite_statement_id id,
			  const struct store_claim *row, int64_t now_ms, int *changed)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_claims, row));
	TRY(sqlite_key_expect(writer, &row->claim.scope, &row->claim.key_id));
	TRY(sqlite_statement_take(writer, id, &statement));
	sqlite_bind_row(&statement, &batch, 0);
	if (id == SQL_CLAIM_TAKE)
		sqlite_bind_integer(&statement, ":now", now_ms);
	return sqlite_statement_run(&statement, changed);
}

NODISCARD struct err sqlite_claim_take(void *self, const struct kms_claim *claim, int64_t now_ms)
{
	struct store_sqlite *store = self;
	const struct store_claim row = {.claim = *claim};
	int changed = 0;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(row_put(store->writer, SQL_CLAIM_TAKE, &row, now_ms, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return sqlite_transaction_commit(&transaction);
}

static void act_bind(struct sqlite_statement *statement, const struct kms_claim *claim)
{
	sqlite_bind_bytes(statement, ":key_id", VIEW_ARRAY(claim->key_id.bytes));
	sqlite_bind_integer(statement, ":kind", claim->kind);
	sqlite_bind_integer(statement, ":number", claim->number);
}

static struct err claim_delete(struct sqlite_connection *writer, const struct kms_claim *claim)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_CLAIM_DELETE, &statement));
	act_bind(&statement, claim);
	sqlite_bind_bytes(&statement, ":owner", VIEW_ARRAY(claim->owner));
	return sqlite_statement_run(&statement, &changed);
}

NODISCARD struct err sqlite_claim_end(void *self, const struct kms_claim *claim)
{
	struct store_sqlite *store = self;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(claim_delete(store->writer, claim));
	return sqlite_transaction_commit(&transaction);
}

/* A key that went meanwhile takes its claims along, and one that somebody else took over stays his.
 */
NODISCARD struct err sqlite_claim_fail(void *self, const struct kms_claim *claim, int64_t retry_ms,
				       const char *error)
{
	struct store_sqlite *store = self;
	struct store_claim row = {.claim = *claim, .attempts = 1, .retry_ms = retry_ms};
	int changed = 0;
	row.claim.lease_ms = 0;
	TRY(text_copy(row.error, sizeof row.error,
		      view_part(view_of_text(error), 0, KMS_DUE_ERROR_MAX)));
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	struct err e = row_put(store->writer, SQL_CLAIM_FAIL, &row, 0, &changed);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_claim_attempts(void *self, const struct kms_claim *claim,
					   uint32_t *attempts)
{
	struct store_sqlite *store = self;
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t counted = 0;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_CLAIM_ATTEMPTS, &statement));
	act_bind(&statement, claim);
	TRY(sqlite_statement_integer(&statement, &counted));
	REQUIRE(counted >= 0, E_NOT_FOUND);
	*attempts = (uint32_t)MIN_OF(counted, (int64_t)UINT32_MAX);
	return OK;
}

/* ---- what failed ---- */

static struct err failures_fetch(struct store_sqlite *store, size_t limit,
				 struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_CLAIM_FAILURES, &statement));
	sqlite_bind_integer(&statement, ":limit", (int64_t)limit);
	return sqlite_hints_fetch(&statement, &store_table_claims, batch);
}

static struct err failure_decode(const struct store_batch *batch, size_t at,
				 struct kms_due_failure *out)
{
	struct store_claim row = {0};
	TRY(store_batch_decode(batch, at, &row));
	*out = (struct kms_due_failure){
		.due = {row.claim.kind, row.claim.scope, row.claim.key_id, row.claim.number,
			row.retry_ms},
		.attempts = row.attempts,
	};
	return text_copy(out->error, sizeof out->error, view_of_text(row.error));
}

NODISCARD struct err sqlite_failures(void *self, size_t limit, struct kms_due_failure **out,
				     size_t *count)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_due_failure *failures = NULL;
	store_batch_init(&batch);
	REQUIRE(limit > 0 && limit <= SQLITE_PAGE_LIMIT_MAX, E_BOUNDS);
	TRY(failures_fetch(self, limit, &batch));
	TRY(MEM_NEW_ARRAY(batch.count, &failures));
	for (size_t i = 0; i < batch.count; i++)
		TRY(failure_decode(&batch, i, &failures[i]));
	*count = batch.count;
	*out = TAKE(failures);
	return OK;
}
