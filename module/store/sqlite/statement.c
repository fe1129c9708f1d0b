/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/statement.h"

#include "base/text.h"
#include "store/sqlite/due.h"
#include "store/tables.h"

#define SQL_MAX 4096
#define NAME_MAX_BYTES 64

enum form { FORM_TEXT, FORM_INSERT, FORM_SELECT, FORM_UPDATE, FORM_DELETE };

/* The columns of `table` and its seal are put in front of `text`. A DELETE names a whole row: it
 * takes none that differs in a single value. */
struct statement_row {
	const char *what;
	enum form form;
	const struct store_table *table;
	const char *text;
};

/* All that hangs on one key. */
#define OF_KEY " WHERE account=:account AND region=:region AND key_id=:key_id"

static const struct statement_row rows[SQL_STATEMENT_COUNT] = {
	[SQL_BEGIN_WRITE] = {"begin", FORM_TEXT, NULL, "BEGIN IMMEDIATE"},
	[SQL_BEGIN_READ] = {"begin reading", FORM_TEXT, NULL, "BEGIN"},
	[SQL_COMMIT] = {"commit", FORM_TEXT, NULL, "COMMIT"},
	[SQL_ROLLBACK] = {"rollback", FORM_TEXT, NULL, "ROLLBACK"},
	[SQL_DATA_VERSION] = {"data_version", FORM_TEXT, NULL, "PRAGMA data_version"},

	[SQL_KEY_INSERT] = {"key insert", FORM_INSERT, &store_table_keys, ""},
	[SQL_KEY_UPDATE] = {"key update", FORM_UPDATE, &store_table_keys, " AND revision=:was"},
	[SQL_KEY_SELECT] = {"key select", FORM_SELECT, &store_table_keys,
			    " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_KEY_PAGE] = {"key page", FORM_SELECT, &store_table_keys,
			  " WHERE account=:account AND region=:region AND key_id>:after"
			  " ORDER BY key_id LIMIT :limit"},
	[SQL_KEY_IS_THERE] = {"key is there", FORM_TEXT, NULL,
			      "SELECT count(*) FROM keys WHERE account=:account"
			      " AND region=:region AND key_id=:key_id"
			      " AND \"partition\"=:partition AND multi_region=:multi_region"},
	[SQL_KEY_BY_ID] = {"key by id", FORM_SELECT, &store_table_keys, " WHERE key_id=:key_id"},
	[SQL_KEY_HAS_REVISION] = {"key has revision", FORM_TEXT, NULL,
				  "SELECT count(*) FROM keys" OF_KEY " AND revision=:revision"},
	[SQL_KEY_DELETE] = {"key delete", FORM_DELETE, &store_table_keys, ""},

	[SQL_VERSION_INSERT] = {"version insert", FORM_INSERT, &store_table_versions, ""},
	[SQL_VERSION_UPDATE] = {"version update", FORM_UPDATE, &store_table_versions,
				" AND messages_reserved=:was AND rotation=?12"
				" AND valid_to_ms=?13 AND material=?14"},
	/* Nothing but the last two columns may differ. */
	[SQL_VERSION_MATERIAL] = {"version material", FORM_UPDATE, &store_table_versions,
				  " AND \"partition\"=?5 AND multi_region=?6 AND token_id=?7"
				  " AND suite=?8 AND created_ms=?9 AND material_id=?10"
				  " AND messages_reserved=?11 AND rotation=?12"},
	[SQL_VERSION_OF_KEY] = {"versions of key", FORM_SELECT, &store_table_versions,
				" WHERE account=:account AND region=:region AND key_id=:key_id"
				" ORDER BY number LIMIT :limit"},
	[SQL_VERSION_PAGE] = {"version page", FORM_SELECT, &store_table_versions,
			      " WHERE (account,region,key_id,number)"
			      ">(:account,:region,:key_id,:number)"
			      " ORDER BY account,region,key_id,number LIMIT :limit"},
	[SQL_VERSION_OF_KEY_DELETE] = {"versions of key delete", FORM_TEXT, NULL,
				       "DELETE FROM versions" OF_KEY},

	[SQL_INTENT_INSERT] = {"intent insert", FORM_INSERT, &store_table_intents, ""},
	[SQL_INTENT_UPDATE] = {"intent claim", FORM_UPDATE, &store_table_intents,
			       " AND owner=:seen AND lease_ms=:was"},
	[SQL_INTENT_DELETE] = {"intent delete", FORM_TEXT, NULL,
			       "DELETE FROM intents WHERE token_id=:token_id"},
	[SQL_INTENT_TAKE] = {"intent take", FORM_TEXT, NULL,
			     "DELETE FROM intents WHERE token_id=:token_id AND owner=:owner"
			     " AND key_id=:key_id AND number=:number AND kind=:kind"},
	[SQL_INTENT_LIST] = {"intent list", FORM_SELECT, &store_table_intents,
			     " WHERE lease_ms<:now OR :now=9223372036854775807"
			     " ORDER BY lease_ms LIMIT :limit"},

	[SQL_OUTBOX_INSERT] = {"outbox insert", FORM_INSERT, &store_table_outbox, ""},
	[SQL_OUTBOX_LIST] = {"outbox list", FORM_SELECT, &store_table_outbox,
			     " ORDER BY sequence LIMIT :limit"},
	[SQL_OUTBOX_DELETE] = {"outbox delete", FORM_TEXT, NULL,
			       "DELETE FROM outbox WHERE event_id=:event_id"},

	/* Rows of stores before schema 3. */
	[SQL_PRINCIPAL_LIST] = {"principal list", FORM_SELECT, &store_table_principals,
				" ORDER BY account,id LIMIT :limit"},
	[SQL_PRINCIPAL_DELETE] = {"principal delete", FORM_DELETE, &store_table_principals, ""},
	[SQL_PRINCIPAL_CLEAR] = {"principal clear", FORM_TEXT, NULL, "DELETE FROM principals"},

	/* An identity that was removed and made again has another id. */
	[SQL_IDENTITY_INSERT] = {"identity insert", FORM_INSERT, &store_table_identities, ""},
	[SQL_IDENTITY_UPDATE] = {"identity update", FORM_UPDATE, &store_table_identities,
				 " AND revision=:was AND id=?4 AND arn=?5 AND created_ms=?6"},
	[SQL_IDENTITY_DELETE] = {"identity delete", FORM_DELETE, &store_table_identities, ""},
	[SQL_IDENTITY_SELECT] = {"identity select", FORM_SELECT, &store_table_identities,
				 " WHERE account=:account AND kind=:kind AND name=:name"},
	[SQL_IDENTITY_ANYWHERE] = {"identity anywhere", FORM_SELECT, &store_table_identities,
				   " INDEXED BY identities_anywhere"
				   " WHERE kind=:kind AND name=:name AND kind IN (1,5)"},
	[SQL_IDENTITY_BY_ID] = {"identity by id", FORM_SELECT, &store_table_identities,
				" WHERE id=:id"},
	[SQL_IDENTITY_PAGE] = {"identity page", FORM_SELECT, &store_table_identities,
			       " WHERE account=:account AND kind=:kind AND name>:after"
			       " ORDER BY name LIMIT :limit"},
	[SQL_IDENTITY_PAGE_ANYWHERE] = {"identity page anywhere", FORM_SELECT,
					&store_table_identities,
					" INDEXED BY identities_anywhere"
					" WHERE kind=:kind AND name>:after AND kind IN (1,5)"
					" ORDER BY name LIMIT :limit"},
	[SQL_IDENTITY_IS_THERE] = {"identity is there", FORM_TEXT, NULL,
				   "SELECT count(*) FROM identities"
				   " WHERE id=:id AND account=:account"},
	/* An account, a user or a service. */
	[SQL_IDENTITY_MAY_HAVE_KEYS] = {"identity may have keys", FORM_TEXT, NULL,
					"SELECT count(*) FROM identities WHERE id=:id"
					" AND account=:account AND kind IN (1,2,5)"},
	[SQL_IDENTITY_HAS_ID] = {"identity has id", FORM_TEXT, NULL,
				 "SELECT count(*) FROM identities WHERE id=:id"},
	/* What an account has besides its own row, its access keys and sessions. */
	[SQL_ACCOUNT_IS_IN_USE] = {"account is in use", FORM_TEXT, NULL,
				   "SELECT EXISTS(SELECT 1 FROM identities"
				   " WHERE account=:account AND id<>:id)"
				   " OR EXISTS(SELECT 1 FROM keys WHERE account=:account)"
				   " OR EXISTS(SELECT 1 FROM intents WHERE account=:account)"},
	[SQL_IDENTITY_CLEAR] = {"identity clear", FORM_TEXT, NULL, "DELETE FROM identities"},

	[SQL_ACCESS_KEY_INSERT] = {"access key insert", FORM_INSERT, &store_table_access_keys, ""},
	[SQL_ACCESS_KEY_UPDATE] = {"access key update", FORM_UPDATE, &store_table_access_keys,
				   " AND account=?2 AND principal_id=?3 AND created_ms=?5"
				   " AND wrapped=?6"},
	[SQL_ACCESS_KEY_DELETE] = {"access key delete", FORM_TEXT, NULL,
				   "DELETE FROM access_keys WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_SELECT] = {"access key select", FORM_SELECT, &store_table_access_keys,
				   " WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_LIST] = {"access keys of identity", FORM_SELECT, &store_table_access_keys,
				 " WHERE principal_id=:id"
				 " ORDER BY created_ms,access_key_id LIMIT :limit"},
	[SQL_ACCESS_KEY_COUNT] = {"access key count", FORM_TEXT, NULL,
				  "SELECT count(*) FROM access_keys WHERE principal_id=:id"},
	[SQL_ACCESS_KEY_IS_THERE] = {"access key is there", FORM_TEXT, NULL,
				     "SELECT count(*) FROM access_keys"
				     " WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_CLEAR] = {"access key clear", FORM_TEXT, NULL, "DELETE FROM access_keys"},

	[SQL_KEY_USE_PUT] = {"key use put", FORM_INSERT, &store_table_key_uses,
			     " ON CONFLICT DO UPDATE SET time_ms=excluded.time_ms,"
			     "service=excluded.service WHERE excluded.time_ms>=time_ms"},
	[SQL_KEY_USE_SELECT] = {"key use select", FORM_SELECT, &store_table_key_uses,
				" WHERE access_key_id=:access_key_id"},

	[SQL_SESSION_INSERT] = {"session insert", FORM_INSERT, &store_table_sessions, ""},
	[SQL_SESSION_DELETE] = {"session delete", FORM_TEXT, NULL,
				"DELETE FROM sessions WHERE access_key_id=:access_key_id"},
	[SQL_SESSION_SELECT] = {"session select", FORM_SELECT, &store_table_sessions,
				" WHERE access_key_id=:access_key_id"},
	[SQL_SESSION_PAGE] = {"session page", FORM_SELECT, &store_table_sessions,
			      " WHERE account=:account AND access_key_id>:after"
			      " ORDER BY access_key_id LIMIT :limit"},
	[SQL_SESSION_OF_IDENTITY_DELETE] = {"sessions of identity delete", FORM_TEXT, NULL,
					    "DELETE FROM sessions WHERE principal_id=:id"},
	[SQL_SESSION_VIA_SERVICE_DELETE] = {"sessions via service delete", FORM_TEXT, NULL,
					    "DELETE FROM sessions WHERE via_service=:name"},
	[SQL_SESSION_SWEEP] = {"session sweep", FORM_TEXT, NULL,
			       "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions"
			       " WHERE expires_ms<:now ORDER BY expires_ms LIMIT :limit)"},
	[SQL_SESSION_CLEAR] = {"session clear", FORM_TEXT, NULL, "DELETE FROM sessions"},

	[SQL_INSTALLATION_INSERT] = {"installation insert", FORM_INSERT, &store_table_installation,
				     ""},
	[SQL_INSTALLATION_SELECT] = {"installation select", FORM_SELECT, &store_table_installation,
				     " LIMIT 2"},
	[SQL_INSTALLATION_DELETE] = {"installation delete", FORM_TEXT, NULL,
				     "DELETE FROM installation WHERE id=:id OR ready=0"},

	/* An alias that was removed and made again has another time of creation. */
	[SQL_ALIAS_INSERT] = {"alias insert", FORM_INSERT, &store_table_aliases, ""},
	[SQL_ALIAS_UPDATE] = {"alias update", FORM_UPDATE, &store_table_aliases,
			      " AND revision=:was AND created_ms=:created"},
	[SQL_ALIAS_DELETE] = {"alias delete", FORM_DELETE, &store_table_aliases, ""},
	[SQL_ALIAS_SELECT] = {"alias select", FORM_SELECT, &store_table_aliases,
			      " WHERE account=:account AND region=:region AND name=:name"},
	[SQL_ALIAS_PAGE] = {"alias page", FORM_SELECT, &store_table_aliases,
			    " WHERE account=:account AND region=:region AND name>:after"
			    " ORDER BY name LIMIT :limit"},
	[SQL_ALIAS_OF_KEY] = {"aliases of key", FORM_SELECT, &store_table_aliases,
			      " INDEXED BY aliases_of_key"
			      " WHERE account=:account AND region=:region AND key_id=:key_id"
			      " AND multi_region=:multi_region AND name>:after"
			      " ORDER BY name LIMIT :limit"},
	[SQL_ALIAS_COUNT] = {"alias count", FORM_TEXT, NULL,
			     "SELECT count(*) FROM aliases INDEXED BY aliases_of_key"
			     " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_ALIAS_OF_KEY_DELETE] = {"aliases of key delete", FORM_TEXT, NULL,
				     "DELETE FROM aliases" OF_KEY},

	[SQL_TAG_PUT] = {"tag put", FORM_INSERT, &store_table_tags,
			 " ON CONFLICT DO UPDATE SET \"partition\"=excluded.\"partition\","
			 "multi_region=excluded.multi_region,tag_value=excluded.tag_value,"
			 "seal=excluded.seal"},
	[SQL_TAG_DELETE] = {"tag delete", FORM_TEXT, NULL,
			    "DELETE FROM tags WHERE account=:account AND region=:region"
			    " AND key_id=:key_id AND tag_key=:tag_key"},
	[SQL_TAG_PAGE] = {"tag page", FORM_SELECT, &store_table_tags,
			  " WHERE account=:account AND region=:region AND key_id=:key_id"
			  " AND multi_region=:multi_region AND tag_key>:after"
			  " ORDER BY tag_key LIMIT :limit"},
	[SQL_TAG_COUNT] = {"tag count", FORM_TEXT, NULL,
			   "SELECT count(*) FROM tags"
			   " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_TAG_OF_KEY_DELETE] = {"tags of key delete", FORM_TEXT, NULL,
				   "DELETE FROM tags" OF_KEY},

	[SQL_LAST_USE_PUT] = {"last use put", FORM_INSERT, &store_table_last_uses,
			      " ON CONFLICT DO UPDATE SET \"partition\"=excluded.\"partition\","
			      "multi_region=excluded.multi_region,operation=excluded.operation,"
			      "time_ms=excluded.time_ms,event_id=excluded.event_id,"
			      "request_id=excluded.request_id WHERE excluded.time_ms>=time_ms"},
	[SQL_LAST_USE_SELECT] = {"last use select", FORM_SELECT, &store_table_last_uses,
				 " WHERE account=:account AND region=:region"
				 " AND key_id=:key_id AND multi_region=:multi_region"},
	/* Schema 2 brought the table. */
	[SQL_LAST_USE_SINCE] = {"last use since", FORM_TEXT, NULL,
				"SELECT coalesce(min(applied_ms),0) FROM schema_info"
				" WHERE version=2"},
	[SQL_LAST_USE_DELETE] = {"last use delete", FORM_TEXT, NULL,
				 "DELETE FROM last_uses" OF_KEY},

	[SQL_GRANT_INSERT] = {"grant insert", FORM_INSERT, &store_table_grants, ""},
	[SQL_GRANT_DELETE] = {"grant delete", FORM_DELETE, &store_table_grants, ""},
	[SQL_GRANT_SELECT] = {"grant select", FORM_SELECT, &store_table_grants,
			      " WHERE account=:account AND region=:region AND key_id=:key_id"
			      " AND grant_id=:grant_id"},
	[SQL_GRANT_FIND] = {"grant find", FORM_SELECT, &store_table_grants,
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND likeness=:likeness"},
	[SQL_GRANT_PAGE] = {"grant page", FORM_SELECT, &store_table_grants,
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND multi_region=:multi_region AND grant_id>:after"
			    " ORDER BY grant_id LIMIT :limit"},
	[SQL_GRANT_OF_GRANTEE] = {"grants of grantee", FORM_SELECT, &store_table_grants,
				  " INDEXED BY grants_of_grantee"
				  " WHERE account=:account AND region=:region AND key_id=:key_id"
				  " AND multi_region=:multi_region AND grantee=:grantee"
				  " AND grant_id>:after ORDER BY grant_id LIMIT :limit"},
	[SQL_GRANT_OF_RETIRING] = {"grants of retiring", FORM_SELECT, &store_table_grants,
				   " INDEXED BY grants_of_retiring"
				   " WHERE region=:region AND retiring=:retiring AND retiring<>''"
				   " AND (key_id,grant_id)>(:key_id,:after)"
				   " ORDER BY key_id,grant_id LIMIT :limit"},
	[SQL_GRANT_EACH] = {"grants of key", FORM_SELECT, &store_table_grants,
			    " INDEXED BY grants_of_key"
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND multi_region=:multi_region ORDER BY rowid"},
	[SQL_GRANT_COUNT_UP] = {"grant count up", FORM_TEXT, NULL,
				"INSERT INTO grant_counts(account,region,key_id,grants)"
				" VALUES(:account,:region,:key_id,1)"
				" ON CONFLICT DO UPDATE SET grants=grants+1 RETURNING grants"},
	[SQL_GRANT_COUNT_DOWN] = {"grant count down", FORM_TEXT, NULL,
				  "UPDATE grant_counts SET grants=max(grants-1,0)"
				  " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_GRANT_OF_KEY_CLEAR] = {"grants of key delete", FORM_TEXT, NULL,
				    "DELETE FROM grants WHERE rowid IN"
				    " (SELECT rowid FROM grants" OF_KEY " LIMIT :limit)"},
	[SQL_GRANT_COUNT_DELETE] = {"grant count delete", FORM_TEXT, NULL,
				    "DELETE FROM grant_counts" OF_KEY},

	[SQL_CLAIM_OF_KEY_DELETE] = {"claims of key delete", FORM_TEXT, NULL,
				     "DELETE FROM claims" OF_KEY},
	[SQL_CLAIM_TAKE] = {"claim take", FORM_INSERT, &store_table_claims,
			    " ON CONFLICT DO UPDATE SET owner=excluded.owner,"
			    "lease_ms=excluded.lease_ms WHERE owner=excluded.owner"
			    " OR lease_ms<=:now OR lease_ms>:now+86400000"},
	[SQL_CLAIM_DELETE] = {"claim delete", FORM_TEXT, NULL,
			      "DELETE FROM claims WHERE key_id=:key_id AND kind=:kind"
			      " AND number=:number AND (owner=:owner OR lease_ms=0)"},
	[SQL_CLAIM_FAIL] = {"claim fail", FORM_INSERT, &store_table_claims,
			    " ON CONFLICT DO UPDATE SET owner=excluded.owner,lease_ms=0,"
			    "attempts=min(attempts+1,4294967295),retry_ms=excluded.retry_ms,"
			    "error=excluded.error WHERE owner=excluded.owner OR lease_ms=0"},
	[SQL_CLAIM_ATTEMPTS] = {"claim attempts", FORM_TEXT, NULL,
				"SELECT coalesce((SELECT attempts FROM claims"
				" WHERE key_id=:key_id AND kind=:kind AND number=:number),-1)"},
	[SQL_CLAIM_FAILURES] = {"failures", FORM_SELECT, &store_table_claims, sqlite_due_failures},

	[SQL_DUE_SCHEDULED] = {"due by schedule", FORM_TEXT, NULL, sqlite_due_scheduled},
	[SQL_DUE_MANAGED] = {"due of services", FORM_TEXT, NULL, sqlite_due_managed},
	[SQL_DUE_DEMANDED] = {"due on demand", FORM_TEXT, NULL, sqlite_due_demanded},
	[SQL_DUE_BUDGET] = {"due by budget", FORM_TEXT, NULL, sqlite_due_budget},
	[SQL_DUE_DELETION] = {"due deletions", FORM_TEXT, NULL, sqlite_due_deletion},
	[SQL_DUE_DESTROYING] = {"due destructions", FORM_TEXT, NULL, sqlite_due_destroying},
	[SQL_DUE_ENDED] = {"ended material", FORM_TEXT, NULL, sqlite_due_ended},
	[SQL_DUE_GOING] = {"going material", FORM_TEXT, NULL, sqlite_due_going},
	[SQL_DUE_COUNT_ROTATION] = {"rotations due", FORM_TEXT, NULL, sqlite_due_count_rotation},
	[SQL_DUE_COUNT_DELETION] = {"deletions due", FORM_TEXT, NULL, sqlite_due_count_deletion},
	[SQL_DUE_COUNT_EXPIRY] = {"expiries due", FORM_TEXT, NULL, sqlite_due_count_expiry},

	[SQL_CLOCK_MARK_INSERT] = {"clock mark insert", FORM_INSERT, &store_table_clock_marks, ""},
	[SQL_CLOCK_MARK_UPDATE] = {"clock mark update", FORM_UPDATE, &store_table_clock_marks,
				   " AND revision=:was"},
	[SQL_CLOCK_MARK_SELECT] = {"clock mark select", FORM_SELECT, &store_table_clock_marks,
				   " LIMIT 2"},

	[SQL_MANIFEST_INSERT] = {"manifest insert", FORM_INSERT, &store_table_manifest, ""},
	[SQL_MANIFEST_UPDATE] = {"manifest update", FORM_UPDATE, &store_table_manifest, ""},
	[SQL_MANIFEST_SELECT] = {"manifest select", FORM_SELECT, &store_table_manifest, " LIMIT 2"},
	[SQL_MANIFEST_CLEAR] = {"manifest clear", FORM_TEXT, NULL, "DELETE FROM manifest"},
	[SQL_MANIFEST_EPOCH] = {"manifest epoch", FORM_TEXT, NULL,
				"SELECT coalesce((SELECT epoch FROM manifest WHERE id=1),0)"},

	[SQL_AUDIT_HEAD_INSERT] = {"audit head insert", FORM_INSERT, &store_table_audit_heads, ""},
	[SQL_AUDIT_HEAD_UPDATE] = {"audit head update", FORM_UPDATE, &store_table_audit_heads,
				   " AND revision=:was"},
	[SQL_AUDIT_HEAD_SELECT] = {"audit head select", FORM_SELECT, &store_table_audit_heads,
				   " WHERE log=:log"},
	[SQL_AUDIT_HEAD_LIST] = {"audit heads", FORM_SELECT, &store_table_audit_heads,
				 " ORDER BY log LIMIT :limit"},

/* In the order of store_sealed_tables, as they lie: no index is asked. */
#define WHOLE(number, name) \
	[SQL_WHOLE + (number)] = {"all of " #name, FORM_SELECT, &store_table_##name, " NOT INDEXED"}
	WHOLE(0, installation),
	WHOLE(1, keys),
	WHOLE(2, versions),
	WHOLE(3, intents),
	WHOLE(4, outbox),
	WHOLE(5, principals),
	WHOLE(6, access_keys),
	WHOLE(7, aliases),
	WHOLE(8, tags),
	WHOLE(9, identities),
	WHOLE(10, sessions),
	WHOLE(11, grants),
	WHOLE(12, clock_marks),
	WHOLE(13, audit_heads),
#undef WHOLE
	[SQL_SEALED_ROWS] = {"sealed rows", FORM_TEXT, NULL,
			     "SELECT (SELECT count(*) FROM installation)"
			     "+(SELECT count(*) FROM keys)"
			     "+(SELECT count(*) FROM versions)"
			     "+(SELECT count(*) FROM intents)"
			     "+(SELECT count(*) FROM outbox)"
			     "+(SELECT count(*) FROM principals)"
			     "+(SELECT count(*) FROM access_keys)"
			     "+(SELECT count(*) FROM aliases)"
			     "+(SELECT count(*) FROM tags)"
			     "+(SELECT count(*) FROM identities)"
			     "+(SELECT count(*) FROM sessions)"
			     "+(SELECT count(*) FROM grants)"
			     "+(SELECT count(*) FROM clock_marks)"
			     "+(SELECT count(*) FROM audit_heads)"},
};

_Static_assert(SQL_STATEMENT_COUNT <= SQLITE_STATEMENTS_MAX, "every statement has its slot");

static void names_write(struct writer *w, const struct store_table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(w, "%s\"%s\"", i ? "," : "", table->columns[i].name);
	writer_text(w, table->advisory ? "" : ",seal");
}

static void insert_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "INSERT INTO %s(", table->name);
	names_write(w, table);
	writer_text(w, ") VALUES(");
	for (size_t i = 0; i < table->column_count + !table->advisory; i++)
		writer_format(w, "%s?%zu", i ? "," : "", i + 1);
	writer_text(w, ")");
}

static void delete_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "DELETE FROM %s WHERE ", table->name);
	for (size_t i = 0; i < table->column_count; i++)
		writer_format(w, "\"%s\"=?%zu AND ", table->columns[i].name, i + 1);
	writer_format(w, "seal=?%zu", table->column_count + 1);
}

