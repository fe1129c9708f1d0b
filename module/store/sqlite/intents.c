/* SPDX-License-Identifier: Apache-2.0 */
/* Intents: what this or another process is about to do on the token, under a lease. */
#include "base/mem.h"
#include "store/sqlite/ports.h"

#define LIST_MAX 1024

/*
 * The owner is one per process. It is kept, so that key_create() takes an intent only while it is
 * ours: whoever claimed it after our lease may destroy the object at any moment.
 */
static void owner_remember(struct store_sqlite *store, const uint8_t owner[16])
{
	mem_copy(store->owner, sizeof store->owner, owner, sizeof store->owner);
}

/*
 * Within this process the owner does not tell a slow maker from the reconciliation that has begun
 * to settle what it left: the token ids that are being settled do.
 */
static struct err claim_note(struct store_sqlite *store, const struct hsm_key_id *token_id)
{
	CLEANUP(mem_free_at) struct hsm_key_id *noted = NULL;
	void *old = NULL;
	if (map_get(&store->claimed, VIEW_ARRAY(token_id->bytes)) != NULL)
		return OK;
	TRY(MEM_NEW(&noted));
	*noted = *token_id;
	TRY(map_put(&store->claimed, VIEW_ARRAY(noted->bytes), noted, &old));
	noted = NULL; /* the map has it */
	return OK;
}

static void claim_forget(struct store_sqlite *store, const struct hsm_key_id *token_id)
{
	mem_free(map_remove(&store->claimed, VIEW_ARRAY(token_id->bytes)));
}

void sqlite_intents_forget(struct store_sqlite *store)
{
	size_t at = 0;
	for (void *noted = NULL; (noted = map_next(&store->claimed, &at)) != NULL;)
		mem_free(noted);
	map_cleanup(&store->claimed);
}

NODISCARD struct err sqlite_intent_add(void *self, const struct kms_intent *intent)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_intents, intent));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(sqlite_row_insert(store->writer, SQL_INTENT_INSERT, &batch, 0));
	TRY(sqlite_transaction_commit(&transaction));
	owner_remember(store, intent->owner);
	return OK;
}

static struct err intent_delete(struct sqlite_connection *writer, const struct hsm_key_id *token_id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_INTENT_DELETE, &statement));
	sqlite_bind_bytes(&statement, ":token_id", VIEW_ARRAY(token_id->bytes));
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_intent_remove(void *self, const struct hsm_key_id *token_id)
{
	struct store_sqlite *store = self;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	struct err e = intent_delete(store->writer, token_id);
	if (!err_failed(e))
		e = sqlite_transaction_commit(&transaction);
	if (!err_failed(e) || err_is(e, E_NOT_FOUND))
		claim_forget(store, token_id);
	return e;
}

NODISCARD struct err sqlite_intent_take(struct store_sqlite *store,
					const struct kms_version *version)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	REQUIRE(map_get(&store->claimed, VIEW_ARRAY(version->token_id.bytes)) == NULL,
		E_STORE_CONFLICT);
	TRY(sqlite_statement_take(store->writer, SQL_INTENT_TAKE, &statement));
	sqlite_bind_bytes(&statement, ":token_id", VIEW_ARRAY(version->token_id.bytes));
	sqlite_bind_bytes(&statement, ":owner", VIEW_ARRAY(store->owner));
	sqlite_bind_bytes(&statement, ":key_id", VIEW_ARRAY(version->key_id.bytes));
	sqlite_bind_integer(&statement, ":number", version->number);
	sqlite_bind_integer(&statement, ":kind", KMS_INTENT_MAKE);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

static struct err list_fetch(struct store_sqlite *store, int64_t now_ms, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_INTENT_LIST, &statement));
	sqlite_bind_integer(&statement, ":now", now_ms);
	sqlite_bind_integer(&statement, ":limit", LIST_MAX);
	return sqlite_rows_fetch(&statement, &store_table_intents, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_intent_list(void *self, int64_t now_ms, struct kms_intent **out,
					size_t *count)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	store_batch_init(&batch);
	TRY(list_fetch(store, now_ms, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(MEM_NEW_ARRAY(batch.count, &intents));
	for (size_t i = 0; i < batch.count; i++)
		TRY(store_batch_decode(&batch, i, &intents[i]));
	*count = batch.count;
	*out = TAKE(intents);
	return OK;
}

/* The claimed row, where the stored one is still the one that was seen. */
static struct err intent_replace(struct sqlite_connection *writer, const struct store_batch *batch,
				 const struct kms_intent *seen)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_INTENT_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_bytes(&statement, ":seen", VIEW_ARRAY(seen->owner));
	sqlite_bind_integer(&statement, ":was", seen->lease_ms);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_intent_claim(void *self, const struct kms_intent *seen,
					 const uint8_t owner[16], int64_t lease_ms)
{
	struct store_sqlite *store = self;
	struct kms_intent claimed = *seen;
	bool ours = mem_equal(seen->owner, owner, sizeof seen->owner);
	bool ended = seen->lease_ms < clock_real_ms(store->clock);
	REQUIRE(ours || ended, E_STORE_CONFLICT);
	mem_copy(claimed.owner, sizeof claimed.owner, owner, sizeof claimed.owner);
	claimed.lease_ms = lease_ms;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_intents, &claimed));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(intent_replace(store->writer, &batch, seen));
	if (ended) /* before the commit: settling begins with it */
		TRY(claim_note(store, &seen->token_id));
	TRY(sqlite_transaction_commit(&transaction));
	owner_remember(store, owner);
	return OK;
}
