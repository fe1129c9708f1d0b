/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SQL statement that the store runs, prepared once per connection. The lists of columns come
 * from the tables of store/tables.h. A statement is taken with CLEANUP(sqlite_statement_release),
 * which resets it: none stays open.
 */
#ifndef HOLDFAST_STORE_SQLITE_STATEMENT_H
#define HOLDFAST_STORE_SQLITE_STATEMENT_H

#include "store/batch.h"
#include "store/sqlite/connection.h"

enum sqlite_statement_id {
	SQL_BEGIN_WRITE,
	SQL_BEGIN_READ,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_DATA_VERSION,
	SQL_KEY_INSERT,
	SQL_KEY_UPDATE,
	SQL_KEY_SELECT,
	SQL_KEY_PAGE,
	SQL_KEY_IS_THERE,
	SQL_KEY_BY_ID,
	SQL_KEY_HAS_REVISION,
	SQL_KEY_DELETE,
	SQL_VERSION_INSERT,
	SQL_VERSION_UPDATE,
	SQL_VERSION_MATERIAL,
	SQL_VERSION_OF_KEY,
	SQL_VERSION_PAGE,
	SQL_VERSION_OF_KEY_DELETE,
	SQL_INTENT_INSERT,
	SQL_INTENT_UPDATE,
	SQL_INTENT_DELETE,
	SQL_INTENT_TAKE,
	SQL_INTENT_LIST,
	SQL_OUTBOX_INSERT,
	SQL_OUTBOX_LIST,
	SQL_OUTBOX_DELETE,
	SQL_PRINCIPAL_LIST,
	SQL_PRINCIPAL_DELETE,
	SQL_PRINCIPAL_CLEAR,
	SQL_IDENTITY_INSERT,
	SQL_IDENTITY_UPDATE,
	SQL_IDENTITY_DELETE,
	SQL_IDENTITY_SELECT,
	SQL_IDENTITY_ANYWHERE,
	SQL_IDENTITY_BY_ID,
	SQL_IDENTITY_PAGE,
	SQL_IDENTITY_PAGE_ANYWHERE,
	SQL_IDENTITY_IS_THERE,
	SQL_IDENTITY_MAY_HAVE_KEYS,
	SQL_IDENTITY_HAS_ID,
	SQL_ACCOUNT_IS_IN_USE,
	SQL_IDENTITY_CLEAR,
	SQL_ACCESS_KEY_INSERT,
	SQL_ACCESS_KEY_UPDATE,
	SQL_ACCESS_KEY_DELETE,
	SQL_ACCESS_KEY_SELECT,
	SQL_ACCESS_KEY_LIST,
	SQL_ACCESS_KEY_COUNT,
	SQL_ACCESS_KEY_IS_THERE,
	SQL_ACCESS_KEY_CLEAR,
	SQL_KEY_USE_PUT,
	SQL_KEY_USE_SELECT,
	SQL_SESSION_INSERT,
	SQL_SESSION_DELETE,
	SQL_SESSION_SELECT,
	SQL_SESSION_PAGE,
	SQL_SESSION_OF_IDENTITY_DELETE,
	SQL_SESSION_VIA_SERVICE_DELETE,
	SQL_SESSION_SWEEP,
	SQL_SESSION_CLEAR,
	SQL_INSTALLATION_INSERT,
	SQL_INSTALLATION_SELECT,
	SQL_INSTALLATION_DELETE,
	SQL_ALIAS_INSERT,
	SQL_ALIAS_UPDATE,
	SQL_ALIAS_DELETE,
	SQL_ALIAS_SELECT,
	SQL_ALIAS_PAGE,
	SQL_ALIAS_OF_KEY,
	SQL_ALIAS_COUNT,
	SQL_ALIAS_OF_KEY_DELETE,
	SQL_TAG_PUT,
	SQL_TAG_DELETE,
	SQL_TAG_PAGE,
	SQL_TAG_COUNT,
	SQL_TAG_OF_KEY_DELETE,
	SQL_LAST_USE_PUT,
	SQL_LAST_USE_SELECT,
	SQL_LAST_USE_SINCE,
	SQL_LAST_USE_DELETE,
	SQL_GRANT_INSERT,
	SQL_GRANT_DELETE,
	SQL_GRANT_SELECT,
	SQL_GRANT_FIND,
	SQL_GRANT_PAGE,
	SQL_GRANT_OF_GRANTEE,
	SQL_GRANT_OF_RETIRING,
	SQL_GRANT_EACH,
	SQL_GRANT_COUNT_UP,
	SQL_GRANT_COUNT_DOWN,
	SQL_GRANT_OF_KEY_CLEAR,
	SQL_GRANT_COUNT_DELETE,
	SQL_CLAIM_OF_KEY_DELETE,
	SQL_CLAIM_TAKE,
	SQL_CLAIM_DELETE,
	SQL_CLAIM_FAIL,
	SQL_CLAIM_ATTEMPTS,
	SQL_CLAIM_FAILURES,
	SQL_DUE_SCHEDULED,
	SQL_DUE_MANAGED,
	SQL_DUE_DEMANDED,
	SQL_DUE_BUDGET,
	SQL_DUE_DELETION,
	SQL_DUE_DESTROYING,
	SQL_DUE_ENDED,
	SQL_DUE_GOING,
	SQL_DUE_COUNT_ROTATION,
	SQL_DUE_COUNT_DELETION,
	SQL_DUE_COUNT_EXPIRY,
	SQL_CLOCK_MARK_INSERT,
	SQL_CLOCK_MARK_UPDATE,
	SQL_CLOCK_MARK_SELECT,
	SQL_MANIFEST_INSERT,
	SQL_MANIFEST_UPDATE,
	SQL_MANIFEST_SELECT,
	SQL_MANIFEST_CLEAR,
	SQL_MANIFEST_EPOCH,
	SQL_AUDIT_HEAD_INSERT,
	SQL_AUDIT_HEAD_UPDATE,
	SQL_AUDIT_HEAD_SELECT,
	SQL_AUDIT_HEAD_LIST,
	/* The whole of a sealed table: this and its number. */
	SQL_WHOLE,
	SQL_WHOLE_LAST = SQL_WHOLE + 13,
	SQL_SEALED_ROWS,
	SQL_STATEMENT_COUNT
};