static void update_write(struct writer *w, const struct store_table *table)
{
	writer_format(w, "UPDATE %s SET ", table->name);
	for (size_t i = table->key_count; i < table->column_count; i++)
		writer_format(w, "\"%s\"=?%zu,", table->columns[i].name, i + 1);
	writer_format(w, "seal=?%zu WHERE ", table->column_count + 1);
	for (size_t i = 0; i < table->key_count; i++)
		writer_format(w, "%s\"%s\"=?%zu", i ? " AND " : "", table->columns[i].name, i + 1);
}

static struct err sql_write(const struct statement_row *row, char sql[SQL_MAX])
{
	struct writer w;
	writer_init(&w, sql, SQL_MAX);
	if (row->form == FORM_INSERT)
		insert_write(&w, row->table);
	if (row->form == FORM_UPDATE)
		update_write(&w, row->table);
	if (row->form == FORM_DELETE)
		delete_write(&w, row->table);
	if (row->form == FORM_SELECT) {
		writer_text(&w, "SELECT ");
		names_write(&w, row->table);
		writer_format(&w, " FROM %s", row->table->name);
	}
	writer_text(&w, row->text);
	return writer_end_text(&w);
}

NODISCARD struct err sqlite_statement_take(struct sqlite_connection *connection,
					   enum sqlite_statement_id id,
					   struct sqlite_statement *out)
{
	sqlite3_stmt **slot = &connection->statements[id];
	if (*slot == NULL) {
		char sql[SQL_MAX];
		TRY(sql_write(&rows[id], sql));
		int code = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					      slot, NULL);
		TRY(sqlite_connection_result(connection, code, rows[id].what));
	}
	*out = (struct sqlite_statement){connection, *slot, rows[id].what, OK};
	return OK;
}

