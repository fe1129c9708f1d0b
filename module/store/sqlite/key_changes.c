/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a key once it is made: changed under its revision, rotated, its material on the
 * way out, and its end. */
#include "store/sqlite/ports.h"

#define ALL INT64_C(-1) /* SQLite: a LIMIT below zero is none */

/* Row 0 is the key, row 1 the version if there is one, the last the audit record if there is one.
 */
struct key_change {
	const struct kms_key *key;
	const struct kms_version *version; /* or NULL */
	const struct kms_outbox_record *outbox;
	/* What is done after the key's row is in its place, in the same transaction. Or NULL. */
	struct err (*step)(struct store_sqlite *store, const struct key_change *change,
			   const struct store_batch *batch);
};

enum { ROW_KEY, ROW_VERSION };

static struct err change_check(const struct key_change *change)
{
	TRY(kms_key_check(change->key));
	ENSURE(change->key->revision > 0);
	if (change->version == NULL)
		return OK;
	return kms_version_check(change->key, change->version);
}

static struct err rows_seal(struct store_sqlite *store, const struct key_change *change,
			    struct store_batch *batch)
{
	TRY(store_batch_add(batch, &store_table_keys, change->key));
	if (change->version != NULL) {
		const struct store_version row = {change->key->scope, *change->version};
		TRY(store_batch_add(batch, &store_table_versions, &row));
	}
	if (change->outbox != NULL)
		TRY(store_batch_add(batch, &store_table_outbox, change->outbox));
	return store_batch_seal(batch, &store->sealer);
}

/* The row, where the stored revision is the one before. */
static struct err key_replace(struct sqlite_connection *writer, const struct store_batch *batch,
			      uint64_t revision)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_KEY_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, ROW_KEY);
	sqlite_bind_integer(&statement, ":was", (int64_t)(revision - 1));
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

static struct err change_make(struct store_sqlite *store, const struct key_change *change)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(change_check(change));
	TRY(rows_seal(store, change, &batch));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(key_replace(store->writer, &batch, change->key->revision));
	if (change->step != NULL)
		TRY(change->step(store, change, &batch));
	if (change->outbox != NULL)
		TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, batch.count - 1));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_key_update(void *self, const struct kms_key *key,
				       const struct kms_outbox_record *outbox)
{
	return change_make(self, &(struct key_change){.key = key, .outbox = outbox});
}

static struct err version_add(struct store_sqlite *store, const struct key_change *change,
			      const struct store_batch *batch)
{
	TRY(sqlite_row_insert(store->writer, SQL_VERSION_INSERT, batch, ROW_VERSION));
	return sqlite_intent_take(store, change->version);
}

NODISCARD struct err sqlite_key_rotate(void *self, const struct kms_key *key,
				       const struct kms_version *made,
				       const struct kms_outbox_record *outbox)
{
	ENSURE(outbox != NULL);
	ENSURE(made->number == key->current_version);
	ENSURE(made->material == KMS_MATERIAL_PRESENT);
	return change_make(self, &(struct key_change){key, made, outbox, version_add});
}

static struct err version_insert(struct store_sqlite *store, UNUSED const struct key_change *change,
				 const struct store_batch *batch)
{
	return sqlite_row_insert(store->writer, SQL_VERSION_INSERT, batch, ROW_VERSION);
}

NODISCARD struct err sqlite_version_adopt(void *self, const struct kms_key *key,
					  const struct kms_version *adopted,
					  const struct kms_outbox_record *outbox)
{
	ENSURE(outbox != NULL);
	ENSURE(adopted->material == KMS_MATERIAL_PRESENT);
	return change_make(self, &(struct key_change){key, adopted, outbox, version_insert});
}

