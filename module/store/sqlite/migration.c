/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/migration.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "store/sqlite/file.h"

#define SEAL_COLUMN "seal BLOB NOT NULL CHECK(length(seal)=32)"

/* Schema 1. Rows are looked up by account and region; the order of keys is that of their bytes. */
static const char schema_1[] =
	"CREATE TABLE schema_info("
	" version INTEGER NOT NULL PRIMARY KEY, applied_ms INTEGER NOT NULL,"
	" program TEXT NOT NULL) STRICT;"

	/* One row. Its seal is missing until --init has finished. */
	"CREATE TABLE installation("
	" id TEXT NOT NULL PRIMARY KEY, ready INTEGER NOT NULL,"
	" \"partition\" TEXT NOT NULL, region TEXT NOT NULL, account TEXT NOT NULL,"
	" token_serial TEXT NOT NULL, row_seal BLOB NOT NULL, audit_sign BLOB NOT NULL,"
	" secret_wrap BLOB NOT NULL, secret_wrap_suite INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" only INTEGER NOT NULL DEFAULT 1 UNIQUE CHECK(only=1),"
	" seal BLOB CHECK(length(seal)=32)) STRICT;"

	"CREATE TABLE keys("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL, state INTEGER NOT NULL,"
	" usage INTEGER NOT NULL, spec INTEGER NOT NULL, origin INTEGER NOT NULL,"
	" manager INTEGER NOT NULL, created_ms INTEGER NOT NULL, deletion_ms INTEGER NOT NULL,"
	" current_version INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" description TEXT NOT NULL, policy TEXT NOT NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, region, key_id)) STRICT;"

	"CREATE TABLE versions("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" number INTEGER NOT NULL, \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL,"
	" token_id BLOB NOT NULL UNIQUE, suite INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" material_id BLOB NOT NULL, messages_reserved INTEGER NOT NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, region, key_id, number),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)) STRICT;"

	"CREATE TABLE intents("
	" token_id BLOB NOT NULL PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL,"
	" key_id BLOB NOT NULL, \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL,"
	" number INTEGER NOT NULL, kind INTEGER NOT NULL, owner BLOB NOT NULL,"
	" lease_ms INTEGER NOT NULL, " SEAL_COLUMN ") STRICT;"

	/* The sequence is only an order of work: no decision rests on it. */
	"CREATE TABLE outbox("
	" sequence INTEGER NOT NULL PRIMARY KEY, event_id TEXT NOT NULL UNIQUE,"
	" line BLOB NOT NULL, " SEAL_COLUMN ") STRICT;"

	"CREATE TABLE principals("
	" account TEXT NOT NULL, id TEXT NOT NULL, type INTEGER NOT NULL,"
	" arn TEXT NOT NULL UNIQUE, name TEXT NOT NULL, administrator INTEGER NOT "
	"NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, id)) STRICT;"

	"CREATE TABLE access_keys("
	" access_key_id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL,"
	" principal_id TEXT NOT NULL, status INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" wrapped BLOB NOT NULL, " SEAL_COLUMN ","
	" FOREIGN KEY(account, principal_id) REFERENCES principals(account, id)) STRICT;";

/*
 * Schema 2: what is known of keys beside the keys. Aliases and tags hold their key: it can only go
 * together with them, each taken out by a statement of its own. The order of names and of tag keys
 * is that of their bytes.
 */
static const char schema_2[] =
	"CREATE TABLE aliases("
	" account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,"
	" \"partition\" TEXT NOT NULL, key_id BLOB NOT NULL, multi_region INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
	" revision INTEGER NOT NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, region, name),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)) STRICT;"

	"CREATE INDEX aliases_of_key ON aliases(account, region, key_id, name);"

	"CREATE TABLE tags("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" tag_key TEXT NOT NULL, \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL,"
	" tag_value TEXT NOT NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, region, key_id, tag_key),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)) STRICT;"

	/* Advisory, hence without a seal; it goes with its key. */
	"CREATE TABLE last_uses("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL, operation TEXT NOT NULL,"
	" time_ms INTEGER NOT NULL, event_id TEXT NOT NULL, request_id TEXT NOT NULL,"
	" PRIMARY KEY(account, region, key_id),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)"
	" ON DELETE CASCADE) STRICT;";

