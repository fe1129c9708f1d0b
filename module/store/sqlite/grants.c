/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: made under the quota of their key, removed as they were seen, loaded, listed, and all of
 * one key. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/change.h"
#include "store/sqlite/grant_ports.h"

/* sqlite_grant_each() verifies this much at a time; rows are longer than 256 bytes, so that
 * STORE_BATCH_ROWS_MAX of them are never in it. */
#define EACH_BYTES ((size_t)1 << 20)

/* ---- changes ---- */

/* E_KMS_LIMIT: the grant that was just written is taken back. */
static struct err count_up(struct sqlite_connection *writer, const struct kms_grant *grant)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t count = 0;
	TRY(sqlite_statement_take(writer, SQL_GRANT_COUNT_UP, &statement));
	sqlite_bind_key(&statement, &grant->scope, &grant->key_id);
	TRY(sqlite_statement_integer(&statement, &count));
	REQUIRE(count <= KMS_GRANTS_MAX, E_KMS_LIMIT);
	return OK;
}

static struct err count_down(struct sqlite_connection *writer, const struct kms_grant *grant)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_GRANT_COUNT_DOWN, &statement));
	sqlite_bind_key(&statement, &grant->scope, &grant->key_id);
	return sqlite_statement_run(&statement, &changed);
}

static struct err grant_insert(struct store_sqlite *store, const struct store_batch *batch,
			       const void *object)
{
	const struct kms_grant *grant = object;
	TRY(sqlite_key_expect(store->writer, &grant->scope, &grant->key_id));
	TRY(sqlite_row_insert(store->writer, SQL_GRANT_INSERT, batch, 0));
	return count_up(store->writer, grant);
}

/* The row that has every value of the one that was seen, and its seal. */
static struct err grant_delete(struct store_sqlite *store, const struct store_batch *batch,
			       const void *object)
{
	TRY(sqlite_change_row(store->writer, SQL_GRANT_DELETE, batch, E_NOT_FOUND));
	return count_down(store->writer, object);
}

NODISCARD struct err sqlite_grant_create(void *self, const struct kms_grant *grant,
					 const struct kms_outbox_record *outbox)
{
	const struct sqlite_change change = {&store_table_grants, grant, grant_insert};
	TRY(kms_grant_check(grant));
	return sqlite_change_make(self, &change, outbox);
}

NODISCARD struct err sqlite_grant_remove(void *self, const struct kms_grant *seen,
					 const struct kms_outbox_record *outbox)
{
	const struct sqlite_change change = {&store_table_grants, seen, grant_delete};
	return sqlite_change_make(self, &change, outbox);
}

/* ---- one ---- */

/* Of a verified row. */
static struct err grant_decode(const struct store_batch *batch, size_t at, struct kms_grant *out)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_batch_decode(batch, at, &grant));
	if (!err_failed(kms_grant_check(&grant))) {
		*out = grant;
		grant = (struct kms_grant){0};
		return OK;
	}
	TRY(store_row_values(&store_table_grants, store_batch_row(batch, at), values));
	return store_row_refuse(&store_table_grants, values, "its values contradict another");
}

/* By its id or, without one, by its likeness. */
struct one_query {
	const struct kms_scope *scope;
	const struct kms_key_id *key_id;
	struct view id;
	struct view likeness;
};

static struct err one_fetch(struct store_sqlite *store, const struct one_query *query,
			    struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool alike = query->likeness.len > 0;
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(sqlite_statement_take(reader.connection, alike ? SQL_GRANT_FIND : SQL_GRANT_SELECT,
				  &statement));
	sqlite_bind_key(&statement, query->scope, query->key_id);
	if (alike)
		sqlite_bind_bytes(&statement, ":likeness", query->likeness);
	else
		sqlite_bind_text(&statement, ":grant_id", query->id);
	TRY(sqlite_rows_fetch(&statement, &store_table_grants, SIZE_MAX, batch, &more));
	if (batch->count == 1)
		return OK;
	if (alike)
		return sqlite_key_count(reader.connection, SQL_COUNT_OF_KEY_GRANTS_ALIKE,
					query->scope, query->key_id, batch);
	const struct store_value key[] = {
		SQLITE_VALUE_TEXT(view_of_text(query->scope->account)),
		SQLITE_VALUE_TEXT(view_of_text(query->scope->region)),
		SQLITE_VALUE_BYTES(VIEW_ARRAY(query->key_id->bytes)),
		SQLITE_VALUE_TEXT(query->id),
	};
	return sqlite_batch_missing(store, batch, &store_table_grants, key);
}

