/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/connection.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "store/sqlite/statement.h"

/* Longest value SQLite may build or read; the largest of ours is an audit record. */
#define VALUE_BYTES_MAX (1 << 20)

struct result_row {
	int code;         /* primary result code */
	const char *name; /* as metrics have it */
	enum err_code err;
	enum log_level level;
	const char *advice;
};

static const struct result_row results[] = {
	{SQLITE_BUSY, "busy", E_STORE_BUSY, LOG_WARNING,
	 "another process holds the file; it passes"},
	{SQLITE_LOCKED, "locked", E_STORE_BUSY, LOG_WARNING, "it passes"},
	{SQLITE_FULL, "full", E_STORE_FULL, LOG_ERROR, "make room on the disk of the store"},
	{SQLITE_NOMEM, "nomem", E_NOMEM, LOG_ERROR, "give the process more memory"},
	{SQLITE_TOOBIG, "toobig", E_BOUNDS, LOG_ERROR, "a value is larger than the store takes"},
	{SQLITE_IOERR, "ioerr", E_STORE, LOG_ERROR, "check the disk and its file system"},
	{SQLITE_CORRUPT, "corrupt", E_STORE, LOG_ERROR,
	 "stop the service and restore the file from a backup"},
	{SQLITE_NOTADB, "notadb", E_STORE, LOG_ERROR, "this file is not a store: correct the path"},
	{SQLITE_CANTOPEN, "cantopen", E_STORE, LOG_ERROR,
	 "check owner and permissions of file and folder"},
	{SQLITE_READONLY, "readonly", E_STORE, LOG_ERROR,
	 "check owner and permissions of file and folder"},
	{SQLITE_PERM, "perm", E_STORE, LOG_ERROR, "check owner and permissions of file and folder"},
	{SQLITE_AUTH, "auth", E_STORE, LOG_ERROR, "check owner and permissions of file and folder"},
	{SQLITE_PROTOCOL, "protocol", E_STORE_BUSY, LOG_WARNING, "it passes"},
	{SQLITE_CONSTRAINT, "constraint", E_BUG, LOG_ERROR, "report this"},
};

static const struct result_row unknown_result = {0, "other", E_STORE, LOG_ERROR,
						 "see the result code of SQLite"};

static const struct result_row *result_of(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		if (results[i].code == (code & 0xff))
			return &results[i];
	return &unknown_result;
}

void sqlite_metrics_name(void)
{
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		metric_label(METRIC_LABEL_STORE_ERROR, i, results[i].name);
	metric_label(METRIC_LABEL_STORE_ERROR, ARRAY_LEN(results), unknown_result.name);
}

static void count_error(const struct result_row *row)
{
	bool known = row != &unknown_result;
	metric_add(METRIC_STORE_ERRORS, known ? (size_t)(row - results) : ARRAY_LEN(results), 0, 1);
}

static bool is_unique_violation(int code)
{
	return code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE ||
	       code == SQLITE_CONSTRAINT_ROWID;
}

/* Some full disks reach SQLite as an I/O error (the shared-memory file of WAL). */
static bool is_disk_full(sqlite3 *db, int code)
{
	return (code & 0xff) == SQLITE_IOERR && sqlite3_system_errno(db) == ENOSPC;
}

NODISCARD struct err sqlite_connection_result(struct sqlite_connection *connection, int code,
					      const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return OK;
	if (is_unique_violation(code))
		return ERR_DETAIL(E_EXISTS, code);
	const struct result_row *row =
		result_of(is_disk_full(connection->db, code) ? SQLITE_FULL : code);
	struct err e = ERR_DETAIL((uint16_t)row->err, code);
	count_error(row);
	log_event(row->level, "store.failed", LOG_TEXT("what", what), LOG_NUMBER("sqlite", code),
		  LOG_TEXT("text", sqlite3_errmsg(connection->db)), LOG_TEXT("action", row->advice),
		  LOG_ERR(e));
	return e;
}