/*
 * Schema 3: identities, sessions and grants. Access keys hang on the id of an identity, no longer
 * on a principal; their rows keep their seals. The principals of before stay until they are
 * adopted, which needs the token.
 */
static const char schema_3[] =
	/* IAM API: names "are not distinguished by case". 1 and 5 are accounts and services, whose
	 * names are unique among all accounts. */
	"CREATE TABLE identities("
	" account TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL,"
	" id TEXT NOT NULL UNIQUE, arn TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
	" revision INTEGER NOT NULL, document TEXT NOT NULL, " SEAL_COLUMN ","
	" PRIMARY KEY(account, kind, name)) STRICT;"

	"CREATE UNIQUE INDEX identities_names ON identities(account, kind, name COLLATE NOCASE);"

	"CREATE UNIQUE INDEX identities_anywhere ON identities(kind, name) WHERE kind IN (1,5);"

	"ALTER TABLE access_keys RENAME TO access_keys_of_principals;"

	"CREATE TABLE access_keys("
	" access_key_id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL,"
	" principal_id TEXT NOT NULL, status INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
	" wrapped BLOB NOT NULL, " SEAL_COLUMN ") STRICT;"

	"INSERT INTO access_keys(access_key_id,account,principal_id,status,created_ms,wrapped,seal)"
	" SELECT access_key_id,account,principal_id,status,created_ms,wrapped,seal"
	" FROM access_keys_of_principals;"

	"DROP TABLE access_keys_of_principals;"

	"CREATE INDEX access_keys_of_identity"
	" ON access_keys(principal_id, created_ms, access_key_id);"

	/* Advisory, hence without a seal; it goes with its access key. */
	"CREATE TABLE key_uses("
	" access_key_id TEXT NOT NULL PRIMARY KEY, time_ms INTEGER NOT NULL,"
	" service TEXT NOT NULL,"
	" FOREIGN KEY(access_key_id) REFERENCES access_keys(access_key_id)"
	" ON DELETE CASCADE) STRICT;"

	"CREATE TABLE sessions("
	" access_key_id TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL,"
	" principal_id TEXT NOT NULL, type INTEGER NOT NULL, arn TEXT NOT NULL,"
	" name TEXT NOT NULL, role_arn TEXT NOT NULL, role_name TEXT NOT NULL,"
	" issued_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, via_service TEXT NOT NULL,"
	" source_arn TEXT NOT NULL, source_account TEXT NOT NULL, token_hash BLOB NOT NULL,"
	" policy TEXT NOT NULL, wrapped BLOB NOT NULL, " SEAL_COLUMN ","
	" FOREIGN KEY(principal_id) REFERENCES identities(id)) STRICT;"

	"CREATE INDEX sessions_of_account ON sessions(account, access_key_id);"

	"CREATE INDEX sessions_of_identity ON sessions(principal_id);"

	"CREATE INDEX sessions_by_end ON sessions(expires_ms);"

	"CREATE UNIQUE INDEX keys_by_id ON keys(key_id);"

	/* As aliases do, grants hold their key. */
	"CREATE TABLE grants("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" grant_id TEXT NOT NULL, \"partition\" TEXT NOT NULL, multi_region INTEGER NOT NULL,"
	" name TEXT NOT NULL, grantee TEXT NOT NULL, grantee_id TEXT NOT NULL,"
	" retiring TEXT NOT NULL, retiring_id TEXT NOT NULL, issuer TEXT NOT NULL,"
	" operations INTEGER NOT NULL, constraint_kind INTEGER NOT NULL,"
	" context BLOB NOT NULL, created_ms INTEGER NOT NULL, likeness BLOB NOT NULL, " SEAL_COLUMN
	","
	" PRIMARY KEY(account, region, key_id, grant_id),"
	" UNIQUE(account, region, key_id, likeness),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)) STRICT;"

	/* In the order of the rows: all of a key are read as they lie. */
	"CREATE INDEX grants_of_key ON grants(account, region, key_id);"

	"CREATE INDEX grants_of_grantee ON grants(account, region, key_id, grantee, grant_id);"

	"CREATE INDEX grants_of_retiring ON grants(region, retiring, key_id, grant_id)"
	" WHERE retiring<>'';"

	/* How many grants a key has: counting 50,000 rows takes 20 ms. Kept in the transactions
	 * that change them; without a seal, as only a quota rests on it. */
	"CREATE TABLE grant_counts("
	" account TEXT NOT NULL, region TEXT NOT NULL, key_id BLOB NOT NULL,"
	" grants INTEGER NOT NULL,"
	" PRIMARY KEY(account, region, key_id),"
	" FOREIGN KEY(account, region, key_id) REFERENCES keys(account, region, key_id)"
	" ON DELETE CASCADE) STRICT;";

