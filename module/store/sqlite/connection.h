/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the file, its hardening, its prepared statements, and what SQLite's result
 * codes mean. A connection serves one thread at a time; the pool and the writer's lock see to it.
 */
#ifndef HOLDFAST_STORE_SQLITE_CONNECTION_H
#define HOLDFAST_STORE_SQLITE_CONNECTION_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/err.h"

#define SQLITE_STATEMENTS_MAX 160
#define SQLITE_APPLICATION_ID 0x486c6446 /* "HldF", in the file's header */

enum sqlite_role { SQLITE_ROLE_WRITER = 1, SQLITE_ROLE_READER };

/* What goes with every transaction of a connection that writes. */
struct sqlite_escort {
	/* In front of COMMIT, which does not come when it fails. */
	NODISCARD struct err (*before)(void *self);
	void (*ended)(void *self, bool committed);
	void *self;
};

/* What a statement of SQL_COUNT... answered, while the file is the same. */
#define SQLITE_COUNTS_MAX 16
struct sqlite_count {
	bool known;
	int64_t data_version; /* PRAGMA data_version */
	uint64_t rows;
};

struct sqlite_connection {
	sqlite3 *db;
	struct sqlite_escort escort; /* NULLs: nothing does */
	uint64_t since; /* the manifest's epoch is noted with rows, and not below; 0: neither */
	_Atomic uint64_t *committed;                     /* checking.h; set while since is not 0 */
	sqlite3_stmt *statements[SQLITE_STATEMENTS_MAX]; /* by enum sqlite_statement_id */
	struct sqlite_count counts[SQLITE_COUNTS_MAX];   /* from SQL_COUNT on */
};

/*
 * Opens an existing file (or ":memory:") without changing it. *out owned by the caller,
 * sqlite_connection_close(). E_STORE, E_NOMEM.
 */
NODISCARD struct err sqlite_connection_open(const char *path, uint32_t busy_timeout_ms,
					    struct sqlite_connection **out);

/* The settings that change the file (WAL) or depend on the role. */
NODISCARD struct err sqlite_connection_prepare(struct sqlite_connection *connection,
					       enum sqlite_role role);

/* Finalises every statement. *connection may be NULL; for CLEANUP as well. */
void sqlite_connection_close(struct sqlite_connection **connection);

/* Runs SQL text without results. `what` names it in the log. */
NODISCARD struct err sqlite_connection_run(struct sqlite_connection *connection, const char *sql);

/* The one integer that a query answers (PRAGMA user_version, ...). */
NODISCARD struct err sqlite_connection_ask(struct sqlite_connection *connection, const char *sql,
					   int64_t *out);

/* OK when a query answers exactly one row with this one text; else E_STORE. */
NODISCARD struct err sqlite_connection_expect(struct sqlite_connection *connection, const char *sql,
					      const char *text);

/*
 * The error of a result code, logged with what to do about it. SQLITE_OK, ROW and DONE are OK.
 * Constraints on uniqueness are E_EXISTS, others E_BUG.
 */
NODISCARD struct err sqlite_connection_result(struct sqlite_connection *connection, int code,
					      const char *what);

/*
 * OK while the file that is open is the one under its name. One that was moved or removed would
 * take writes that the next start does not find: E_STORE, not logged.
 */
NODISCARD struct err sqlite_connection_check_place(struct sqlite_connection *connection);

/* Names the labels of the store's metrics; once. Looks how large the file and its log are. */
void sqlite_metrics_name(void);
void sqlite_metrics_measure(struct sqlite_connection *connection);

/* BEGIN IMMEDIATE; ended by sqlite_transaction_commit(), or rolled back by CLEANUP. */
struct sqlite_transaction {
	struct sqlite_connection *connection; /* NULL: none is open */
	int64_t began_ns;                     /* 0: it never began */
	bool writes;
};
NODISCARD struct err sqlite_transaction_write(struct sqlite_connection *connection,
					      struct sqlite_transaction *out);
/* BEGIN: every statement in it sees one state of the file. End it with CLEANUP. */
NODISCARD struct err sqlite_transaction_read(struct sqlite_connection *connection,
					     struct sqlite_transaction *out);
NODISCARD struct err sqlite_transaction_commit(struct sqlite_transaction *transaction);
void sqlite_transaction_end(struct sqlite_transaction *transaction);

#endif