void sqlite_statement_release(struct sqlite_statement *statement)
{
	if (statement->raw == NULL)
		return;
	(void)sqlite3_reset(statement->raw);
	(void)sqlite3_clear_bindings(statement->raw);
	statement->raw = NULL;
}

static void bound(struct sqlite_statement *statement, int code)
{
	if (!err_failed(statement->failure))
		statement->failure =
			sqlite_connection_result(statement->connection, code, statement->what);
}

static void bind_at(struct sqlite_statement *statement, int at, const struct store_value *value)
{
	/* A null pointer would bind NULL, and an empty text is not that. */
	const void *bytes = value->bytes.ptr ? (const void *)value->bytes.ptr : "";
	if (value->tag == STORE_INTEGER)
		bound(statement, sqlite3_bind_int64(statement->raw, at, value->integer));
	else if (value->tag == STORE_CHARACTERS)
		bound(statement, sqlite3_bind_text64(statement->raw, at, bytes, value->bytes.len,
						     SQLITE_STATIC, SQLITE_UTF8));
	else
		bound(statement, sqlite3_bind_blob64(statement->raw, at, bytes, value->bytes.len,
						     SQLITE_STATIC));
}

static void bind_named(struct sqlite_statement *statement, const char *name,
		       const struct store_value *value)
{
	bind_at(statement, sqlite3_bind_parameter_index(statement->raw, name), value);
}

