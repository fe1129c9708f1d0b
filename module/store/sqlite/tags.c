/* SPDX-License-Identifier: Apache-2.0 */
/* Tags: put and removed by their keys, listed. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/ports.h"

static bool is_told_before(const struct kms_tag_change *change, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (text_equal(change->tags[i].key, change->tags[at].key))
			return true;
	return false;
}

static struct err change_check(const struct kms_tag_change *change)
{
	ENSURE(change->count <= KMS_TAGS_MAX);
	for (size_t i = 0; i < change->count; i++) {
		ENSURE(change->tags[i].key[0] != '\0');
		ENSURE(!is_told_before(change, i));
	}
	return OK;
}

NODISCARD struct err sqlite_tags_add(const struct kms_tag_change *change, struct store_batch *batch)
{
	TRY(change_check(change));
	for (size_t i = 0; i < change->count; i++) {
		const struct store_key_tag row = {*change->scope, *change->key_id, change->tags[i]};
		TRY(store_batch_add(batch, &store_table_tags, &row));
	}
	return OK;
}

NODISCARD struct err sqlite_tags_write(struct sqlite_connection *writer,
				       const struct store_batch *batch, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(sqlite_row_insert(writer, SQL_TAG_PUT, batch, first + i));
	return OK;
}

NODISCARD struct err sqlite_tags_put(void *self, const struct kms_tag_change *change,
				     const struct kms_outbox_record *outbox)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_outbox, outbox));
	TRY(sqlite_tags_add(change, &batch));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(sqlite_key_expect(store->writer, change->scope, change->key_id));
	TRY(sqlite_tags_write(store->writer, &batch, 1, change->count));
	TRY(sqlite_key_limit(store->writer, SQL_TAG_COUNT, change->scope, change->key_id,
			     KMS_TAGS_MAX));
	TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, 0));
	return sqlite_transaction_commit(&transaction);
}

static struct err tag_delete(struct sqlite_connection *writer, const struct kms_tag_change *change,
			     const struct kms_tag *tag)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_TAG_DELETE, &statement));
	sqlite_bind_key(&statement, change->scope, change->key_id);
	sqlite_bind_text(&statement, ":tag_key", view_of_text(tag->key));
	return sqlite_statement_run(&statement, &changed);
}

NODISCARD struct err sqlite_tags_remove(void *self, const struct kms_tag_change *change,
					const struct kms_outbox_record *outbox)
{
	struct store_sqlite *store = self;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(change_check(change));
	TRY(store_batch_add(&batch, &store_table_outbox, outbox));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(sqlite_key_expect(store->writer, change->scope, change->key_id));
	for (size_t i = 0; i < change->count; i++)
		TRY(tag_delete(store->writer, change, &change->tags[i]));
	TRY(sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, &batch, 0));
	return sqlite_transaction_commit(&transaction);
}

/* One more than the page has room for, to know whether there is one. */
static struct err page_fetch(struct store_sqlite *store, const struct kms_page_query *query,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(sqlite_statement_take(reader.connection, SQL_TAG_PAGE, &statement));
	sqlite_bind_key(&statement, query->scope, query->key_id);
	sqlite_bind_integer(&statement, ":multi_region", query->key_id->multi_region);
	sqlite_bind_text(&statement, ":after", query->after);
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit + 1);
	TRY(sqlite_rows_fetch(&statement, &store_table_tags, SIZE_MAX, batch, &more));
	return sqlite_key_count(reader.connection, SQL_COUNT_OF_KEY_TAGS, query->scope,
				query->key_id, batch);
}

NODISCARD struct err sqlite_tags_list(void *self, const struct kms_page_query *query,
				      struct kms_tag_page *out)
{
	struct store_sqlite *store = self;
	ENSURE(query->key_id != NULL);
	REQUIRE(query->limit > 0 && query->limit <= SQLITE_PAGE_LIMIT_MAX, E_BOUNDS);
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_tag *tags = NULL;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	if (query->after.len == 0 && batch.count <= query->limit)
		TRY(sqlite_batch_complete(store, &batch, &store_table_tags,
					  SQLITE_KEY_VALUES(query->scope, query->key_id),
					  batch.count));
	size_t count = MIN_OF(batch.count, query->limit);
	TRY(MEM_NEW_ARRAY(count, &tags));
	for (size_t i = 0; i < count; i++) {
		struct store_key_tag row = {0};
		TRY(store_batch_decode(&batch, i, &row));
		tags[i] = row.tag;
	}
	*out = (struct kms_tag_page){TAKE(tags), count, batch.count > count};
	return OK;
}