/* What is due of a key whose versions rotate by themselves; of a version: whose object is there. */
#define ROTATES "state=2 AND spec=1 AND origin=1"

/*
 * Schema 4: keys in time. The new columns are later ones (store/row.h): rows keep their seals. What
 * is due is found by indexes over the keys and versions themselves, in the order in which it became
 * due; agenda.c asks with the same expressions and conditions.
 */
static const char schema_4[] =
	"ALTER TABLE keys ADD COLUMN rotation_enabled INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN rotation_period_days INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN rotation_from_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN on_demand_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE keys ADD COLUMN destroying INTEGER NOT NULL DEFAULT 0;"

	"ALTER TABLE versions ADD COLUMN rotation INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE versions ADD COLUMN valid_to_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE versions ADD COLUMN material INTEGER NOT NULL DEFAULT 0;"

	"CREATE INDEX keys_by_rotation"
	" ON keys(rotation_from_ms+rotation_period_days*86400000, key_id)"
	" WHERE " ROTATES " AND manager=1 AND rotation_enabled=1;"

	"CREATE INDEX keys_by_rotation_managed"
	" ON keys(CASE rotation_from_ms WHEN 0 THEN created_ms ELSE rotation_from_ms END, key_id)"
	" WHERE " ROTATES " AND manager=2;"

	"CREATE INDEX keys_by_demand ON keys(on_demand_ms, key_id)"
	" WHERE state=2 AND on_demand_ms>0;"

	"CREATE INDEX versions_by_budget ON versions(messages_reserved, key_id, number)"
	" WHERE suite=3;"

	"CREATE INDEX keys_by_deletion ON keys(deletion_ms, key_id) WHERE state=4;"

	"CREATE INDEX keys_destroying ON keys(deletion_ms, key_id)"
	" WHERE state=4 AND destroying=1;"

	"CREATE INDEX versions_by_end ON versions(valid_to_ms, key_id, number)"
	" WHERE material=0 AND valid_to_ms>0;"

	"CREATE INDEX versions_going ON versions(valid_to_ms, key_id, number) WHERE material=1;"

	/* Advisory, hence without a seal; it goes with its key. Ids of keys are unique. */
	"CREATE TABLE claims("
	" key_id BLOB NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL,"
	" account TEXT NOT NULL, region TEXT NOT NULL, \"partition\" TEXT NOT NULL,"
	" multi_region INTEGER NOT NULL, owner BLOB NOT NULL, lease_ms INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL, retry_ms INTEGER NOT NULL, error TEXT NOT NULL,"
	" PRIMARY KEY(key_id, kind, number),"
	" FOREIGN KEY(key_id) REFERENCES keys(key_id) ON DELETE CASCADE) STRICT;"

	"CREATE INDEX claims_failed ON claims(retry_ms, key_id, kind, number) WHERE attempts>0;"

	"CREATE TABLE clock_marks("
	" id INTEGER NOT NULL PRIMARY KEY CHECK(id=1), revision INTEGER NOT NULL,"
	" trusted_ms INTEGER NOT NULL, held INTEGER NOT NULL,"
	" held_ms INTEGER NOT NULL, " SEAL_COLUMN ") STRICT;";

/*
 * Schema 5: what the sealed rows are together (store/manifest.h), and how far each audit log is
 * known to have come. The manifest's one row needs the token: it is made when the service first
 * looks at the whole.
 */
static const char schema_5[] =
	"CREATE TABLE manifest("
	" id INTEGER NOT NULL PRIMARY KEY CHECK(id=1), epoch INTEGER NOT NULL,"
	" \"rows\" INTEGER NOT NULL, hash BLOB NOT NULL, cells BLOB NOT NULL, " SEAL_COLUMN
	") STRICT;"

	"CREATE TABLE audit_heads("
	" log TEXT NOT NULL PRIMARY KEY, chain TEXT NOT NULL, revision INTEGER NOT NULL,"
	" sequence INTEGER NOT NULL, hash BLOB NOT NULL, " SEAL_COLUMN ") STRICT;";

