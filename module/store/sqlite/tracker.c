/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/tracker.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define FIRST_CAP 16
#define SQL_MAX 128

/* ---- layouts ---- */

static void finalize(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(TAKE(*statement));
}

static int column_find(sqlite3_stmt *statement, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(statement); i++)
		if (text_equal(sqlite3_column_name(statement, i), name))
			return i;
	return -1;
}

static struct err layout_read(struct sqlite_connection *connection, const struct store_table *table,
			      struct sqlite_layout *out)
{
	CLEANUP(finalize) sqlite3_stmt *statement = NULL;
	char sql[SQL_MAX];
	TRY(text_format(sql, sizeof sql, "SELECT * FROM \"%s\"", table->name));
	int code = sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL);
	TRY(sqlite_connection_result(connection, code, sql));
	ENSURE(table->key_count <= STORE_KEY_COLUMNS_MAX);
	for (size_t i = 0; i < table->key_count; i++) {
		out->key[i] = column_find(statement, table->columns[i].name);
		ENSURE(out->key[i] >= 0);
	}
	out->seal = column_find(statement, "seal");
	ENSURE(out->seal >= 0);
	return OK;
}

/* ---- the hook ---- */

typedef int value_getter(sqlite3 *db, int column, sqlite3_value **out);

/* SQLite's own copy, borrowed until the hook returns. */
static struct store_value value_of(sqlite3_value *raw)
{
	struct store_value value = {0};
	switch (sqlite3_value_type(raw)) {
	case SQLITE_INTEGER:
		value.tag = STORE_INTEGER;
		value.integer = sqlite3_value_int64(raw);
		return value;
	case SQLITE_TEXT:
		value.tag = STORE_CHARACTERS;
		value.bytes.ptr = sqlite3_value_text(raw);
		break;
	case SQLITE_BLOB:
		value.tag = STORE_OCTETS;
		value.bytes.ptr = sqlite3_value_blob(raw);
		break;
	default:
		return value;
	}
	if (value.bytes.ptr != NULL)
		value.bytes.len = (size_t)sqlite3_value_bytes(raw);
	return value;
}

static struct err touches_reserve(struct sqlite_tracker *tracker)
{
	if (tracker->count < tracker->cap)
		return OK;
	size_t cap = tracker->cap ? tracker->cap * 2 : FIRST_CAP;
	CLEANUP(mem_free_at) struct store_touch *touches = NULL;
	CLEANUP(mem_free_at) struct store_name *names = NULL;
	TRY(MEM_NEW_ARRAY(cap, &touches));
	TRY(MEM_NEW_ARRAY(cap, &names));
	mem_copy(touches, cap * sizeof *touches, tracker->touches,
		 tracker->count * sizeof *touches);
	mem_copy(names, cap * sizeof *names, tracker->names, tracker->count * sizeof *names);
	mem_free(tracker->touches);
	mem_free(tracker->names);
	tracker->touches = TAKE(touches);
	tracker->names = TAKE(names);
	tracker->cap = cap;
	return OK;
}

static struct err value_get(sqlite3 *db, value_getter *get, int column, struct store_value *out)
{
	sqlite3_value *raw = NULL;
	int code = get(db, column, &raw);
	REQUIRE(code == SQLITE_OK && raw != NULL, code == SQLITE_NOMEM ? E_NOMEM : E_STORE);
	*out = value_of(raw);
	return OK;
}

/*
 * A row without a seal (the installation's, until --init has finished) is none of the manifest. One
 * with a seal of another length was never ours.
 */
static struct err row_touch(struct sqlite_tracker *tracker, sqlite3 *db, size_t number, bool came)
{
	value_getter *get = came ? sqlite3_preupdate_new : sqlite3_preupdate_old;
	const struct sqlite_layout *layout = &tracker->layouts[number];
	struct store_value key[STORE_KEY_COLUMNS_MAX];
	struct store_value seal;
	TRY(value_get(db, get, layout->seal, &seal));
	if (seal.tag == 0)
		return OK;
	REQUIRE(seal.tag == STORE_OCTETS && seal.bytes.len == KMS_SEAL_LEN, E_STORE_SEAL);
	for (size_t i = 0; i < store_sealed_tables[number]->key_count; i++)
		TRY(value_get(db, get, layout->key[i], &key[i]));
	TRY(touches_reserve(tracker));
	struct store_touch *touch = &tracker->touches[tracker->count];
	TRY(store_imprint_make(number, key, seal.bytes, &touch->row));
	TRY(store_name_make(store_sealed_tables[number], key, touch->row.place,
			    &tracker->names[tracker->count]));
	touch->came = came;
	tracker->count++;
	return OK;
}

static size_t number_of(const char *database, const char *table)
{
	size_t number = 0;
	if (!text_equal(database, "main"))
		return store_sealed_count;
	while (number < store_sealed_count && !text_equal(store_sealed_tables[number]->name, table))
		number++;
	return number;
}

static void hook(void *user, sqlite3 *db, int operation, const char *database, const char *table,
		 UNUSED sqlite3_int64 was, UNUSED sqlite3_int64 is)
{
	struct sqlite_tracker *tracker = user;
	size_t number = number_of(database, table);
	if (number == store_sealed_count || err_failed(tracker->failure))
		return;
	if (operation != SQLITE_INSERT)
		tracker->failure = row_touch(tracker, db, number, false);
	if (operation != SQLITE_DELETE && !err_failed(tracker->failure))
		tracker->failure = row_touch(tracker, db, number, true);
}

NODISCARD struct err sqlite_tracker_start(struct sqlite_tracker *tracker,
					  struct sqlite_connection *connection)
{
	ENSURE(store_sealed_count <= SQLITE_TRACKED_MAX);
	if (sqlite3_compileoption_used("ENABLE_PREUPDATE_HOOK") == 0) {
		struct err e = ERR(E_STORE);
		log_event(LOG_ERROR, "store.no_preupdate_hook",
			  LOG_TEXT("what", "this SQLite was built without the preupdate hook"),
			  LOG_TEXT("action", "use one built with SQLITE_ENABLE_PREUPDATE_HOOK"),
			  LOG_ERR(e));
		return e;
	}
	for (size_t i = 0; i < store_sealed_count; i++)
		TRY(layout_read(connection, store_sealed_tables[i], &tracker->layouts[i]));
	(void)sqlite3_preupdate_hook(connection->db, hook, tracker);
	return OK;
}

void sqlite_tracker_clear(struct sqlite_tracker *tracker)
{
	tracker->count = 0;
	tracker->failure = OK;
}

void sqlite_tracker_cleanup(struct sqlite_tracker *tracker)
{
	mem_free(TAKE(tracker->touches));
	mem_free(TAKE(tracker->names));
	tracker->count = tracker->cap = 0;
}
