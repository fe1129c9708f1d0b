/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys, with the principal that their identity makes of them. */
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/change.h"
#include "store/sqlite/identity_ports.h"

/* ---- reading ---- */

/* Which principal an access key makes of its identity; 0: there are no access keys of the kind. */
static const enum auth_principal_type types[AUTH_KIND_COUNT] = {
	[AUTH_KIND_ACCOUNT] = AUTH_ROOT,
	[AUTH_KIND_USER] = AUTH_USER,
	[AUTH_KIND_SERVICE] = AUTH_SERVICE,
};

static struct err keys_fetch(struct sqlite_connection *reader, struct view access_key_id,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	TRY(sqlite_statement_take(reader, SQL_ACCESS_KEY_SELECT, &statement));
	sqlite_bind_text(&statement, ":access_key_id", access_key_id);
	return sqlite_rows_fetch(&statement, &store_table_access_keys, SIZE_MAX, batch, &more);
}

/* Row 0 is the access key, row 1 its identity; of one moment, and not yet verified. */
static struct err key_fetch(struct store_sqlite *store, struct view access_key_id,
			    struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	struct auth_access_key key = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(keys_fetch(reader.connection, access_key_id, batch));
	if (batch->count != 1)
		return sqlite_batch_missing(store, batch, &store_table_access_keys,
					    &SQLITE_VALUE_TEXT(access_key_id));
	TRY(store_batch_decode(batch, 0, &key));
	return sqlite_identity_fetch(reader.connection, view_of_text(key.principal.id), batch);
}

static struct err key_refuse(const struct store_batch *batch, size_t at, const char *why)
{
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_row_values(&store_table_access_keys, store_batch_row(batch, at), values));
	return store_row_refuse(&store_table_access_keys, values, why);
}

/* Verified. Row `at` is an access key. */
static struct err key_decode(const struct store_batch *batch, size_t at,
			     const struct auth_identity *identity, struct auth_access_key *out)
{
	struct auth_access_key key = {0};
	struct auth_principal *principal = &key.principal;
	TRY(store_batch_decode(batch, at, &key));
	if (!text_equal(principal->id, identity->id) ||
	    !text_equal(principal->account, identity->account) || types[identity->kind] == 0)
		return key_refuse(batch, at, "its identity is another's");
	principal->type = types[identity->kind];
	TRY(text_copy(principal->arn, sizeof principal->arn, view_of_text(identity->arn)));
	if (principal->type != AUTH_ROOT)
		TRY(text_copy(principal->name, sizeof principal->name,
			      view_of_text(identity->name)));
	*out = key;
	return OK;
}

NODISCARD struct err sqlite_access_key_load(void *self, struct view access_key_id,
					    struct auth_access_key *out)
{
	struct store_sqlite *store = self;
	REQUIRE(access_key_id.len <= AUTH_ACCESS_KEY_ID_MAX, E_NOT_FOUND);
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	store_batch_init(&batch);
	TRY(key_fetch(store, access_key_id, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	if (batch.count != 2)
		return key_refuse(&batch, 0, "its identity is missing");
	TRY(sqlite_identity_decode(&batch, 1, &identity));
	return key_decode(&batch, 0, &identity, out);
}

/* Row 0 is the identity, the others its access keys; of one moment, and not yet verified. */
static struct err list_fetch(struct store_sqlite *store, struct view identity_id,
			     struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(sqlite_identity_fetch(reader.connection, identity_id, batch));
	if (batch->count == 0)
		return OK;
	TRY(sqlite_statement_take(reader.connection, SQL_ACCESS_KEY_LIST, &statement));
	sqlite_bind_text(&statement, ":id", identity_id);
	sqlite_bind_integer(&statement, ":limit", AUTH_ACCESS_KEYS_MAX + 1);
	TRY(sqlite_rows_fetch(&statement, &store_table_access_keys, SIZE_MAX, batch, &more));
	REQUIRE(batch->count <= 1 + AUTH_ACCESS_KEYS_MAX, E_BOUNDS);
	return OK;
}

NODISCARD struct err sqlite_access_key_list(void *self, struct view identity_id,
					    struct auth_access_key *out, size_t *count)
{
	struct store_sqlite *store = self;
	struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(auth_identity_cleanup) struct auth_identity identity = {0};
	store_batch_init(&batch);
	TRY(list_fetch(store, identity_id, &batch));
	TRY(sqlite_batch_verify(store, &batch));
	REQUIRE(batch.count > 0, E_NOT_FOUND);
	TRY(sqlite_identity_decode(&batch, 0, &identity));
	size_t found = batch.count - 1;
	for (size_t i = 0; i < found; i++)
		TRY(key_decode(&batch, i + 1, &identity, &keys[i]));
	mem_copy(out, sizeof keys, keys, found * sizeof *keys);
	*count = found;
	return OK;
}

/* ---- changes ---- */

/* Counted after it was added, or it is taken back. */
static struct err key_insert(struct store_sqlite *store, const struct store_batch *batch,
			     const void *object)
{
	const struct auth_access_key *key = object;
	int64_t count = 0;
	TRY(sqlite_identity_expect(store->writer, SQL_IDENTITY_MAY_HAVE_KEYS,
				   key->principal.account, key->principal.id));
	TRY(sqlite_row_insert(store->writer, SQL_ACCESS_KEY_INSERT, batch, 0));
	TRY(sqlite_ask_named(store->writer, SQL_ACCESS_KEY_COUNT, ":id",
			     view_of_text(key->principal.id), &count));
	REQUIRE(count <= AUTH_ACCESS_KEYS_MAX, E_KMS_LIMIT);
	return OK;
}

/* All but the status stays: a row that differs in anything else is another. */
static struct err key_replace(struct store_sqlite *store, const struct store_batch *batch,
			      UNUSED const void *object)
{
	return sqlite_change_row(store->writer, SQL_ACCESS_KEY_UPDATE, batch, E_NOT_FOUND);
}

static struct err key_delete(struct store_sqlite *store, UNUSED const struct store_batch *batch,
			     const void *object)
{
	const struct view *access_key_id = object;
	int changed = 0;
	TRY(sqlite_change_named(store->writer, SQL_ACCESS_KEY_DELETE, ":access_key_id",
				*access_key_id, &changed));
	REQUIRE(changed == 1, E_NOT_FOUND);
	return OK;
}

NODISCARD struct err sqlite_access_key_add(void *self, const struct auth_access_key *key,
					   const struct auth_change_record *record)
{
	const struct sqlite_change change = {&store_table_access_keys, key, key_insert};
	return sqlite_change_of_auth(self, &change, record);
}

NODISCARD struct err sqlite_access_key_update(void *self, const struct auth_access_key *key,
					      const struct auth_change_record *record)
{
	const struct sqlite_change change = {&store_table_access_keys, key, key_replace};
	return sqlite_change_of_auth(self, &change, record);
}

NODISCARD struct err sqlite_access_key_remove(void *self, struct view access_key_id,
					      const struct auth_change_record *record)
{
	const struct sqlite_change change = {NULL, &access_key_id, key_delete};
	return sqlite_change_of_auth(self, &change, record);
}