struct sqlite_statement {
	struct sqlite_connection *connection;
	sqlite3_stmt *raw;
	const char *what;
	struct err failure; /* of binding; sticky, told by the first step */
};

NODISCARD struct err sqlite_statement_take(struct sqlite_connection *connection,
					   enum sqlite_statement_id id,
					   struct sqlite_statement *out);
void sqlite_statement_release(struct sqlite_statement *statement);

/* By name (":account"). What is bound must stay until the release. */
void sqlite_bind_integer(struct sqlite_statement *statement, const char *name, int64_t value);
void sqlite_bind_text(struct sqlite_statement *statement, const char *name, struct view text);
void sqlite_bind_bytes(struct sqlite_statement *statement, const char *name, struct view bytes);

/* Row `at` of the batch, its seal included: for INSERT, UPDATE and DELETE statements. */
void sqlite_bind_row(struct sqlite_statement *statement, const struct store_batch *from, size_t at);

/* *row: whether there is one (more). */
NODISCARD struct err sqlite_statement_step(struct sqlite_statement *statement, bool *row);

/* Runs a statement without results; *changed is the number of rows it touched. */
NODISCARD struct err sqlite_statement_run(struct sqlite_statement *statement, int *changed);

/* The one integer of a query that answers exactly one row. */
NODISCARD struct err sqlite_statement_integer(struct sqlite_statement *statement, int64_t *out);

/* Takes, runs, releases: for statements without parameters and results. */
NODISCARD struct err sqlite_statement_once(struct sqlite_connection *connection,
					   enum sqlite_statement_id id);

/* Takes an INSERT or UPDATE, runs it with row `at` of the batch, releases it. */
NODISCARD struct err sqlite_row_insert(struct sqlite_connection *connection,
				       enum sqlite_statement_id id, const struct store_batch *batch,
				       size_t at);

/* Of an advisory table, whose rows carry no seal: puts the object with an INSERT that leaves a
 * newer row as it is. In the writer's transaction. */
NODISCARD struct err sqlite_row_put(struct sqlite_connection *connection,
				    enum sqlite_statement_id id, const struct store_table *table,
				    const void *object);

/* The row that a step gave, as SQLite has it: borrowed until the next step. seal: none, when it is
 * no bytes. */
NODISCARD struct err sqlite_row_values(const struct sqlite_statement *statement,
				       const struct store_table *table,
				       struct store_value values[STORE_COLUMNS_MAX],
				       struct view *seal);

/*
 * Steps through a SELECT and adds each row to the batch, not yet verified. Stops after `enough`
 * bytes (SIZE_MAX: never); *more tells whether rows may be left. `more` NULL: the rows are hints,
 * which nobody seals; all are read, and one outside its bounds is logged and passed over.
 */
NODISCARD struct err sqlite_rows_fetch(struct sqlite_statement *statement,
				       const struct store_table *table, size_t enough,
				       struct store_batch *batch, bool *more);

#endif