void sqlite_bind_integer(struct sqlite_statement *statement, const char *name, int64_t value)
{
	bind_named(statement, name, &(struct store_value){STORE_INTEGER, value, VIEW_NONE});
}

void sqlite_bind_text(struct sqlite_statement *statement, const char *name, struct view text)
{
	bind_named(statement, name, &(struct store_value){STORE_CHARACTERS, 0, text});
}

void sqlite_bind_bytes(struct sqlite_statement *statement, const char *name, struct view bytes)
{
	bind_named(statement, name, &(struct store_value){STORE_OCTETS, 0, bytes});
}

void sqlite_bind_row(struct sqlite_statement *statement, const struct store_batch *from, size_t at)
{
	struct store_value values[STORE_COLUMNS_MAX];
	const struct store_batch_row *row = &from->rows[at];
	struct err e = store_row_values(row->table, store_batch_row(from, at), values);
	if (err_failed(e)) {
		statement->failure = e;
		return;
	}
	for (size_t i = 0; i < row->table->column_count; i++)
		bind_at(statement, (int)i + 1, &values[i]);
	if (row->sealed)
		bind_at(statement, (int)row->table->column_count + 1,
			&(struct store_value){STORE_OCTETS, 0, VIEW_ARRAY(row->seal)});
}

NODISCARD struct err sqlite_statement_step(struct sqlite_statement *statement, bool *row)
{
	*row = false;
	TRY(statement->failure);
	int code = sqlite3_step(statement->raw);
	TRY(sqlite_connection_result(statement->connection, code, statement->what));
	*row = code == SQLITE_ROW;
	return OK;
}