static struct err one_load(struct store_sqlite *store, const struct one_query *query,
			   struct kms_grant *out)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	store_batch_init(&batch);
	TRY(one_fetch(store, query, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	REQUIRE(batch.count == 1, E_NOT_FOUND);
	TRY(grant_decode(&batch, 0, &grant));
	REQUIRE(kms_key_id_equal(&grant.key_id, query->key_id), E_NOT_FOUND);
	REQUIRE(text_equal(grant.scope.partition, query->scope->partition), E_NOT_FOUND);
	*out = grant;
	grant = (struct kms_grant){0};
	return OK;
}

NODISCARD struct err sqlite_grant_load(void *self, const struct kms_scope *scope,
				       const struct kms_key_id *key_id, struct view id,
				       struct kms_grant *out)
{
	const struct one_query query = {.scope = scope, .key_id = key_id, .id = id};
	return one_load(self, &query, out);
}

NODISCARD struct err sqlite_grant_find(void *self, const struct kms_scope *scope,
				       const struct kms_key_id *key_id,
				       const uint8_t likeness[KMS_GRANT_LIKENESS_LEN],
				       struct kms_grant *out)
{
	const struct one_query query = {.scope = scope,
					.key_id = key_id,
					.likeness = view_of(likeness, KMS_GRANT_LIKENESS_LEN)};
	return one_load(self, &query, out);
}

/* ---- lists ---- */

/* Either of the two lists, from a place on. */
struct page_query {
	const struct kms_grant_query *of_key; /* NULL: of_retiring */
	const struct kms_retirable_query *of_retiring;
	struct view after_key; /* of_retiring; borrowed, as `after` is, from the page */
	struct view after;
	size_t limit;
};

static enum sqlite_statement_id page_statement(const struct page_query *query)
{
	if (query->of_key == NULL)
		return SQL_GRANT_OF_RETIRING;
	return query->of_key->grantee.len > 0 ? SQL_GRANT_OF_GRANTEE : SQL_GRANT_PAGE;
}

static void page_bind(struct sqlite_statement *statement, const struct page_query *query)
{
	const struct kms_grant_query *of_key = query->of_key;
	if (of_key == NULL) {
		sqlite_bind_text(statement, ":region", query->of_retiring->region);
		sqlite_bind_text(statement, ":retiring", query->of_retiring->retiring);
		sqlite_bind_bytes(statement, ":key_id", query->after_key);
	} else {
		sqlite_bind_key(statement, of_key->scope, of_key->key_id);
		sqlite_bind_integer(statement, ":multi_region", of_key->key_id->multi_region);
		if (of_key->grantee.len > 0)
			sqlite_bind_text(statement, ":grantee", of_key->grantee);
	}
	sqlite_bind_text(statement, ":after", query->after);
	sqlite_bind_integer(statement, ":limit", (int64_t)query->limit);
}

/* By the index that the page is read from. */
static struct err page_count(struct sqlite_connection *reader, const struct page_query *query,
			     struct store_batch *batch)
{
	const struct kms_grant_query *of_key = query->of_key;
	if (of_key == NULL)
		return OK;
	return sqlite_key_count(reader,
				of_key->grantee.len > 0 ? SQL_COUNT_OF_KEY_GRANTS_OF_GRANTEE
							: SQL_COUNT_OF_KEY_GRANTS,
				of_key->scope, of_key->key_id, batch);
}

/* *more: the rows were large, and there are others of this query. */
static struct err page_fetch(struct store_sqlite *store, const struct page_query *query,
			     struct store_batch *batch, bool *more)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(sqlite_statement_take(reader.connection, page_statement(query), &statement));
	page_bind(&statement, query);
	TRY(sqlite_rows_fetch(&statement, &store_table_grants, STORE_BATCH_BYTES_ENOUGH, batch,
			      more));
	return page_count(reader.connection, query, batch);
}

