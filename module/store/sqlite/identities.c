/* SPDX-License-Identifier: Apache-2.0 */
/* Identities: made, changed under their revision, removed as they were seen, loaded, listed. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/change.h"
#include "store/sqlite/identity_ports.h"

/* Kinds whose names are unique among all accounts. */
static bool is_anywhere(enum auth_identity_kind kind)
{
	return kind == AUTH_KIND_ACCOUNT || kind == AUTH_KIND_SERVICE;
}

/* What is wrong with an identity as a whole: E_BUG, or OK. */
static struct err identity_check(const struct auth_identity *identity)
{
	ENSURE(identity->document != NULL && identity->revision > 0);
	ENSURE(identity->name[0] != '\0' && identity->id[0] != '\0' && identity->arn[0] != '\0');
	ENSURE(view_of_text(identity->account).len == AUTH_ACCOUNT_LEN);
	if (identity->kind == AUTH_KIND_ACCOUNT) {
		ENSURE(text_equal(identity->account, identity->name));
		ENSURE(text_equal(identity->account, identity->id));
	}
	if (identity->kind == AUTH_KIND_SERVICE)
		ENSURE(text_equal(identity->arn, identity->name));
	return OK;
}

/* ---- changes ---- */

static struct err identity_change(void *self, const struct auth_identity *identity,
				  const struct auth_change_record *record, sqlite_change_step *step)
{
	TRY(identity_check(identity));
	const struct sqlite_change change = {&store_table_identities, identity, step};
	return sqlite_change_of_auth(self, &change, record);
}

static struct err identity_insert(struct store_sqlite *store, const struct store_batch *batch,
				  UNUSED const void *object)
{
	return sqlite_row_insert(store->writer, SQL_IDENTITY_INSERT, batch, 0);
}

/* The row, where the stored revision is the one before. */
static struct err identity_replace(struct store_sqlite *store, const struct store_batch *batch,
				   const void *object)
{
	const struct auth_identity *identity = object;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(store->writer, SQL_IDENTITY_UPDATE, &statement));
	sqlite_bind_row(&statement, batch, 0);
	sqlite_bind_integer(&statement, ":was", (int64_t)(identity->revision - 1));
	TRY(sqlite_statement_run(&statement, &changed));
	REQUIRE(changed == 1, E_STORE_CONFLICT);
	return OK;
}

/* Other identities of the account, or its keys. */
static struct err account_is_unused(struct sqlite_connection *writer,
				    const struct auth_identity *identity)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t used = 0;
	if (identity->kind != AUTH_KIND_ACCOUNT)
		return OK;
	TRY(sqlite_statement_take(writer, SQL_ACCOUNT_IS_IN_USE, &statement));
	sqlite_bind_text(&statement, ":account", view_of_text(identity->account));
	sqlite_bind_text(&statement, ":id", view_of_text(identity->id));
	TRY(sqlite_statement_integer(&statement, &used));
	REQUIRE(used == 0, E_STORE_CONFLICT);
	return OK;
}

/* Its own, and those of a service that acts for others: one of that name made later is another. */
static struct err sessions_delete(struct sqlite_connection *writer,
				  const struct auth_identity *identity)
{
	int sessions = 0;
	TRY(sqlite_change_named(writer, SQL_SESSION_OF_IDENTITY_DELETE, ":id",
				view_of_text(identity->id), &sessions));
	if (identity->kind != AUTH_KIND_SERVICE)
		return OK;
	return sqlite_change_named(writer, SQL_SESSION_VIA_SERVICE_DELETE, ":name",
				   view_of_text(identity->name), &sessions);
}

/* The row that has every value of the one that was seen, and its seal. */
static struct err identity_delete(struct store_sqlite *store, const struct store_batch *batch,
				  const void *object)
{
	const struct auth_identity *identity = object;
	struct view id = view_of_text(identity->id);
	int64_t access_keys = 0;
	TRY(sqlite_ask_named(store->writer, SQL_ACCESS_KEY_COUNT, ":id", id, &access_keys));
	REQUIRE(access_keys == 0, E_STORE_CONFLICT);
	TRY(account_is_unused(store->writer, identity));
	TRY(sessions_delete(store->writer, identity));
	return sqlite_change_row(store->writer, SQL_IDENTITY_DELETE, batch, E_STORE_CONFLICT);
}

NODISCARD struct err sqlite_identity_create(void *self, const struct auth_identity *identity,
					    const struct auth_change_record *record)
{
	return identity_change(self, identity, record, identity_insert);
}

NODISCARD struct err sqlite_identity_update(void *self, const struct auth_identity *identity,
					    const struct auth_change_record *record)
{
	return identity_change(self, identity, record, identity_replace);
}

NODISCARD struct err sqlite_identity_remove(void *self, const struct auth_identity *seen,
					    const struct auth_change_record *record)
{
	return identity_change(self, seen, record, identity_delete);
}