NODISCARD struct err sqlite_statement_run(struct sqlite_statement *statement, int *changed)
{
	bool row = false;
	TRY(sqlite_statement_step(statement, &row));
	ENSURE(!row);
	*changed = sqlite3_changes(statement->connection->db);
	return OK;
}

NODISCARD struct err sqlite_statement_integer(struct sqlite_statement *statement, int64_t *out)
{
	bool row = false;
	TRY(sqlite_statement_step(statement, &row));
	ENSURE(row);
	*out = sqlite3_column_int64(statement->raw, 0);
	return OK;
}

NODISCARD struct err sqlite_statement_once(struct sqlite_connection *connection,
					   enum sqlite_statement_id id)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(connection, id, &statement));
	return sqlite_statement_run(&statement, &changed);
}

NODISCARD struct err sqlite_row_insert(struct sqlite_connection *connection,
				       enum sqlite_statement_id id, const struct store_batch *batch,
				       size_t at)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	TRY(sqlite_statement_take(connection, id, &statement));
	sqlite_bind_row(&statement, batch, at);
	TRY(sqlite_statement_run(&statement, &changed));
	ENSURE(changed == 1);
	return OK;
}

NODISCARD struct err sqlite_row_put(struct sqlite_connection *connection,
				    enum sqlite_statement_id id, const struct store_table *table,
				    const void *object)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int changed = 0;
	store_batch_init(&batch);
	TRY(store_batch_add(&batch, table, object));
	TRY(sqlite_statement_take(connection, id, &statement));
	sqlite_bind_row(&statement, &batch, 0);
	return sqlite_statement_run(&statement, &changed); /* 0: a newer one is there */
}

