/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases: made, pointed at another key under their revision, removed as they were seen, listed. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

/* Row 0 is the alias, row 1 the audit record; sealed. */
static struct err rows_seal(struct store_sqlite *store, const struct kms_alias *alias,
			    const struct kms_outbox_record *outbox, struct store_batch *batch)
{
	TRY(kms_alias_check(alias));
	TRY(store_batch_add(batch, &store_table_aliases, alias));
	TRY(store_batch_add(batch, &store_table_outbox, outbox));
	return store_batch_seal(batch, &store->sealer);
}

/* What holds for the key of an alias that was just written, or it is taken back. */
static struct err limit_check(struct sqlite_connection *writer, const struct kms_alias *alias)
{
	return sqlite_key_limit(writer, SQL_ALIAS_COUNT, &alias->scope, &alias->key_id,
				KMS_ALIASES_MAX);
}

NODISCARD struct err sqlite_alias_insert(struct sqlite_connection *writer,
					 const struct store_batch *batch, size_t at,
					 const struct kms_alias *alias)
{
	TRY(sqlite_key_expect(writer, &alias->scope, &alias->key_id));
	TRY(sqlite_row_insert(writer, SQL_ALIAS_INSERT, batch, at));
	return limit_check(writer, alias);
}

/* What a change does to the rows, in the writer's transaction. Row 0 of the batch is the alias. */
typedef struct err alias_step(struct store_sqlite *store, const struct store_batch *batch,
			      const struct kms_alias *alias);

static struct err alias_change(struct store_sqlite *store, const struct kms_alias *alias,
			       const struct kms_outbox_record *outbox, alias_step *step)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(rows_seal(store, alias, outbox, &batch));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(step(store, &batch, alias));
	TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, 1));
	return sqlite_transaction_commit(&transaction);
}

static struct err alias_insert(struct store_sqlite *store, const struct store_batch *batch,
			       const struct kms_alias *alias)
{
	return sqlite_alias_insert(store->writer, batch, 0, alias);
}

/* The row, where the stored revision is the one before. */
static struct err alias_replace(struct store_sqlite *store, const struct store_batch *batch,
				const struct kms_alias *alias)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_key_expect(store->writer, &alias->scope, &alias->key_id));
	TRY(sqlite_statement_take(store->writer, SQL_ALIAS_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_integer(&statement, ":was", (int64_t)(alias->revision - 1));
	sqlite_bind_integer(&statement, ":created", alias->created_ms);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return limit_check(store->writer, alias);
}

/* The row that has every value of the one that was seen, and its seal. */
static struct err alias_remove(struct store_sqlite *store, const struct store_batch *batch,
			       UNUSED const struct kms_alias *alias)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(store->writer, SQL_ALIAS_DELETE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_alias_create(void *self, const struct kms_alias *alias,
					 const struct kms_outbox_record *outbox)
{
	return alias_change(self, alias, outbox, alias_insert);
}

NODISCARD struct err sqlite_alias_update(void *self, const struct kms_alias *alias,
					 const struct kms_outbox_record *outbox)
{
	return alias_change(self, alias, outbox, alias_replace);
}

NODISCARD struct err sqlite_alias_delete(void *self, const struct kms_alias *seen,
					 const struct kms_outbox_record *outbox)
{
	return alias_change(self, seen, outbox, alias_remove);
}

/* Verified. */
static struct err alias_decode(const struct store_batch *batch, size_t at, struct kms_alias *out)
{
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_batch_decode(batch, at, out));
	if (!err_failed(kms_alias_check(out)))
		return OK;
	TRY(store_row_values(&store_table_aliases, store_batch_row(batch, at), values));
	return store_row_refuse(&store_table_aliases, values, "its values contradict another");
}

static struct err alias_fetch(struct store_sqlite *store, const struct kms_scope *scope,
			      struct view name, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_ALIAS_SELECT, &statement));
	sqlite_bind_scope(&statement, scope);
	sqlite_bind_text(&statement, ":name", name);
	TRY(sqlite_rows_fetch(&statement, &store_table_aliases, SIZE_MAX, batch, &more));
	if (batch->count == 1)
		return OK;
	const struct store_value key[] = {SQLITE_VALUE_TEXT(view_of_text(scope->account)),
					  SQLITE_VALUE_TEXT(view_of_text(scope->region)),
					  SQLITE_VALUE_TEXT(name)};
	return sqlite_batch_missing(store, batch, &store_table_aliases, key);
}

NODISCARD struct err sqlite_alias_load(void *self, const struct kms_scope *scope, struct view name,
				       struct kms_alias *out)
{
	struct store_sqlite *store = self;
	struct kms_alias alias = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(alias_fetch(store, scope, name, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(alias_decode(&batch, 0, &alias));
	REQUIRE(text_equal(alias.scope.partition, scope->partition), E_NOT_FOUND);
	*out = alias;
	return OK;
}

/* One more than the page has room for, to know whether there is one. */
static struct err page_fetch(struct store_sqlite *store, const struct kms_page_query *query,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection,
				  query->key_id ? SQL_ALIAS_OF_KEY : SQL_ALIAS_PAGE, &statement));
	sqlite_bind_scope(&statement, query->scope);
	if (query->key_id != NULL) {
		sqlite_bind_bytes(&statement, ":key_id", VIEW_ARRAY(query->key_id->bytes));
		sqlite_bind_integer(&statement, ":multi_region", query->key_id->multi_region);
	}
	sqlite_bind_text(&statement, ":after", query->after);
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit + 1);
	return sqlite_rows_fetch(&statement, &store_table_aliases, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_alias_list(void *self, const struct kms_page_query *query,
				       struct kms_alias_page *out)
{
	struct store_sqlite *store = self;
	REQUIRE(query->limit > 0 && query->limit <= SQLITE_PAGE_LIMIT_MAX, E_BOUNDS);
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_alias *aliases = NULL;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	size_t count = MIN_OF(batch.count, query->limit);
	TRY(MEM_NEW_ARRAY(count, &aliases));
	for (size_t i = 0; i < count; i++)
		TRY(alias_decode(&batch, i, &aliases[i]));
	*out = (struct kms_alias_page){TAKE(aliases), count, batch.count > count};
	return OK;
}