/*
 * Schema 6: the manifest's cells carry the names of the rows (store/name.h). No statement: the next
 * commit writes them, and a program that does not know of them is kept from the file.
 */
static const char schema_6[] = "";

static const char *const steps[] = {schema_1, schema_2, schema_3, schema_4, schema_5, schema_6};

const struct sqlite_migrations sqlite_migrations = {steps, ARRAY_LEN(steps)};

static struct err refuse(struct err e, const char *why, int64_t number)
{
	log_event(LOG_ERROR, "store.schema_refused", LOG_TEXT("why", why),
		  LOG_NUMBER("number", number), LOG_ERR(e));
	return e;
}

NODISCARD struct err sqlite_schema_inspect(struct sqlite_connection *connection,
					   const struct sqlite_migrations *migrations,
					   struct sqlite_schema *out)
{
	int64_t application = 0;
	int64_t version = 0;
	int64_t objects = 0;
	TRY(sqlite_connection_ask(connection, "PRAGMA application_id", &application));
	TRY(sqlite_connection_ask(connection, "PRAGMA user_version", &version));
	TRY(sqlite_connection_ask(connection, "SELECT count(*) FROM sqlite_schema", &objects));
	bool empty = application == 0 && version == 0 && objects == 0;
	if (!empty && application != SQLITE_APPLICATION_ID)
		return refuse(ERR(E_STORE), "the file belongs to another application", application);
	if (version < 0 || (!empty && version == 0))
		return refuse(ERR(E_STORE), "the file has no schema", version);
	if (version > (int64_t)migrations->count)
		return refuse(ERR(E_STORE_NEWER), "the schema is newer than this program", version);
	*out = (struct sqlite_schema){empty, version};
	return OK;
}

static void discard(const char (*path)[SQLITE_PATH_MAX])
{
	if (**path != '\0')
		(void)unlink(*path);
}

static struct err copy_fill(const char *path, const char *copy, const char *sql)
{
	CLEANUP(sqlite_connection_close) struct sqlite_connection *source = NULL;
	TRY(sqlite_connection_open(path, 0, &source));
	TRY(sqlite_connection_run(source, sql));
	return sqlite_file_sync(copy);
}

/* SQLite writes into an empty file of ours, so that its mode is right from the start. */
NODISCARD struct err sqlite_copy_write(const char *path, const char *copy)
{
	char sql[SQLITE_PATH_MAX + 32];
	REQUIRE(view_find(view_of_text(copy), '\'') == view_of_text(copy).len, E_SETTINGS);
	TRY(text_format(sql, sizeof sql, "VACUUM INTO '%s'", copy));
	TRY(sqlite_file_create(copy));
	struct err e = copy_fill(path, copy, sql);
	if (err_failed(e))
		(void)unlink(copy);
	return e;
}

/* Whole or not at all: written beside its name, synced, then renamed. */
static struct err copy_make(const char *path, const char *kept)
{
	CLEANUP(discard) char unfinished[SQLITE_PATH_MAX] = "";
	TRY(text_format(unfinished, sizeof unfinished, "%s.unfinished", kept));
	(void)unlink(unfinished);
	TRY(sqlite_copy_write(path, unfinished));
	if (rename(unfinished, kept) != 0)
		return ERR_DETAIL(E_STORE, errno);
	unfinished[0] = '\0';
	return sqlite_file_sync_folder(path);
}

static struct err copy_keep(const char *path, size_t version)
{
	char kept[SQLITE_PATH_MAX];
	TRY(text_format(kept, sizeof kept, "%s.before-schema-%zu", path, version));
	struct err e = copy_make(path, kept);
	if (err_failed(e))
		log_event(LOG_ERROR, "store.copy_failed", LOG_TEXT("copy", kept),
			  LOG_TEXT("what", "without it the schema is not changed"),
			  LOG_TEXT("action", "make room beside the store and start again"),
			  LOG_ERR(e));
	else
		log_event(LOG_INFO, "store.copied", LOG_TEXT("copy", kept),
			  LOG_TEXT("what", "the store as it was before its schema is changed"));
	return e;
}