/* SQLite's own copy, borrowed until the next step. A type of none of ours gets no tag. */
static struct store_value column_value(sqlite3_stmt *raw, int at)
{
	struct store_value value = {0};
	switch (sqlite3_column_type(raw, at)) {
	case SQLITE_INTEGER:
		value.tag = STORE_INTEGER;
		value.integer = sqlite3_column_int64(raw, at);
		break;
	case SQLITE_TEXT:
		value.tag = STORE_CHARACTERS;
		value.bytes.ptr = sqlite3_column_text(raw, at);
		break;
	case SQLITE_BLOB:
		value.tag = STORE_OCTETS;
		value.bytes.ptr = sqlite3_column_blob(raw, at);
		break;
	default:
		return value;
	}
	if (value.tag != STORE_INTEGER && value.bytes.ptr != NULL)
		value.bytes.len = (size_t)sqlite3_column_bytes(raw, at);
	return value;
}

NODISCARD struct err sqlite_row_values(const struct sqlite_statement *statement,
				       const struct store_table *table,
				       struct store_value values[STORE_COLUMNS_MAX],
				       struct view *seal)
{
	struct store_value last = {0};
	ENSURE(table->column_count <= STORE_COLUMNS_MAX);
	for (size_t i = 0; i < table->column_count; i++)
		values[i] = column_value(statement->raw, (int)i);
	if (!table->advisory)
		last = column_value(statement->raw, (int)table->column_count);
	*seal = last.tag == STORE_OCTETS ? last.bytes : VIEW_NONE;
	return OK;
}

static struct err row_fetch(const struct sqlite_statement *statement,
			    const struct store_table *table, struct store_batch *batch)
{
	struct store_value values[STORE_COLUMNS_MAX];
	struct view seal = VIEW_NONE;
	TRY(sqlite_row_values(statement, table, values, &seal));
	return store_batch_add_stored(batch, table, values, seal);
}

NODISCARD struct err sqlite_rows_fetch(struct sqlite_statement *statement,
				       const struct store_table *table, size_t enough,
				       struct store_batch *batch, bool *more)
{
	const bool hints = more == NULL;
	bool row = false;
	if (!hints)
		*more = false;
	TRY(sqlite_statement_step(statement, &row));
	while (row) {
		struct err e = row_fetch(statement, table, batch);
		if (!hints || !err_is(e, E_STORE_SEAL))
			TRY(e);
		if (!hints && batch->bytes.len >= enough) {
			*more = true;
			return OK;
		}
		TRY(sqlite_statement_step(statement, &row));
	}
	return OK;
}