/* Its state and validity; a row that differs in anything else was moved by somebody. */
static struct err material_replace(struct store_sqlite *store,
				   UNUSED const struct key_change *change,
				   const struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(store->writer, SQL_VERSION_MATERIAL, &statement));
	sqlite_bind_row(&statement, batch, ROW_VERSION);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_material_update(void *self, const struct kms_key *key,
					    const struct kms_version *version,
					    const struct kms_outbox_record *outbox)
{
	return change_make(self, &(struct key_change){key, version, outbox, material_replace});
}

/* ---- the end ---- */

static struct err rows_delete(struct sqlite_connection *writer, enum sqlite_statement_id id,
			      const struct kms_key *key)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, id, &statement));
	sqlite_bind_key(&statement, &key->scope, &key->id);
	return sqlite_statement_run(&statement, &changed);
}

/* Before anything of it is touched: grants may be many. */
static struct err revision_expect(struct sqlite_connection *writer, const struct kms_key *seen)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t count = 0;
	TRY(sqlite_key_expect(writer, &seen->scope, &seen->id));
	TRY(sqlite_statement_take(writer, SQL_KEY_HAS_REVISION, &statement));
	sqlite_bind_key(&statement, &seen->scope, &seen->id);
	sqlite_bind_integer(&statement, ":revision", (int64_t)seen->revision);
	TRY(sqlite_statement_integer(&statement, &count));
	REQUIRE(count == 1, E_STORE_CONFLICT);
	return OK;
}

/* The row that has every value of the one that was seen, and its seal. */
static struct err key_remove(struct sqlite_connection *writer, const struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_KEY_DELETE, &statement));
	sqlite_bind_row(&statement, batch, ROW_KEY);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

/* At most `limit` of them; ALL: every one. */
static struct err grants_clear(struct sqlite_connection *writer, const struct kms_key *key,
			       int64_t limit, int *cleared)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(writer, SQL_GRANT_OF_KEY_CLEAR, &statement));
	sqlite_bind_key(&statement, &key->scope, &key->id);
	sqlite_bind_integer(&statement, ":limit", limit);
	return sqlite_statement_run(&statement, cleared);
}

/* What refers to the key goes first: foreign keys are checked throughout. */
static struct err whole_key_remove(struct sqlite_connection *writer, const struct kms_key *seen,
				   const struct store_batch *batch)
{
	static const enum sqlite_statement_id hanging[] = {
		SQL_GRANT_COUNT_DELETE, SQL_ALIAS_OF_KEY_DELETE, SQL_TAG_OF_KEY_DELETE,
		SQL_LAST_USE_DELETE,    SQL_CLAIM_OF_KEY_DELETE, SQL_VERSION_OF_KEY_DELETE,
	};
	int cleared = 0;
	TRY(revision_expect(writer, seen));
	TRY(grants_clear(writer, seen, ALL, &cleared));
	for (size_t i = 0; i < ARRAY_LEN(hanging); i++)
		TRY(rows_delete(writer, hanging[i], seen));
	return key_remove(writer, batch);
}

NODISCARD struct err sqlite_key_clear(void *self, const struct kms_key *seen, bool *more)
{
	struct store_sqlite *store = self;
	int cleared = 0;
	ENSURE(seen->destroying);
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(revision_expect(store->writer, seen));
	TRY(grants_clear(store->writer, seen, KMS_CLEARED_MAX, &cleared));
	TRY(sqlite_transaction_commit(&transaction));
	*more = cleared == KMS_CLEARED_MAX;
	return OK;
}

NODISCARD struct err sqlite_key_delete(void *self, const struct kms_key *seen,
				       const struct kms_outbox_record *outbox)
{
	struct store_sqlite *store = self;
	const struct key_change change = {.key = seen, .outbox = outbox};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	ENSURE(outbox != NULL && seen->destroying);
	TRY(change_check(&change));
	TRY(rows_seal(store, &change, &batch));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(whole_key_remove(store->writer, seen, &batch));
	TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, batch.count - 1));
	return sqlite_transaction_commit(&transaction);
}
