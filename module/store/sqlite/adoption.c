/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals of stores before schema 3 become identities: sealed outside of any lock, then put in
 * their place in one transaction. A principal that somebody else adopted meanwhile is left alone.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/change.h"
#include "store/sqlite/identity_ports.h"

/* Stores before schema 3 have the one that --init made. */
#define PRINCIPALS_MAX 1024
#define POLICY_ADMINISTRATOR "arn:%s:iam::aws:policy/AdministratorAccess"

/*
 * Row 0 is the account's identity. Then come pairs: a principal as it is stored, and its identity.
 */
struct adoption {
	struct store_sqlite *store;
	const char *partition, *account;
	int64_t now_ms;
	struct store_batch old; /* principals, verified */
	struct store_batch made;
};

static void adoption_cleanup(struct adoption *adoption)
{
	store_batch_cleanup(&adoption->old);
	store_batch_cleanup(&adoption->made);
}

/* ---- making ---- */

static struct err principals_fetch(struct adoption *adoption, int64_t *accounts)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	sqlite_reader_acquire(&adoption->store->readers, &reader);
	TRY(sqlite_ask_named(reader.connection, SQL_IDENTITY_HAS_ID, ":id",
			     view_of_text(adoption->account), accounts));
	TRY(sqlite_statement_take(reader.connection, SQL_PRINCIPAL_LIST, &statement));
	sqlite_bind_integer(&statement, ":limit", PRINCIPALS_MAX + 1);
	TRY(sqlite_rows_fetch(&statement, &store_table_principals, SIZE_MAX, &adoption->old,
			      &more));
	REQUIRE(adoption->old.count <= PRINCIPALS_MAX, E_BOUNDS);
	return OK;
}

static struct err document_make(const char *partition, bool administrator, char **out)
{
	char arn[AUTH_ARN_MAX + 1];
	char description[] = "";
	char *attached[] = {arn};
	const struct auth_details details = {
		.description = description, .attached = attached, .attached_count = administrator};
	TRY(text_format(arn, sizeof arn, POLICY_ADMINISTRATOR, partition));
	return auth_details_write(&details, out);
}

static struct err identity_add(struct adoption *adoption, struct auth_identity *identity,
			       bool administrator)
{
	CLEANUP(mem_free_at) char *document = NULL;
	TRY(document_make(adoption->partition, administrator, &document));
	identity->document = document; /* borrowed */
	identity->created_ms = adoption->now_ms;
	identity->revision = 1;
	struct err e = store_batch_add(&adoption->made, &store_table_identities, identity);
	identity->document = NULL;
	return e;
}

static struct err account_add(struct adoption *adoption)
{
	struct auth_identity identity = {.kind = AUTH_KIND_ACCOUNT};
	struct view account = view_of_text(adoption->account);
	TRY(text_copy(identity.account, sizeof identity.account, account));
	TRY(text_copy(identity.name, sizeof identity.name, account));
	TRY(text_copy(identity.id, sizeof identity.id, account));
	TRY(text_format(identity.arn, sizeof identity.arn, "arn:%s:iam::%s:root",
			adoption->partition, adoption->account));
	return identity_add(adoption, &identity, false);
}

static struct err user_add(struct adoption *adoption, const struct store_principal *old)
{
	const struct auth_principal *principal = &old->principal;
	struct auth_identity identity = {.kind = AUTH_KIND_USER};
	TRY(text_copy(identity.account, sizeof identity.account, view_of_text(principal->account)));
	TRY(text_copy(identity.name, sizeof identity.name, view_of_text(principal->name)));
	TRY(text_copy(identity.id, sizeof identity.id, view_of_text(principal->id)));
	TRY(text_copy(identity.arn, sizeof identity.arn, view_of_text(principal->arn)));
	return identity_add(adoption, &identity, old->administrator);
}

/* Nothing before schema 3 made a principal that is no user. */
static struct err principal_add(struct adoption *adoption, size_t at)
{
	struct store_principal old = {0};
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_batch_decode(&adoption->old, at, &old));
	TRY(store_row_values(&store_table_principals, store_batch_row(&adoption->old, at), values));
	if (old.principal.type != AUTH_USER)
		return store_row_refuse(&store_table_principals, values, "it is no user");
	TRY(store_batch_add(&adoption->made, &store_table_principals, &old));
	return user_add(adoption, &old);
}

static struct err rows_make(struct adoption *adoption)
{
	TRY(sqlite_batch_verify(adoption->store, &adoption->old));
	TRY(account_add(adoption));
	for (size_t i = 0; i < adoption->old.count; i++)
		TRY(principal_add(adoption, i));
	return store_batch_seal(&adoption->made, &adoption->store->sealer);
}

/* ---- putting in place ---- */

static struct err account_put(struct adoption *adoption)
{
	struct sqlite_connection *writer = adoption->store->writer;
	int64_t accounts = 0;
	TRY(sqlite_ask_named(writer, SQL_IDENTITY_HAS_ID, ":id", view_of_text(adoption->account),
			     &accounts));
	if (accounts > 0)
		return OK;
	return sqlite_row_insert(writer, SQL_IDENTITY_INSERT, &adoption->made, 0);
}

static struct err principal_delete(struct sqlite_connection *writer,
				   const struct store_batch *batch, size_t at, int *changed)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(writer, SQL_PRINCIPAL_DELETE, &statement));
	sqlite_bind_row(&statement, batch, at);
	return sqlite_statement_run(&statement, changed);
}

/* Row `at` of the batch is the principal, the next its identity. */
static struct err principal_replace(struct adoption *adoption, size_t at)
{
	struct sqlite_connection *writer = adoption->store->writer;
	int changed = 0;
	TRY(principal_delete(writer, &adoption->made, at, &changed));
	if (changed == 0)
		return OK;
	return sqlite_row_insert(writer, SQL_IDENTITY_INSERT, &adoption->made, at + 1);
}

static struct err rows_put(struct adoption *adoption)
{
	LOCK_SCOPE(&adoption->store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(adoption->store->writer, &transaction));
	TRY(account_put(adoption));
	for (size_t i = 1; i < adoption->made.count; i += 2)
		TRY(principal_replace(adoption, i));
	return sqlite_transaction_commit(&transaction);
}

NODISCARD struct err sqlite_identities_adopt(void *self, const char *partition, const char *account,
					     int64_t now_ms)
{
	CLEANUP(adoption_cleanup)
	struct adoption adoption = {
		.store = self, .partition = partition, .account = account, .now_ms = now_ms};
	int64_t accounts = 0;
	store_batch_init(&adoption.old);
	store_batch_init(&adoption.made);
	TRY(principals_fetch(&adoption, &accounts));
	if (adoption.old.count == 0 && accounts > 0)
		return OK;
	TRY(rows_make(&adoption));
	TRY(rows_put(&adoption));
	log_event(LOG_INFO, "store.identities_adopted",
		  LOG_NUMBER("principals", adoption.old.count),
		  LOG_TEXT("what", "the account and the principals of an older store are now "
				   "identities"));
	return OK;
}
