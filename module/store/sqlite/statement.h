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
#include "store/sqlite/statements.h"

struct sqlite_statement {
	struct sqlite_connection *connection;
	sqlite3_stmt *raw;
	enum sqlite_statement_id id;
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
 * bytes (SIZE_MAX: never); *more tells whether rows may be left. `more` NULL: all are read, and
 * one outside its bounds is logged, counted in batch->refused and passed over. Of a list, the batch
 * has the number of all rows of the table, too (statements.h).
 */
NODISCARD struct err sqlite_rows_fetch(struct sqlite_statement *statement,
				       const struct store_table *table, size_t enough,
				       struct store_batch *batch, bool *more);

/* PRAGMA data_version: changes with every commit of another connection. */
NODISCARD struct err sqlite_data_version(struct sqlite_connection *connection, int64_t *out);

/* Notes in an empty batch how many rows a table has (SQL_COUNT...), for answers that are none of
 * its rows. In a transaction. */
NODISCARD struct err sqlite_rows_count(struct sqlite_connection *connection,
				       enum sqlite_statement_id id, struct store_batch *batch);

#endif
