/* SPDX-License-Identifier: Apache-2.0 */
/* Versions by themselves: their message budget, and all of them for reconciliation. */
#include "store/sqlite/ports.h"

#define EACH_PAGE 256

static struct err version_replace(struct sqlite_connection *writer, const struct store_batch *batch,
				  uint64_t reserved)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(writer, SQL_VERSION_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_integer(&statement, ":was", (int64_t)reserved);
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

NODISCARD struct err sqlite_version_reserve(void *self, const struct kms_scope *scope,
					    const struct kms_version *version, uint64_t more)
{
	struct store_sqlite *store = self;
	struct store_version row = {*scope, *version};
	REQUIRE(more <= INT64_MAX && version->messages_reserved <= INT64_MAX - more, E_BOUNDS);
	row.version.messages_reserved += more;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, &store_table_versions, &row));
	TRY(store_batch_seal(&batch, &store->sealer));

	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(version_replace(store->writer, &batch, version->messages_reserved));
	return sqlite_transaction_commit(&transaction);
}

/* The rows behind `last`, in order of the primary key. */
static struct err page_fetch(struct store_sqlite *store, const struct store_version *last,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, SQL_VERSION_PAGE, &statement));
	sqlite_bind_text(&statement, ":account", view_of_text(last->scope.account));
	sqlite_bind_text(&statement, ":region", view_of_text(last->scope.region));
	sqlite_bind_bytes(&statement, ":key_id", VIEW_ARRAY(last->version.key_id.bytes));
	sqlite_bind_integer(&statement, ":number", last->version.number);
	sqlite_bind_integer(&statement, ":limit", EACH_PAGE);
	return sqlite_rows_fetch(&statement, &store_table_versions, SIZE_MAX, batch, NULL);
}

/* One row of a page by itself: E_STORE_SEAL, logged, is about no other. */
static struct err row_verify(struct store_sqlite *store, const struct store_batch *page, size_t at)
{
	CLEANUP(store_batch_cleanup) struct store_batch one;
	struct store_value values[STORE_COLUMNS_MAX];
	const struct store_batch_row *row = &page->rows[at];
	store_batch_init(&one);
	TRY(store_row_values(row->table, store_batch_row(page, at), values));
	TRY(store_batch_add_stored(&one, row->table, values,
				   row->sealed ? VIEW_ARRAY(row->seal) : VIEW_NONE));
	one.since = page->since;
	one.epoch = page->epoch;
	one.manifest = page->manifest; /* borrowed */
	struct err result = sqlite_batch_verify(store, &one);
	one.manifest = NULL;
	return result;
}

struct each {
	struct err (*call)(void *user, const struct kms_scope *scope,
			   const struct kms_version *version);
	void *user;
};

/* *last is the last row of the page that could be decoded, refused or not; *passed: how many. */
static struct err page_tell(struct store_sqlite *store, const struct store_batch *page,
			    const struct each *each, struct store_version *last, size_t *passed)
{
	struct err whole = sqlite_batch_verify(store, page);
	if (!err_is(whole, E_STORE_SEAL))
		TRY(whole);
	for (size_t i = 0; i < page->count; i++) {
		struct store_version row = {0};
		struct err e = err_failed(whole) ? row_verify(store, page, i) : OK;
		struct err decoded = store_batch_decode(page, i, &row);
		if (!err_failed(decoded))
			*last = row;
		*passed += !err_failed(decoded);
		if (err_is(e, E_STORE_SEAL) || err_is(decoded, E_STORE_SEAL))
			continue;
		TRY(e);
		TRY(decoded);
		TRY(each->call(each->user, &row.scope, &row.version));
	}
	return OK;
}

NODISCARD struct err sqlite_version_each(void *self,
					 struct err (*each)(void *user,
							    const struct kms_scope *scope,
							    const struct kms_version *version),
					 void *user)
{
	struct store_version last = {0}; /* before every row: its texts are empty */
	for (size_t read = EACH_PAGE; read == EACH_PAGE;) {
		CLEANUP(store_batch_cleanup) struct store_batch page;
		size_t passed = 0;
		store_batch_init(&page);
		TRY(page_fetch(self, &last, &page));
		read = page.count + page.refused;
		TRY(page_tell(self, &page, &(struct each){each, user}, &last, &passed));
		/* No way past so many rows that have no primary key, either. */
		REQUIRE(passed > 0 || read < EACH_PAGE, E_STORE_SEAL);
	}
	return OK;
}