NODISCARD struct err sqlite_identities_clear(void *self)
{
	static const enum sqlite_statement_id all[] = {SQL_SESSION_CLEAR, SQL_ACCESS_KEY_CLEAR,
						       SQL_IDENTITY_CLEAR, SQL_PRINCIPAL_CLEAR};
	struct store_sqlite *store = self;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		TRY(sqlite_statement_once(store->writer, all[i]));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_identity_expect(struct sqlite_connection *connection,
					    enum sqlite_statement_id count_of, const char *account,
					    const char *id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t count = 0;
	TRY(sqlite_statement_take(connection, count_of, &statement));
	sqlite_bind_text(&statement, ":id", view_of_text(id));
	sqlite_bind_text(&statement, ":account", view_of_text(account));
	TRY(sqlite_statement_integer(&statement, &count));
	REQUIRE(count == 1, E_NOT_FOUND);
	return OK;
}

/* ---- one ---- */

NODISCARD struct err sqlite_identity_decode(const struct store_batch *batch, size_t at,
					    struct auth_identity *out)
{
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_batch_decode(batch, at, &identity));
	if (!err_failed(identity_check(&identity))) {
		*out = identity;
		identity = (struct auth_identity){0};
		return OK;
	}
	TRY(store_row_values(&store_table_identities, store_batch_row(batch, at), values));
	return store_row_refuse(&store_table_identities, values, "its values contradict another");
}

NODISCARD struct err sqlite_identity_fetch(struct sqlite_connection *connection, struct view id,
					   struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	TRY(sqlite_statement_take(connection, SQL_IDENTITY_BY_ID, &statement));
	sqlite_bind_text(&statement, ":id", id);
	return sqlite_rows_fetch(&statement, &store_table_identities, SIZE_MAX, batch, &more);
}

static struct err named_fetch(struct store_sqlite *store, const struct auth_identity_query *query,
			      struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool anywhere = query->account.len == 0 && is_anywhere(query->kind);
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection,
				  anywhere ? SQL_IDENTITY_ANYWHERE : SQL_IDENTITY_SELECT,
				  &statement));
	if (!anywhere)
		sqlite_bind_text(&statement, ":account", query->account);
	sqlite_bind_integer(&statement, ":kind", query->kind);
	sqlite_bind_text(&statement, ":name", query->after);
	return sqlite_rows_fetch(&statement, &store_table_identities, SIZE_MAX, batch, &more);
}

static struct err id_fetch(struct store_sqlite *store, struct view id, struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	return sqlite_identity_fetch(reader.connection, id, batch);
}

/* The one row of the batch. */
static struct err identity_take(struct store_sqlite *store, const struct store_batch *batch,
				struct auth_identity *out)
{
	TRY(sqlite_batch_verify(store, batch));
	REQUIRE(batch->count > 0, E_NOT_FOUND);
	return sqlite_identity_decode(batch, 0, out);
}

NODISCARD struct err sqlite_identity_load(void *self, enum auth_identity_kind kind,
					  struct view account, struct view name,
					  struct auth_identity *out)
{
	const struct auth_identity_query query = {.kind = kind, .account = account, .after = name};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(named_fetch(self, &query, &batch));
	if (batch.count == 0 && account.len > 0) {
		const struct store_value key[] = {SQLITE_VALUE_TEXT(account),
						  SQLITE_VALUE_NUMBER(kind),
						  SQLITE_VALUE_TEXT(name)};
		return sqlite_batch_missing(self, &batch, &store_table_identities, key);
	}
	return identity_take(self, &batch, out);
}

NODISCARD struct err sqlite_identity_load_by_id(void *self, struct view id,
						struct auth_identity *out)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(id_fetch(self, id, &batch));
	return identity_take(self, &batch, out);
}

/* ---- lists ---- */

/* *more: the rows were large, and there are others of this query. */
static struct err page_fetch(struct store_sqlite *store, const struct auth_identity_query *query,
			     struct store_batch *batch, bool *more)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool anywhere = query->account.len == 0;
	ENSURE(!anywhere || is_anywhere(query->kind));
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection,
				  anywhere ? SQL_IDENTITY_PAGE_ANYWHERE : SQL_IDENTITY_PAGE,
				  &statement));
	if (!anywhere)
		sqlite_bind_text(&statement, ":account", query->account);
	sqlite_bind_integer(&statement, ":kind", query->kind);
	sqlite_bind_text(&statement, ":after", query->after);
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit);
	return sqlite_rows_fetch(&statement, &store_table_identities, STORE_BATCH_BYTES_ENOUGH,
				 batch, more);
}

/* Appends one verified batch to the page, and moves the query behind it. */
static struct err page_extend(struct store_sqlite *store, struct auth_identity_query *query,
			      struct auth_identity_page *page, bool *more)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(page_fetch(store, query, &batch, more));
	TRY(sqlite_batch_verify(store, &batch));
	for (size_t i = 0; i < batch.count; i++, page->count++)
		TRY(sqlite_identity_decode(&batch, i, &page->identities[page->count]));
	query->limit -= batch.count;
	if (page->count > 0)
		query->after = view_of_text(page->identities[page->count - 1].name);
	return OK;
}

NODISCARD struct err sqlite_identity_list(void *self, const struct auth_identity_query *query,
					  struct auth_identity_page *out)
{
	REQUIRE(query->limit > 0 && query->limit <= AUTH_IDENTITY_PAGE_MAX, E_BOUNDS);
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page page = {0};
	struct auth_identity_query rest = *query;
	rest.limit++; /* one more, to know whether there is one */
	TRY(MEM_NEW_ARRAY(rest.limit, &page.identities));
	for (bool more = true; more && rest.limit > 0;)
		TRY(page_extend(self, &rest, &page, &more));
	page.more = page.count > query->limit;
	if (page.more)
		auth_identity_cleanup(&page.identities[--page.count]);
	*out = page;
	page = (struct auth_identity_page){0};
	return OK;
}
