/* SPDX-License-Identifier: Apache-2.0 */
/* Every SQL statement that the store runs, as a row of a table; statement.h runs them. */
#ifndef HOLDFAST_STORE_SQLITE_STATEMENTS_H
#define HOLDFAST_STORE_SQLITE_STATEMENTS_H

#include "store/row.h"
#include "store/sqlite/statement_id.h"

/* Those whose answer is of a whole table. */
#define SQL_COUNT SQL_COUNT_KEYS
#define SQL_COUNT_LAST SQL_COUNT_AUDIT_HEADS

enum sqlite_form {
	SQLITE_FORM_TEXT,
	SQLITE_FORM_INSERT,
	SQLITE_FORM_SELECT,
	SQLITE_FORM_UPDATE,
	SQLITE_FORM_DELETE
};

/*
 * The columns of `table` and its seal are put in front of `text`. A DELETE names a whole row: it
 * takes none that differs in a single value.
 */
struct sqlite_statement_row {
	const char *what;
	enum sqlite_form form;
	const struct store_table *table;
	const char *text;
};
extern const struct sqlite_statement_row sqlite_statement_rows[SQL_STATEMENT_COUNT];

/*
 * A list, which nothing but the number of rows tells to be whole, says how they are counted: by the
 * same index that it reads, since one that lacks a row tells of none. So does a look-up by another
 * index than that of the primary key, where it finds nothing.
 */
struct sqlite_statement_count {
	enum sqlite_statement_id by; /* SQL_COUNT...; 0: none */
	bool if_none;                /* only where no row was found */
};
extern const struct sqlite_statement_count sqlite_statement_counts[SQL_STATEMENT_COUNT];

#endif