/* What a writer of the file could plant there (triggers, views) has no effect on us. */
static const struct {
	int option;
	int value;
} defences[] = {
	{SQLITE_DBCONFIG_DEFENSIVE, 1},        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},   {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
	{SQLITE_DBCONFIG_ENABLE_FKEY, 1},      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	{SQLITE_DBCONFIG_DQS_DML, 0},          {SQLITE_DBCONFIG_DQS_DDL, 0},
	{SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, /* until the file is known to be ours */
};

static struct err defend(struct sqlite_connection *connection)
{
	for (size_t i = 0; i < ARRAY_LEN(defences); i++) {
		int now = -1;
		int code = sqlite3_db_config(connection->db, defences[i].option, defences[i].value,
					     &now);
		TRY(sqlite_connection_result(connection, code, "sqlite3_db_config"));
		ENSURE(now == defences[i].value);
	}
	(void)sqlite3_limit(connection->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
	(void)sqlite3_limit(connection->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO takes one */
	return OK;
}

NODISCARD struct err sqlite_connection_open(const char *path, uint32_t busy_timeout_ms,
					    struct sqlite_connection **out)
{
	*out = NULL;
	ENSURE(sqlite3_threadsafe() != 0);
	CLEANUP(sqlite_connection_close) struct sqlite_connection *connection = NULL;
	TRY(MEM_NEW(&connection));
	int code = sqlite3_open_v2(path, &connection->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					   SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
				   NULL);
	REQUIRE(connection->db != NULL, E_NOMEM);
	TRY(sqlite_connection_result(connection, code, "open"));
	(void)sqlite3_busy_timeout(connection->db, (int)MIN_OF(busy_timeout_ms, 3600000U));
	TRY(defend(connection));
	TRY(sqlite_connection_run(connection, "PRAGMA cell_size_check=ON;"
					      "PRAGMA mmap_size=0;"
					      "PRAGMA temp_store=MEMORY;"
					      "PRAGMA foreign_keys=ON;"
					      "PRAGMA secure_delete=ON;"
					      "PRAGMA synchronous=FULL"));
	*out = TAKE(connection);
	return OK;
}

NODISCARD struct err sqlite_connection_prepare(struct sqlite_connection *connection,
					       enum sqlite_role role)
{
	int64_t answer = 0;
	int code = sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	TRY(sqlite_connection_result(connection, code, "sqlite3_db_config"));
	TRY(sqlite_connection_expect(connection, "PRAGMA journal_mode=WAL", "wal"));
	TRY(sqlite_connection_ask(connection, "PRAGMA synchronous", &answer));
	ENSURE(answer == 2); /* FULL */
	TRY(sqlite_connection_ask(connection, "PRAGMA foreign_keys", &answer));
	ENSURE(answer == 1);
	if (role == SQLITE_ROLE_READER)
		return sqlite_connection_run(connection, "PRAGMA query_only=ON");
	return OK;
}

void sqlite_connection_close(struct sqlite_connection **connection)
{
	struct sqlite_connection *closing = TAKE(*connection);
	if (closing == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(closing->statements); i++)
		(void)sqlite3_finalize(closing->statements[i]);
	(void)sqlite3_close(closing->db);
	mem_free(closing);
}

NODISCARD struct err sqlite_connection_run(struct sqlite_connection *connection, const char *sql)
{
	int code = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);
	return sqlite_connection_result(connection, code, sql);
}

static void finalize(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(TAKE(*statement));
}

NODISCARD struct err sqlite_connection_ask(struct sqlite_connection *connection, const char *sql,
					   int64_t *out)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(connection, code, sql));
	code = sqlite3_step(statement);
	TRY(sqlite_connection_result(connection, code, sql));
	ENSURE(code == SQLITE_ROW);
	*out = sqlite3_column_int64(statement, 0);
	return OK;
}