static struct err step_take(struct sqlite_connection *connection, const char *step, size_t version,
			    int64_t now_ms)
{
	char sql[256];
	TRY(sqlite_connection_run(connection, step));
	TRY(text_format(sql, sizeof sql,
			"INSERT INTO schema_info(version,applied_ms,program)"
			" VALUES(%zu,%lld,'" HOLDFAST_VERSION "');"
			"PRAGMA user_version=%zu;PRAGMA application_id=%d",
			version, (long long)now_ms, version, SQLITE_APPLICATION_ID));
	return sqlite_connection_run(connection, sql);
}

NODISCARD struct err sqlite_schema_migrate(struct sqlite_connection *connection, const char *path,
					   const struct sqlite_migrations *migrations,
					   const struct clock *clock)
{
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	struct sqlite_schema schema;
	/* Asked again under the lock: two processes may start at once. */
	TRY(sqlite_transaction_write(connection, &transaction));
	TRY(sqlite_schema_inspect(connection, migrations, &schema));
	size_t version = (size_t)schema.version;
	if (version == migrations->count)
		return OK;
	if (!schema.empty)
		TRY(copy_keep(path, migrations->count));
	for (; version < migrations->count; version++)
		TRY(step_take(connection, migrations->steps[version], version + 1,
			      clock_real_ms(clock)));
	TRY(sqlite_transaction_commit(&transaction));
	log_event(LOG_INFO, "store.migrated", LOG_NUMBER("from", schema.version),
		  LOG_NUMBER("to", migrations->count));
	return OK;
}

/* What a schema is, but for the statistics that ANALYZE leaves. */
static const char schema_objects[] =
	"SELECT type,name,tbl_name,coalesce(sql,'') FROM sqlite_schema"
	" WHERE NOT(type='table' AND name GLOB 'sqlite_stat[0-9]') ORDER BY type,name";

#define OBJECT_COLUMNS 4

static void finalize(sqlite3_stmt **statement)
{
	(void)sqlite3_finalize(TAKE(*statement));
}

static struct err objects_prepare(struct sqlite_connection *connection, sqlite3_stmt **out)
{
	int code = sqlite3_prepare_v2(connection->db, schema_objects, -1, out, NULL);
	return sqlite_connection_result(connection, code, "schema objects");
}

static bool objects_equal(sqlite3_stmt *a, sqlite3_stmt *b)
{
	for (int i = 0; i < OBJECT_COLUMNS; i++) {
		const char *left = (const char *)sqlite3_column_text(a, i);
		const char *right = (const char *)sqlite3_column_text(b, i);
		if (left == NULL || right == NULL || !text_equal(left, right))
			return false;
	}
	return true;
}

static struct err object_refuse(sqlite3_stmt *found)
{
	struct err e = ERR(E_STORE);
	const char *name = (const char *)sqlite3_column_text(found, 1);
	log_event(LOG_ERROR, "store.schema_refused", LOG_TEXT("why", "it was changed"),
		  LOG_TEXT("near", name ? name : ""), LOG_ERR(e));
	return e;
}

static struct err objects_compare(sqlite3_stmt *found, sqlite3_stmt *wanted)
{
	for (;;) {
		int found_code = sqlite3_step(found);
		int wanted_code = sqlite3_step(wanted);
		if (found_code == SQLITE_DONE && wanted_code == SQLITE_DONE)
			return OK;
		if (found_code != SQLITE_ROW || wanted_code != SQLITE_ROW)
			return object_refuse(wanted_code == SQLITE_ROW ? wanted : found);
		if (!objects_equal(found, wanted))
			return object_refuse(found);
	}
}

NODISCARD struct err sqlite_schema_check(struct sqlite_connection *connection,
					 const struct sqlite_migrations *migrations)
{
	CLEANUP(sqlite_connection_close) struct sqlite_connection *model = NULL;
	CLEANUP(finalize) sqlite3_stmt *found = NULL;
	CLEANUP(finalize) sqlite3_stmt *wanted = NULL;
	TRY(sqlite_connection_open(":memory:", 0, &model));
	for (size_t i = 0; i < migrations->count; i++)
		TRY(sqlite_connection_run(model, migrations->steps[i]));
	TRY(objects_prepare(connection, &found));
	TRY(objects_prepare(model, &wanted));
	return objects_compare(found, wanted);
}
