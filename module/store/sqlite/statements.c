/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/statements.h"

#include "store/sqlite/connection.h"
#include "store/sqlite/due.h"
#include "store/tables.h"

/* Short, as every row has one. */
#define TEXT SQLITE_FORM_TEXT
#define INSERT SQLITE_FORM_INSERT
#define SELECT SQLITE_FORM_SELECT
#define UPDATE SQLITE_FORM_UPDATE
#define DELETE SQLITE_FORM_DELETE

/* All that hangs on one key. */
#define OF_KEY " WHERE account=:account AND region=:region AND key_id=:key_id"

const struct sqlite_statement_row sqlite_statement_rows[SQL_STATEMENT_COUNT] = {
	[SQL_BEGIN_WRITE] = {"begin", TEXT, NULL, "BEGIN IMMEDIATE"},
	[SQL_BEGIN_READ] = {"begin reading", TEXT, NULL, "BEGIN"},
	[SQL_COMMIT] = {"commit", TEXT, NULL, "COMMIT"},
	[SQL_ROLLBACK] = {"rollback", TEXT, NULL, "ROLLBACK"},
	[SQL_DATA_VERSION] = {"data_version", TEXT, NULL, "PRAGMA data_version"},

	[SQL_KEY_INSERT] = {"key insert", INSERT, &store_table_keys, ""},
	[SQL_KEY_UPDATE] = {"key update", UPDATE, &store_table_keys, " AND revision=:was"},
	[SQL_KEY_SELECT] = {"key select", SELECT, &store_table_keys,
			    " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_KEY_PAGE] = {"key page", SELECT, &store_table_keys,
			  " INDEXED BY sqlite_autoindex_keys_1"
			  " WHERE account=:account AND region=:region AND key_id>:after"
			  " ORDER BY key_id LIMIT :limit"},
	[SQL_KEY_IS_THERE] = {"key is there", TEXT, NULL,
			      "SELECT count(*) FROM keys WHERE account=:account"
			      " AND region=:region AND key_id=:key_id"
			      " AND \"partition\"=:partition AND multi_region=:multi_region"},
	[SQL_KEY_BY_ID] = {"key by id", SELECT, &store_table_keys,
			   " INDEXED BY keys_by_id WHERE key_id=:key_id"},
	[SQL_KEY_HAS_REVISION] = {"key has revision", TEXT, NULL,
				  "SELECT count(*) FROM keys" OF_KEY " AND revision=:revision"},
	[SQL_KEY_DELETE] = {"key delete", DELETE, &store_table_keys, ""},

	[SQL_VERSION_INSERT] = {"version insert", INSERT, &store_table_versions, ""},
	[SQL_VERSION_UPDATE] = {"version update", UPDATE, &store_table_versions,
				" AND messages_reserved=:was AND rotation=?12"
				" AND valid_to_ms=?13 AND material=?14"},
	/* Nothing but the last two columns may differ. */
	[SQL_VERSION_MATERIAL] = {"version material", UPDATE, &store_table_versions,
				  " AND \"partition\"=?5 AND multi_region=?6 AND token_id=?7"
				  " AND suite=?8 AND created_ms=?9 AND material_id=?10"
				  " AND messages_reserved=?11 AND rotation=?12"},
	[SQL_VERSION_OF_KEY] = {"versions of key", SELECT, &store_table_versions,
				" WHERE account=:account AND region=:region AND key_id=:key_id"
				" ORDER BY number LIMIT :limit"},
	[SQL_VERSION_PAGE] = {"version page", SELECT, &store_table_versions,
			      " WHERE (account,region,key_id,number)"
			      ">(:account,:region,:key_id,:number)"
			      " ORDER BY account,region,key_id,number LIMIT :limit"},
	[SQL_VERSION_OF_KEY_DELETE] = {"versions of key delete", TEXT, NULL,
				       "DELETE FROM versions" OF_KEY},

	[SQL_INTENT_INSERT] = {"intent insert", INSERT, &store_table_intents, ""},
	[SQL_INTENT_UPDATE] = {"intent claim", UPDATE, &store_table_intents,
			       " AND owner=:seen AND lease_ms=:was"},
	[SQL_INTENT_DELETE] = {"intent delete", TEXT, NULL,
			       "DELETE FROM intents WHERE token_id=:token_id"},
	[SQL_INTENT_TAKE] = {"intent take", TEXT, NULL,
			     "DELETE FROM intents WHERE token_id=:token_id AND owner=:owner"
			     " AND key_id=:key_id AND number=:number AND kind=:kind"},
	[SQL_INTENT_LIST] = {"intent list", SELECT, &store_table_intents,
			     " WHERE lease_ms<:now OR :now=9223372036854775807"
			     " ORDER BY lease_ms LIMIT :limit"},

	[SQL_OUTBOX_INSERT] = {"outbox insert", INSERT, &store_table_outbox, ""},
	[SQL_OUTBOX_LIST] = {"outbox list", SELECT, &store_table_outbox,
			     " ORDER BY sequence LIMIT :limit"},
	[SQL_OUTBOX_DELETE] = {"outbox delete", TEXT, NULL,
			       "DELETE FROM outbox WHERE event_id=:event_id"},

	/* Rows of stores before schema 3. */
	[SQL_PRINCIPAL_LIST] = {"principal list", SELECT, &store_table_principals,
				" NOT INDEXED ORDER BY account,id LIMIT :limit"},
	[SQL_PRINCIPAL_DELETE] = {"principal delete", DELETE, &store_table_principals, ""},
	[SQL_PRINCIPAL_CLEAR] = {"principal clear", TEXT, NULL, "DELETE FROM principals"},

	/* An identity that was removed and made again has another id. */
	[SQL_IDENTITY_INSERT] = {"identity insert", INSERT, &store_table_identities, ""},
	[SQL_IDENTITY_UPDATE] = {"identity update", UPDATE, &store_table_identities,
				 " AND revision=:was AND id=?4 AND arn=?5 AND created_ms=?6"},
	[SQL_IDENTITY_DELETE] = {"identity delete", DELETE, &store_table_identities, ""},
	[SQL_IDENTITY_SELECT] = {"identity select", SELECT, &store_table_identities,
				 " WHERE account=:account AND kind=:kind AND name=:name"},
	[SQL_IDENTITY_ANYWHERE] = {"identity anywhere", SELECT, &store_table_identities,
				   " INDEXED BY identities_anywhere"
				   " WHERE kind=:kind AND name=:name AND kind IN (1,5)"},
	[SQL_IDENTITY_BY_ID] = {"identity by id", SELECT, &store_table_identities,
				" INDEXED BY sqlite_autoindex_identities_1 WHERE id=:id"},
	[SQL_IDENTITY_PAGE] = {"identity page", SELECT, &store_table_identities,
			       " INDEXED BY sqlite_autoindex_identities_3"
			       " WHERE account=:account AND kind=:kind AND name>:after"
			       " ORDER BY name LIMIT :limit"},
	[SQL_IDENTITY_PAGE_ANYWHERE] = {"identity page anywhere", SELECT, &store_table_identities,
					" INDEXED BY identities_anywhere"
					" WHERE kind=:kind AND name>:after AND kind IN (1,5)"
					" ORDER BY name LIMIT :limit"},
	[SQL_IDENTITY_IS_THERE] = {"identity is there", TEXT, NULL,
				   "SELECT count(*) FROM identities"
				   " WHERE id=:id AND account=:account"},
	/* An account, a user or a service. */
	[SQL_IDENTITY_MAY_HAVE_KEYS] = {"identity may have keys", TEXT, NULL,
					"SELECT count(*) FROM identities WHERE id=:id"
					" AND account=:account AND kind IN (1,2,5)"},
	[SQL_IDENTITY_HAS_ID] = {"identity has id", TEXT, NULL,
				 "SELECT count(*) FROM identities WHERE id=:id"},
	/* What an account has besides its own row, its access keys and sessions. */
	[SQL_ACCOUNT_IS_IN_USE] = {"account is in use", TEXT, NULL,
				   "SELECT EXISTS(SELECT 1 FROM identities"
				   " WHERE account=:account AND id<>:id)"
				   " OR EXISTS(SELECT 1 FROM keys WHERE account=:account)"
				   " OR EXISTS(SELECT 1 FROM intents WHERE account=:account)"},
	[SQL_IDENTITY_CLEAR] = {"identity clear", TEXT, NULL, "DELETE FROM identities"},

	[SQL_ACCESS_KEY_INSERT] = {"access key insert", INSERT, &store_table_access_keys, ""},
	[SQL_ACCESS_KEY_UPDATE] = {"access key update", UPDATE, &store_table_access_keys,
				   " AND account=?2 AND principal_id=?3 AND created_ms=?5"
				   " AND wrapped=?6"},
	[SQL_ACCESS_KEY_DELETE] = {"access key delete", TEXT, NULL,
				   "DELETE FROM access_keys WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_SELECT] = {"access key select", SELECT, &store_table_access_keys,
				   " WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_LIST] = {"access keys of identity", SELECT, &store_table_access_keys,
				 " INDEXED BY access_keys_of_identity WHERE principal_id=:id"
				 " ORDER BY created_ms,access_key_id LIMIT :limit"},
	[SQL_ACCESS_KEY_COUNT] = {"access key count", TEXT, NULL,
				  "SELECT count(*) FROM access_keys WHERE principal_id=:id"},
	[SQL_ACCESS_KEY_IS_THERE] = {"access key is there", TEXT, NULL,
				     "SELECT count(*) FROM access_keys"
				     " WHERE access_key_id=:access_key_id"},
	[SQL_ACCESS_KEY_CLEAR] = {"access key clear", TEXT, NULL, "DELETE FROM access_keys"},

	[SQL_KEY_USE_PUT] = {"key use put", INSERT, &store_table_key_uses,
			     " ON CONFLICT DO UPDATE SET time_ms=excluded.time_ms,"
			     "service=excluded.service WHERE excluded.time_ms>=time_ms"},
	[SQL_KEY_USE_SELECT] = {"key use select", SELECT, &store_table_key_uses,
				" WHERE access_key_id=:access_key_id"},

	[SQL_SESSION_INSERT] = {"session insert", INSERT, &store_table_sessions, ""},
	[SQL_SESSION_DELETE] = {"session delete", TEXT, NULL,
				"DELETE FROM sessions WHERE access_key_id=:access_key_id"},
	[SQL_SESSION_SELECT] = {"session select", SELECT, &store_table_sessions,
				" WHERE access_key_id=:access_key_id"},
	[SQL_SESSION_PAGE] = {"session page", SELECT, &store_table_sessions,
			      " INDEXED BY sessions_of_account"
			      " WHERE account=:account AND access_key_id>:after"
			      " ORDER BY access_key_id LIMIT :limit"},
	[SQL_SESSION_OF_IDENTITY_DELETE] = {"sessions of identity delete", TEXT, NULL,
					    "DELETE FROM sessions WHERE principal_id=:id"},
	[SQL_SESSION_VIA_SERVICE_DELETE] = {"sessions via service delete", TEXT, NULL,
					    "DELETE FROM sessions WHERE via_service=:name"},
	[SQL_SESSION_SWEEP] = {"session sweep", TEXT, NULL,
			       "DELETE FROM sessions WHERE rowid IN (SELECT rowid FROM sessions"
			       " WHERE expires_ms<:now ORDER BY expires_ms LIMIT :limit)"},
	[SQL_SESSION_CLEAR] = {"session clear", TEXT, NULL, "DELETE FROM sessions"},

	[SQL_INSTALLATION_INSERT] = {"installation insert", INSERT, &store_table_installation, ""},
	[SQL_INSTALLATION_SELECT] = {"installation select", SELECT, &store_table_installation,
				     " LIMIT 2"},
	/* enum traces */
	[SQL_INSTALLATION_TRACES] = {"installation traces", TEXT, NULL,
				     "SELECT CASE WHEN EXISTS(SELECT 1 FROM manifest)"
				     " OR EXISTS(SELECT 1 FROM keys) THEN 2"
				     " ELSE EXISTS(SELECT 1 FROM identities) END"},
	[SQL_INSTALLATION_DELETE] = {"installation delete", TEXT, NULL,
				     "DELETE FROM installation WHERE id=:id OR ready=0"},

	/* An alias that was removed and made again has another time of creation. */
	[SQL_ALIAS_INSERT] = {"alias insert", INSERT, &store_table_aliases, ""},
	[SQL_ALIAS_UPDATE] = {"alias update", UPDATE, &store_table_aliases,
			      " AND revision=:was AND created_ms=:created"},
	[SQL_ALIAS_DELETE] = {"alias delete", DELETE, &store_table_aliases, ""},
	[SQL_ALIAS_SELECT] = {"alias select", SELECT, &store_table_aliases,
			      " WHERE account=:account AND region=:region AND name=:name"},
	[SQL_ALIAS_PAGE] = {"alias page", SELECT, &store_table_aliases,
			    " INDEXED BY sqlite_autoindex_aliases_1"
			    " WHERE account=:account AND region=:region AND name>:after"
			    " ORDER BY name LIMIT :limit"},
	[SQL_ALIAS_OF_KEY] = {"aliases of key", SELECT, &store_table_aliases,
			      " INDEXED BY aliases_of_key"
			      " WHERE account=:account AND region=:region AND key_id=:key_id"
			      " AND multi_region=:multi_region AND name>:after"
			      " ORDER BY name LIMIT :limit"},
	[SQL_ALIAS_COUNT] = {"alias count", TEXT, NULL,
			     "SELECT count(*) FROM aliases INDEXED BY aliases_of_key"
			     " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_ALIAS_OF_KEY_DELETE] = {"aliases of key delete", TEXT, NULL,
				     "DELETE FROM aliases" OF_KEY},

	[SQL_TAG_PUT] = {"tag put", INSERT, &store_table_tags,
			 " ON CONFLICT DO UPDATE SET \"partition\"=excluded.\"partition\","
			 "multi_region=excluded.multi_region,tag_value=excluded.tag_value,"
			 "seal=excluded.seal"},
	[SQL_TAG_DELETE] = {"tag delete", TEXT, NULL,
			    "DELETE FROM tags WHERE account=:account AND region=:region"
			    " AND key_id=:key_id AND tag_key=:tag_key"},
	[SQL_TAG_PAGE] = {"tag page", SELECT, &store_table_tags,
			  " INDEXED BY sqlite_autoindex_tags_1"
			  " WHERE account=:account AND region=:region AND key_id=:key_id"
			  " AND multi_region=:multi_region AND tag_key>:after"
			  " ORDER BY tag_key LIMIT :limit"},
	[SQL_TAG_COUNT] = {"tag count", TEXT, NULL,
			   "SELECT count(*) FROM tags"
			   " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_TAG_OF_KEY_DELETE] = {"tags of key delete", TEXT, NULL, "DELETE FROM tags" OF_KEY},

	[SQL_LAST_USE_PUT] = {"last use put", INSERT, &store_table_last_uses,
			      " ON CONFLICT DO UPDATE SET \"partition\"=excluded.\"partition\","
			      "multi_region=excluded.multi_region,operation=excluded.operation,"
			      "time_ms=excluded.time_ms,event_id=excluded.event_id,"
			      "request_id=excluded.request_id WHERE excluded.time_ms>=time_ms"},
	[SQL_LAST_USE_SELECT] = {"last use select", SELECT, &store_table_last_uses,
				 " WHERE account=:account AND region=:region"
				 " AND key_id=:key_id AND multi_region=:multi_region"},
	/* Schema 2 brought the table. */
	[SQL_LAST_USE_SINCE] = {"last use since", TEXT, NULL,
				"SELECT coalesce(min(applied_ms),0) FROM schema_info"
				" WHERE version=2"},
	[SQL_LAST_USE_DELETE] = {"last use delete", TEXT, NULL, "DELETE FROM last_uses" OF_KEY},

	[SQL_GRANT_INSERT] = {"grant insert", INSERT, &store_table_grants, ""},
	[SQL_GRANT_DELETE] = {"grant delete", DELETE, &store_table_grants, ""},
	[SQL_GRANT_SELECT] = {"grant select", SELECT, &store_table_grants,
			      " WHERE account=:account AND region=:region AND key_id=:key_id"
			      " AND grant_id=:grant_id"},
	[SQL_GRANT_FIND] = {"grant find", SELECT, &store_table_grants,
			    " INDEXED BY sqlite_autoindex_grants_2"
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND likeness=:likeness"},
	[SQL_GRANT_PAGE] = {"grant page", SELECT, &store_table_grants,
			    " INDEXED BY sqlite_autoindex_grants_1"
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND multi_region=:multi_region AND grant_id>:after"
			    " ORDER BY grant_id LIMIT :limit"},
	[SQL_GRANT_OF_GRANTEE] = {"grants of grantee", SELECT, &store_table_grants,
				  " INDEXED BY grants_of_grantee"
				  " WHERE account=:account AND region=:region AND key_id=:key_id"
				  " AND multi_region=:multi_region AND grantee=:grantee"
				  " AND grant_id>:after ORDER BY grant_id LIMIT :limit"},
	[SQL_GRANT_OF_RETIRING] = {"grants of retiring", SELECT, &store_table_grants,
				   " INDEXED BY grants_of_retiring"
				   " WHERE region=:region AND retiring=:retiring AND retiring<>''"
				   " AND (key_id,grant_id)>(:key_id,:after)"
				   " ORDER BY key_id,grant_id LIMIT :limit"},
	[SQL_GRANT_EACH] = {"grants of key", SELECT, &store_table_grants,
			    " INDEXED BY grants_of_key"
			    " WHERE account=:account AND region=:region AND key_id=:key_id"
			    " AND multi_region=:multi_region ORDER BY rowid"},
	[SQL_GRANT_COUNT_UP] = {"grant count up", TEXT, NULL,
				"INSERT INTO grant_counts(account,region,key_id,grants)"
				" VALUES(:account,:region,:key_id,1)"
				" ON CONFLICT DO UPDATE SET grants=grants+1 RETURNING grants"},
	[SQL_GRANT_COUNT_DOWN] = {"grant count down", TEXT, NULL,
				  "UPDATE grant_counts SET grants=max(grants-1,0)"
				  " WHERE account=:account AND region=:region AND key_id=:key_id"},
	[SQL_GRANT_OF_KEY_CLEAR] = {"grants of key delete", TEXT, NULL,
				    "DELETE FROM grants WHERE rowid IN"
				    " (SELECT rowid FROM grants" OF_KEY " LIMIT :limit)"},
	[SQL_GRANT_COUNT_DELETE] = {"grant count delete", TEXT, NULL,
				    "DELETE FROM grant_counts" OF_KEY},

	[SQL_CLAIM_OF_KEY_DELETE] = {"claims of key delete", TEXT, NULL,
				     "DELETE FROM claims" OF_KEY},
	[SQL_CLAIM_TAKE] = {"claim take", INSERT, &store_table_claims,
			    " ON CONFLICT DO UPDATE SET owner=excluded.owner,"
			    "lease_ms=excluded.lease_ms WHERE owner=excluded.owner"
			    " OR lease_ms<=:now OR lease_ms>:now+86400000"},
	[SQL_CLAIM_DELETE] = {"claim delete", TEXT, NULL,
			      "DELETE FROM claims WHERE key_id=:key_id AND kind=:kind"
			      " AND number=:number AND (owner=:owner OR lease_ms=0)"},
	[SQL_CLAIM_FAIL] = {"claim fail", INSERT, &store_table_claims,
			    " ON CONFLICT DO UPDATE SET owner=excluded.owner,lease_ms=0,"
			    "attempts=min(attempts+1,4294967295),retry_ms=excluded.retry_ms,"
			    "error=excluded.error WHERE owner=excluded.owner OR lease_ms=0"},
	[SQL_CLAIM_ATTEMPTS] = {"claim attempts", TEXT, NULL,
				"SELECT coalesce((SELECT attempts FROM claims"
				" WHERE key_id=:key_id AND kind=:kind AND number=:number),-1)"},
	[SQL_CLAIM_FAILURES] = {"failures", SELECT, &store_table_claims, sqlite_due_failures},

	[SQL_DUE_SCHEDULED] = {"due by schedule", TEXT, NULL, sqlite_due_scheduled},
	[SQL_DUE_MANAGED] = {"due of services", TEXT, NULL, sqlite_due_managed},
	[SQL_DUE_DEMANDED] = {"due on demand", TEXT, NULL, sqlite_due_demanded},
	[SQL_DUE_BUDGET] = {"due by budget", TEXT, NULL, sqlite_due_budget},
	[SQL_DUE_DELETION] = {"due deletions", TEXT, NULL, sqlite_due_deletion},
	[SQL_DUE_DESTROYING] = {"due destructions", TEXT, NULL, sqlite_due_destroying},
	[SQL_DUE_ENDED] = {"ended material", TEXT, NULL, sqlite_due_ended},
	[SQL_DUE_GOING] = {"going material", TEXT, NULL, sqlite_due_going},
	[SQL_DUE_COUNT_ROTATION] = {"rotations due", TEXT, NULL, sqlite_due_count_rotation},
	[SQL_DUE_COUNT_DELETION] = {"deletions due", TEXT, NULL, sqlite_due_count_deletion},
	[SQL_DUE_COUNT_EXPIRY] = {"expiries due", TEXT, NULL, sqlite_due_count_expiry},

	[SQL_CLOCK_MARK_INSERT] = {"clock mark insert", INSERT, &store_table_clock_marks, ""},
	[SQL_CLOCK_MARK_UPDATE] = {"clock mark update", UPDATE, &store_table_clock_marks,
				   " AND revision=:was"},
	[SQL_CLOCK_MARK_SELECT] = {"clock mark select", SELECT, &store_table_clock_marks,
				   " LIMIT 2"},

	[SQL_MANIFEST_INSERT] = {"manifest insert", INSERT, &store_table_manifest, ""},
	[SQL_MANIFEST_UPDATE] = {"manifest update", UPDATE, &store_table_manifest, ""},
	[SQL_MANIFEST_SELECT] = {"manifest select", SELECT, &store_table_manifest, " LIMIT 2"},
	[SQL_MANIFEST_CLEAR] = {"manifest clear", TEXT, NULL, "DELETE FROM manifest"},
	[SQL_MANIFEST_EPOCH] = {"manifest epoch", TEXT, NULL,
				"SELECT coalesce((SELECT epoch FROM manifest WHERE id=1),0)"},

	[SQL_AUDIT_HEAD_INSERT] = {"audit head insert", INSERT, &store_table_audit_heads, ""},
	[SQL_AUDIT_HEAD_UPDATE] = {"audit head update", UPDATE, &store_table_audit_heads,
				   " AND revision=:was"},
	[SQL_AUDIT_HEAD_SELECT] = {"audit head select", SELECT, &store_table_audit_heads,
				   " WHERE log=:log"},
	[SQL_AUDIT_HEAD_LIST] = {"audit heads", SELECT, &store_table_audit_heads,
				 " INDEXED BY sqlite_autoindex_audit_heads_1"
				 " ORDER BY log LIMIT :limit"},

/* In the order of store_sealed_tables, as they lie: no index is asked. */
#define WHOLE(number, name) \
	[SQL_WHOLE + (number)] = {"all of " #name, SELECT, &store_table_##name, " NOT INDEXED"}
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
	[SQL_SEALED_ROWS] = {"sealed rows", TEXT, NULL,
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

/* Each entry of the index is met: without a WHERE, SQLite would count by whichever is smallest. Of
 * one that does not have all rows, the others are counted as they lie. */
#define ROWS(id, table, text) \
	[id] = {"rows of " #table, TEXT, &store_table_##table, "SELECT count(*) FROM " #table text}
	ROWS(SQL_COUNT_KEYS, keys, " INDEXED BY sqlite_autoindex_keys_1 WHERE account>=''"),
	ROWS(SQL_COUNT_KEYS_BY_ID, keys, " INDEXED BY keys_by_id WHERE key_id>=x''"),
	ROWS(SQL_COUNT_VERSIONS, versions,
	     " INDEXED BY sqlite_autoindex_versions_2 WHERE account>=''"),
	ROWS(SQL_COUNT_INTENTS, intents, " NOT INDEXED"),
	ROWS(SQL_COUNT_OUTBOX, outbox, " NOT INDEXED"),
	ROWS(SQL_COUNT_PRINCIPALS, principals, " NOT INDEXED"),
	ROWS(SQL_COUNT_IDENTITIES, identities,
	     " INDEXED BY sqlite_autoindex_identities_3 WHERE account>=''"),
	ROWS(SQL_COUNT_IDENTITIES_BY_ID, identities,
	     " INDEXED BY sqlite_autoindex_identities_1 WHERE id>=''"),
	[SQL_COUNT_IDENTITIES_ANYWHERE] =
		{"rows of identities", TEXT, &store_table_identities,
		 "SELECT (SELECT count(*) FROM identities INDEXED BY identities_anywhere"
		 " WHERE kind IN (1,5))"
		 "+(SELECT count(*) FROM identities NOT INDEXED WHERE kind NOT IN (1,5))"},
	ROWS(SQL_COUNT_ACCESS_KEYS, access_keys,
	     " INDEXED BY access_keys_of_identity WHERE principal_id>=''"),
	ROWS(SQL_COUNT_SESSIONS, sessions, " INDEXED BY sessions_of_account WHERE account>=''"),
	ROWS(SQL_COUNT_ALIASES, aliases,
	     " INDEXED BY sqlite_autoindex_aliases_1 WHERE account>=''"),
	ROWS(SQL_COUNT_ALIASES_OF_KEY, aliases, " INDEXED BY aliases_of_key WHERE account>=''"),
	[SQL_COUNT_RETIRABLE] = {"rows of grants", TEXT, &store_table_grants,
				 "SELECT (SELECT count(*) FROM grants INDEXED BY grants_of_retiring"
				 " WHERE retiring<>'')"
				 "+(SELECT count(*) FROM grants NOT INDEXED WHERE retiring='')"},
	ROWS(SQL_COUNT_AUDIT_HEADS, audit_heads,
	     " INDEXED BY sqlite_autoindex_audit_heads_1 WHERE log>=''"),
	ROWS(SQL_COUNT_OF_KEY_TAGS, tags, " INDEXED BY sqlite_autoindex_tags_1" OF_KEY),
	ROWS(SQL_COUNT_OF_KEY_GRANTS, grants, " INDEXED BY sqlite_autoindex_grants_1" OF_KEY),
	ROWS(SQL_COUNT_OF_KEY_GRANTS_OF_GRANTEE, grants, " INDEXED BY grants_of_grantee" OF_KEY),
	ROWS(SQL_COUNT_OF_KEY_GRANTS_ALIKE, grants, " INDEXED BY sqlite_autoindex_grants_2" OF_KEY),
#undef ROWS
};

/* One that has no row of its own here needs none, or counts by itself what hangs on a key. */
const struct sqlite_statement_count sqlite_statement_counts[SQL_STATEMENT_COUNT] = {
	[SQL_KEY_PAGE] = {SQL_COUNT_KEYS, false},
	[SQL_KEY_BY_ID] = {SQL_COUNT_KEYS_BY_ID, true},
	[SQL_INTENT_LIST] = {SQL_COUNT_INTENTS, false},
	[SQL_OUTBOX_LIST] = {SQL_COUNT_OUTBOX, false},
	[SQL_PRINCIPAL_LIST] = {SQL_COUNT_PRINCIPALS, false},
	[SQL_IDENTITY_ANYWHERE] = {SQL_COUNT_IDENTITIES_ANYWHERE, true},
	[SQL_IDENTITY_BY_ID] = {SQL_COUNT_IDENTITIES_BY_ID, true},
	[SQL_IDENTITY_PAGE] = {SQL_COUNT_IDENTITIES, false},
	[SQL_IDENTITY_PAGE_ANYWHERE] = {SQL_COUNT_IDENTITIES_ANYWHERE, false},
	[SQL_ACCESS_KEY_LIST] = {SQL_COUNT_ACCESS_KEYS, false},
	[SQL_SESSION_PAGE] = {SQL_COUNT_SESSIONS, false},
	[SQL_ALIAS_PAGE] = {SQL_COUNT_ALIASES, false},
	[SQL_ALIAS_OF_KEY] = {SQL_COUNT_ALIASES_OF_KEY, false},
	[SQL_GRANT_OF_RETIRING] = {SQL_COUNT_RETIRABLE, false},
	[SQL_AUDIT_HEAD_LIST] = {SQL_COUNT_AUDIT_HEADS, false},
};

_Static_assert(SQL_STATEMENT_COUNT <= SQLITE_STATEMENTS_MAX, "every statement has its slot");
_Static_assert(SQL_COUNT_LAST - SQL_COUNT < SQLITE_COUNTS_MAX, "every count has its place");