NODISCARD struct err sqlite_connection_expect(struct sqlite_connection *connection, const char *sql,
					      const char *text)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(connection, code, sql));
	code = sqlite3_step(statement);
	TRY(sqlite_connection_result(connection, code, sql));
	const char *answer =
		code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (answer != NULL && text_equal(answer, text))
		return OK;
	struct err e = ERR(E_STORE);
	log_event(LOG_ERROR, "store.unexpected", LOG_TEXT("what", sql),
		  LOG_TEXT("answer", answer ? answer : ""), LOG_TEXT("wanted", text), LOG_ERR(e));
	return e;
}

NODISCARD struct err sqlite_connection_check_place(struct sqlite_connection *connection)
{
	int moved = 0;
	int code = sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	REQUIRE(code == SQLITE_OK && moved == 0, E_STORE);
	return OK;
}

static struct err transaction_begin(struct sqlite_connection *connection,
				    enum sqlite_statement_id begin, struct sqlite_transaction *out)
{
	out->began_ns = metric_now_ns();
	out->writes = begin == SQL_BEGIN_WRITE;
	TRY(sqlite_statement_once(connection, begin));
	out->connection = connection;
	return OK;
}

/* The database and its write-ahead log. */
void sqlite_metrics_measure(struct sqlite_connection *connection)
{
	struct stat database = {0}, log = {0};
	const char *path = sqlite3_db_filename(connection->db, "main");
	if (path == NULL || stat(path, &database) != 0)
		return;
	/* It stays 0 while there is none. */
	(void)stat(sqlite3_filename_wal(path), &log);
	metric_set(METRIC_STORE_SIZE, 0, 0, (uint64_t)database.st_size + (uint64_t)log.st_size);
}

NODISCARD struct err sqlite_transaction_write(struct sqlite_connection *connection,
					      struct sqlite_transaction *out)
{
	TRY(transaction_begin(connection, SQL_BEGIN_WRITE, out));
	struct err e = sqlite_connection_check_place(connection);
	if (err_failed(e))
		log_event(
			LOG_ERROR, "store.file_moved",
			LOG_TEXT("path", sqlite3_db_filename(connection->db, "main")),
			LOG_TEXT("what", "the file that is open is no longer the one of this name"),
			LOG_TEXT("action", "put it back, with its -wal, or restart the service"),
			LOG_ERR(e));
	return e;
}

NODISCARD struct err sqlite_transaction_read(struct sqlite_connection *connection,
					     struct sqlite_transaction *out)
{
	return transaction_begin(connection, SQL_BEGIN_READ, out);
}

NODISCARD struct err sqlite_transaction_commit(struct sqlite_transaction *transaction)
{
	ENSURE(transaction->connection != NULL);
	const struct sqlite_escort *escort = &transaction->connection->escort;
	if (escort->before != NULL)
		TRY(escort->before(escort->self));
	int64_t began_ns = metric_now_ns();
	TRY(sqlite_statement_once(transaction->connection, SQL_COMMIT));
	if (escort->ended != NULL)
		escort->ended(escort->self, true);
	metric_observe_since(METRIC_STORE_TIME, METRIC_STORE_COMMIT, began_ns);
	sqlite_metrics_measure(transaction->connection);
	transaction->connection = NULL;
	return OK;
}

void sqlite_transaction_end(struct sqlite_transaction *transaction)
{
	struct sqlite_connection *connection = TAKE(transaction->connection);
	if (transaction->began_ns != 0)
		metric_observe_since(METRIC_STORE_TIME,
				     transaction->writes ? METRIC_STORE_WRITE : METRIC_STORE_READ,
				     transaction->began_ns);
	if (connection == NULL)
		return;
	/* While the file is locked: once it is not, another process may commit what a reader of
	 * ours would judge by what we never did. */
	if (connection->escort.ended != NULL)
		connection->escort.ended(connection->escort.self, false);
	/* Some failures have rolled back already. */
	struct err e = OK;
	if (!sqlite3_get_autocommit(connection->db))
		e = sqlite_statement_once(connection, SQL_ROLLBACK);
	if (err_failed(e))
		log_event(LOG_ERROR, "store.rollback_failed", LOG_ERR(e));
}
