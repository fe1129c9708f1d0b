/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite compares the two itself (PRAGMA integrity_check); here is what becomes of its answers. */
#include "store/sqlite/indexes.h"

#include "base/ascii.h"
#include "base/log.h"
#include "base/text.h"
#include "store/manifest.h"
#include "store/tables.h"

#define SQL_MAX 128
#define NAMES_MAX 16  /* indexes of one table */
#define LINES_MAX 100 /* SQLite tells no more of one table */
#define TICK_STEPS 1000000

/* What decisions do not rest on. */
static const struct store_table *const others[] = {&store_table_key_uses, &store_table_last_uses,
						   &store_table_claims, &store_table_manifest};

/* One table. */
struct looking {
	const struct sqlite_index_check *check;
	const char *table;
	char names[NAMES_MAX][SQLITE_INDEX_NAME_MAX + 1]; /* that were told */
	size_t count;
	size_t lines;
};

static void finalize(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(TAKE(*statement));
}

static struct err index_tell(struct looking *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (text_equal(l->names[i], name))
			return OK;
	if (l->count < NAMES_MAX)
		TRY(text_copy(l->names[l->count++], sizeof l->names[0], view_of_text(name)));
	return l->check->found(l->check->user, l->table, name);
}

static bool is_plain(struct view name)
{
	return name.len <= SQLITE_INDEX_NAME_MAX &&
	       ascii_consists_of(name, ASCII_LOWER | ASCII_DIGIT, VIEW_LITERAL("_"));
}

static bool contains(struct view line, struct view part)
{
	return view_search(line, part) < line.len;
}

/* "row 7 missing from index keys_by_id", "wrong # of entries in index keys_by_id", ... */
static bool index_of(struct view line, struct view *name)
{
	static const char before[] = "index ";
	size_t len = sizeof before - 1;
	for (size_t i = line.len; i >= len; i--) {
		if (!view_equal_text(view_part(line, i - len, len), before))
			continue;
		*name = view_part(line, i, line.len - i);
		return true;
	}
	return false;
}

/* Values that their column does not allow are the seals' business. */
static bool is_of_values(struct view line)
{
	return contains(line, VIEW_LITERAL(" value in ")) ||
	       contains(line, VIEW_LITERAL("CHECK constraint failed in "));
}

static struct err line_take(struct looking *l, const char *text)
{
	struct view line = view_of_text(text), name = VIEW_NONE;
	char known[SQLITE_INDEX_NAME_MAX + 1] = "";
	struct err damaged = ERR(E_STORE);
	if (view_equal_text(line, "ok") || is_of_values(line))
		return OK;
	if (index_of(line, &name)) {
		if (is_plain(name))
			TRY(text_copy(known, sizeof known, name));
		return index_tell(l, known);
	}
	log_event(LOG_ERROR, "store.damaged", LOG_TEXT("table", l->table), LOG_TEXT("text", text),
		  LOG_TEXT("action", "stop the service and restore the file from a backup"),
		  LOG_ERR(damaged));
	return damaged;
}

static struct err lines_take(struct looking *l, sqlite3_stmt *statement)
{
	struct sqlite_connection *connection = l->check->connection;
	int code = SQLITE_OK;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);
		REQUIRE(text != NULL, E_NOMEM);
		l->lines++;
		TRY(line_take(l, text));
	}
	return sqlite_connection_result(connection, code, "integrity_check");
}

/* What is not told for want of room may be of an index. */
static struct err table_look(const struct sqlite_index_check *check, const char *table)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	struct looking l = {.check = check, .table = table};
	char sql[SQL_MAX];
	TRY(text_format(sql, sizeof sql, "PRAGMA integrity_check(\"%s\")", table));
	int code = sqlite3_prepare_v2(check->connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(check->connection, code, sql));
	TRY(lines_take(&l, statement));
	return l.lines >= LINES_MAX && l.count == 0 ? index_tell(&l, "") : OK;
}

static int tick(void *user)
{
	const struct sqlite_index_check *check = user;
	check->tick(check->user);
	return 0;
}

static struct err tables_look(const struct sqlite_index_check *check)
{
	for (size_t i = 0; i < store_sealed_count; i++)
		TRY(table_look(check, store_sealed_tables[i]->name));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		TRY(table_look(check, others[i]->name));
	return OK;
}

NODISCARD struct err sqlite_indexes_check(const struct sqlite_index_check *check)
{
	sqlite3 *db = check->connection->db;
	struct sqlite_index_check copy = *check;
	sqlite3_progress_handler(db, TICK_STEPS, tick, &copy);
	struct err result = tables_look(check);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return result;
}

NODISCARD struct err sqlite_indexes_rebuild(struct sqlite_connection *connection)
{
	return sqlite_connection_run(connection, "REINDEX");
}
