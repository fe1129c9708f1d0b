/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: made with their first version, loaded whole, listed. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

void sqlite_bind_scope(struct sqlite_statement *statement, const struct kms_scope *scope)
{
	sqlite_bind_text(statement, ":account", view_of_text(scope->account));
	sqlite_bind_text(statement, ":region", view_of_text(scope->region));
}

void sqlite_bind_key(struct sqlite_statement *statement, const struct kms_scope *scope,
		     const struct kms_key_id *key_id)
{
	sqlite_bind_scope(statement, scope);
	sqlite_bind_bytes(statement, ":key_id", VIEW_ARRAY(key_id->bytes));
}

NODISCARD struct err sqlite_key_count(struct sqlite_connection *reader, enum sqlite_statement_id id,
				      const struct kms_scope *scope,
				      const struct kms_key_id *key_id, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t rows = 0;
	if (batch->since == 0)
		return OK;
	TRY(sqlite_statement_take(reader, id, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	TRY(sqlite_statement_integer(&statement, &rows));
	const struct store_table *table = sqlite_statement_rows[id].table;
	TRY(store_place_make(table, STORE_GROUP_COLUMNS, SQLITE_KEY_VALUES(scope, key_id),
			     batch->group));
	batch->counted = table;
	batch->grouped = true;
	batch->there = (uint64_t)rows;
	return OK;
}

NODISCARD struct err sqlite_key_expect(struct sqlite_connection *writer,
				       const struct kms_scope *scope,
				       const struct kms_key_id *key_id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t count = 0;
	TRY(sqlite_statement_take(writer, SQL_KEY_IS_THERE, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	sqlite_bind_text(&statement, ":partition", view_of_text(scope->partition));
	sqlite_bind_integer(&statement, ":multi_region", key_id->multi_region);
	TRY(sqlite_statement_integer(&statement, &count));
	REQUIRE(count == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_key_limit(struct sqlite_connection *writer,
				      enum sqlite_statement_id count, const struct kms_scope *scope,
				      const struct kms_key_id *key_id, int64_t max)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t counted = 0;
	TRY(sqlite_statement_take(writer, count, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	TRY(sqlite_statement_integer(&statement, &counted));
	REQUIRE(counted <= max, E_KMS_LIMIT);
	return OK;
}

/* What key_create() writes, in this order: key, version, audit record, tags, and the alias. */
enum { ROW_KEY, ROW_VERSION, ROW_OUTBOX, ROW_TAGS };

static struct err made_check(const struct kms_new_key *made)
{
	const struct kms_key *key = made->key;
	TRY(kms_key_check(key));
	ENSURE(kms_key_id_equal(&key->id, &made->version->key_id));
	ENSURE(key->current_version == made->version->number);
	if (made->alias == NULL)
		return OK;
	ENSURE(kms_key_id_equal(&key->id, &made->alias->key_id));
	return kms_alias_check(made->alias);
}

static struct err made_seal(struct store_sqlite *store, const struct kms_new_key *made,
			    const struct kms_outbox_record *outbox, struct store_batch *batch)
{
	const struct kms_key *key = made->key;
	const struct store_version row = {key->scope, *made->version};
	const struct kms_tag_change tags = {&key->scope, &key->id, made->tags, made->tag_count};
	TRY(made_check(made));
	TRY(store_batch_add(batch, &store_table_keys, key));
	TRY(store_batch_add(batch, &store_table_versions, &row));
	TRY(store_batch_add(batch, &store_table_outbox, outbox));
	TRY(sqlite_tags_add(&tags, batch));
	if (made->alias != NULL)
		TRY(store_batch_add(batch, &store_table_aliases, made->alias));
	return store_batch_seal(batch, &store->sealer);
}

static struct err made_write(struct store_sqlite *store, const struct kms_new_key *made,
			     const struct store_batch *batch)
{
	TRY(sqlite_row_insert(store->writer, SQL_KEY_INSERT, batch, ROW_KEY));
	TRY(sqlite_row_insert(store->writer, SQL_VERSION_INSERT, batch, ROW_VERSION));
	TRY(sqlite_intent_take(store, made->version));
	TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, batch, ROW_OUTBOX));
	TRY(sqlite_tags_write(store->writer, batch, ROW_TAGS, made->tag_count));
	if (made->alias == NULL)
		return OK;
	return sqlite_alias_insert(store->writer, batch, ROW_TAGS + made->tag_count, made->alias);
}

NODISCARD struct err sqlite_key_create(void *self, const struct kms_new_key *made,
				       const struct kms_outbox_record *outbox)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(made_seal(store, made, outbox, &batch));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(made_write(store, made, &batch));
	return sqlite_transaction_commit(&transaction);
}

static struct err rows_of_key(struct sqlite_connection *reader, enum sqlite_statement_id id,
			      const struct kms_scope *scope, const struct kms_key_id *key_id,
			      struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool versions = id == SQL_VERSION_OF_KEY;
	bool more = false;
	TRY(sqlite_statement_take(reader, id, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	if (versions)
		sqlite_bind_integer(&statement, ":limit", KMS_VERSIONS_MAX + 1);
	return sqlite_rows_fetch(&statement, versions ? &store_table_versions : &store_table_keys,
				 SIZE_MAX, batch, &more);
}

/* Row 0 is the key, the others its versions; of one moment, and not yet verified. */
static struct err key_fetch(struct store_sqlite *store, const struct kms_scope *scope,
			    const struct kms_key_id *id, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(rows_of_key(reader.connection, SQL_KEY_SELECT, scope, id, batch));
	if (batch->count != 1)
		return sqlite_batch_missing(store, batch, &store_table_keys,
					    SQLITE_KEY_VALUES(scope, id));
	TRY(rows_of_key(reader.connection, SQL_VERSION_OF_KEY, scope, id, batch));
	REQUIRE(batch->count <= 1 + KMS_VERSIONS_MAX, E_BOUNDS);
	return OK;
}

static struct err versions_decode(const struct store_batch *batch, struct kms_key_full *full)
{
	TRY(MEM_NEW_ARRAY(batch->count - 1, &full->versions));
	for (size_t i = 1; i < batch->count; i++) {
		struct store_version row = {0};
		TRY(store_batch_decode(batch, i, &row));
		full->versions[full->version_count++] = row.version;
	}
	return OK;
}

/* Every row carries its seal by now: what is wrong still was left out, or is a defect. */
static struct err key_whole(const struct store_batch *batch, const struct kms_key_full *full,
			    bool may_lack)
{
	struct store_value values[STORE_COLUMNS_MAX];
	if (may_lack && kms_key_full_version(full, full->key.current_version) == NULL)
		return OK;
	TRY(store_row_values(&store_table_keys, store_batch_row(batch, 0), values));
	uint32_t current = full->key.current_version;
	if (current != 0 && kms_key_full_version(full, current) == NULL)
		return store_row_refuse(&store_table_keys, values,
					"its current version is missing");
	if (err_failed(kms_key_full_check(full)))
		return store_row_refuse(&store_table_keys, values, "its values contradict another");
	return OK;
}

static struct err load(struct store_sqlite *store, const struct kms_scope *scope,
		       const struct kms_key_id *id, bool may_lack, struct kms_key_full *out)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(kms_key_full_cleanup) struct kms_key_full full = {0};
	store_batch_init(&batch);
	TRY(key_fetch(store, scope, id, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	TRY(sqlite_batch_complete(store, &batch, &store_table_versions,
				  SQLITE_KEY_VALUES(scope, id), batch.count - 1));
	TRY(store_batch_decode(&batch, 0, &full.key));
	full.key.multi_region = full.key.id.multi_region;
	REQUIRE(kms_key_id_equal(&full.key.id, id), E_NOT_FOUND);
	REQUIRE(text_equal(full.key.scope.partition, scope->partition), E_NOT_FOUND);
	TRY(versions_decode(&batch, &full));
	TRY(key_whole(&batch, &full, may_lack));
	*out = full;
	full = (struct kms_key_full){0};
	return OK;
}

NODISCARD struct err sqlite_key_load(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *id, struct kms_key_full *out)
{
	return load(self, scope, id, false, out);
}

NODISCARD struct err sqlite_key_load_lacking(void *self, const struct kms_scope *scope,
					     const struct kms_key_id *id, struct kms_key_full *out)
{
	return load(self, scope, id, true, out);
}

static struct err located_fetch(struct store_sqlite *store, const struct kms_key_id *id,
				struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_KEY_BY_ID, &statement));
	sqlite_bind_bytes(&statement, ":key_id", VIEW_ARRAY(id->bytes));
	return sqlite_rows_fetch(&statement, &store_table_keys, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_key_locate(void *self, const struct kms_key_id *id,
				       struct kms_scope *out)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(kms_key_cleanup) struct kms_key key = {0};
	store_batch_init(&batch);
	TRY(located_fetch(store, id, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	REQUIRE(batch.count == 1, E_NOT_FOUND);
	TRY(store_batch_decode(&batch, 0, &key));
	REQUIRE(kms_key_id_equal(&key.id, id), E_NOT_FOUND);
	*out = key.scope;
	return OK;
}

/* Up to `limit` keys of the scope behind an id (none: from the start). */
struct page_query {
	const struct kms_scope *scope;
	struct view after;
	size_t limit;
};

/* *more: the rows were large, and there are others of this query. */
static struct err page_fetch(struct store_sqlite *store, const struct page_query *query,
			     struct store_batch *batch, bool *more)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_KEY_PAGE, &statement));
	sqlite_bind_scope(&statement, query->scope);
	sqlite_bind_bytes(&statement, ":after", query->after);
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit);
	return sqlite_rows_fetch(&statement, &store_table_keys, STORE_BATCH_BYTES_ENOUGH, batch,
				 more);
}

static struct err id_decode(const struct store_batch *batch, size_t at, struct kms_key_id *out)
{
	CLEANUP(kms_key_cleanup) struct kms_key key = {0};
	TRY(store_batch_decode(batch, at, &key));
	*out = key.id;
	return OK;
}

/* Appends the ids of one verified batch to the page, and moves the query behind them. */
static struct err page_extend(struct store_sqlite *store, struct page_query *query,
			      struct kms_key_page *page, bool *more)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch, more));
	TRY(sqlite_batch_verify(store, &batch));
	for (size_t i = 0; i < batch.count; i++)
		TRY(id_decode(&batch, i, &page->ids[page->count++]));
	query->limit -= batch.count;
	if (page->count > 0)
		query->after = VIEW_ARRAY(page->ids[page->count - 1].bytes);
	return OK;
}

NODISCARD struct err sqlite_key_list(void *self, const struct kms_scope *scope,
				     const struct kms_key_id *after, size_t limit,
				     struct kms_key_page *out)
{
	REQUIRE(limit > 0 && limit <= SQLITE_PAGE_LIMIT_MAX, E_BOUNDS);
	CLEANUP(mem_free_at) struct kms_key_id *ids = NULL;
	TRY(MEM_NEW_ARRAY(limit + 1, &ids)); /* one more, to know whether there is one */
	struct kms_key_page page = {.ids = ids};
	struct page_query query = {scope, after ? VIEW_ARRAY(after->bytes) : VIEW_NONE, limit + 1};
	for (bool more = true; more && query.limit > 0;)
		TRY(page_extend(self, &query, &page, &more));
	page.more = page.count > limit;
	page.count = MIN_OF(page.count, limit);
	page.ids = TAKE(ids);
	*out = page;
	return OK;
}