/* Appends one verified batch to the page, and moves the query behind it. */
static struct err page_extend(struct store_sqlite *store, struct page_query *query,
			      struct kms_grant_page *page, bool *more)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch, more));
	TRY(sqlite_batch_verify(store, &batch));
	for (size_t i = 0; i < batch.count; i++, page->count++)
		TRY(grant_decode(&batch, i, &page->grants[page->count]));
	query->limit -= batch.count;
	if (page->count == 0)
		return OK;
	const struct kms_grant *last = &page->grants[page->count - 1];
	query->after_key = VIEW_ARRAY(last->key_id.bytes);
	query->after = view_of_text(last->id);
	return OK;
}

static struct err page_make(struct store_sqlite *store, struct page_query *query,
			    struct kms_grant_page *out)
{
	size_t limit = query->limit;
	REQUIRE(limit > 0 && limit <= KMS_GRANT_PAGE_MAX, E_BOUNDS);
	CLEANUP(kms_grant_page_cleanup) struct kms_grant_page page = {0};
	query->limit++; /* one more, to know whether there is one */
	TRY(MEM_NEW_ARRAY(query->limit, &page.grants));
	for (bool more = true; more && query->limit > 0;)
		TRY(page_extend(store, query, &page, &more));
	page.more = page.count > limit;
	if (page.more)
		kms_grant_cleanup(&page.grants[--page.count]);
	*out = page;
	page = (struct kms_grant_page){0};
	return OK;
}

NODISCARD struct err sqlite_grant_list(void *self, const struct kms_grant_query *query,
				       struct kms_grant_page *out)
{
	struct page_query place = {.of_key = query, .after = query->after, .limit = query->limit};
	return page_make(self, &place, out);
}

NODISCARD struct err sqlite_grant_list_retirable(void *self,
						 const struct kms_retirable_query *query,
						 struct kms_grant_page *out)
{
	struct page_query place = {
		.of_retiring = query, .after = query->after, .limit = query->limit};
	if (query->after_key != NULL)
		place.after_key = VIEW_ARRAY(query->after_key->bytes);
	return page_make(self, &place, out);
}

/* ---- all of one key ---- */

/* What to do with each of a key. */
struct visitor {
	const struct kms_scope *scope;
	const struct kms_key_id *key_id;
	struct err (*each)(void *user, const struct kms_grant *grant);
	void *user;
	size_t count; /* so far */
};

static struct err row_visit(const struct store_batch *batch, size_t at,
			    const struct visitor *visitor)
{
	CLEANUP(kms_grant_cleanup) struct kms_grant grant = {0};
	TRY(grant_decode(batch, at, &grant));
	return visitor->each(visitor->user, &grant);
}

/* Verifies the next rows of the statement before any of them is shown; that none is missing is
 * known only at the end. */
static struct err batch_visit(struct store_sqlite *store, struct sqlite_statement *statement,
			      struct visitor *visitor, bool *more)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(sqlite_rows_fetch(statement, &store_table_grants, EACH_BYTES, &batch, more));
	TRY(sqlite_batch_verify(store, &batch));
	for (size_t i = 0; i < batch.count; i++)
		TRY(row_visit(&batch, i, visitor));
	visitor->count += batch.count;
	if (*more)
		return OK;
	return sqlite_batch_complete(store, &batch, &store_table_grants,
				     SQLITE_KEY_VALUES(visitor->scope, visitor->key_id),
				     visitor->count);
}

/* The statement stays open from the first row to the last: it sees one state of the file. That
 * keeps no writer from its work. */
NODISCARD struct err sqlite_grant_each(
	void *self, const struct kms_scope *scope, const struct kms_key_id *key_id,
	struct err (*each)(void *user, const struct kms_grant *grant), void *user)
{
	struct store_sqlite *store = self;
	struct visitor visitor = {scope, key_id, each, user, 0};
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_GRANT_EACH, &statement));
	sqlite_bind_key(&statement, scope, key_id);
	sqlite_bind_integer(&statement, ":multi_region", key_id->multi_region);
	for (bool more = true; more;)
		TRY(batch_visit(store, &statement, &visitor, &more));
	return OK;
}
