/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and expressions are those of the indexes in migration.c, to the letter: SQLite takes
 * an index for nothing else, and INDEXED BY refuses the statement when it cannot. */
#include "store/sqlite/due.h"

#define LISTED(alias, number, due)                                                        \
	"SELECT " alias ".key_id AS key_id," number " AS number," alias ".account," alias \
	".region," alias ".\"partition\"," alias ".multi_region,:kind," due " AS due"

/* A lease or a wait that ends more than a day ahead is nobody's: the clock was wrong when it was
 * written. KMS_CLAIM_MAX_MS. */
#define HOLDS(time) "(" time ">:now AND " time "<=:now+86400000)"
#define FREE(alias, number)                                               \
	" AND NOT EXISTS(SELECT 1 FROM claims AS c WHERE c.key_id=" alias \
	".key_id AND c.kind=:kind AND c.number=" number                   \
	" AND (" HOLDS("c.retry_ms") " OR (" HOLDS("c.lease_ms") " AND c.owner<>:owner)))"

#define IN_ORDER(expression) " ORDER BY " expression ",k.key_id LIMIT :limit"

#define ROTATES "k.state=2 AND k.spec=1 AND k.origin=1"

#define SCHEDULED_TIME "k.rotation_from_ms+k.rotation_period_days*86400000"
#define SCHEDULED_IF "k.manager=1 AND k.rotation_enabled=1 AND " SCHEDULED_TIME "<=:now"
#define SCHEDULED " FROM keys AS k INDEXED BY keys_by_rotation WHERE " ROTATES " AND " SCHEDULED_IF

#define MANAGED_FROM "CASE k.rotation_from_ms WHEN 0 THEN k.created_ms ELSE k.rotation_from_ms END"
#define MANAGED_TIME "(" MANAGED_FROM ")+:managed_ms"
#define MANAGED_IF "k.manager=2 AND " MANAGED_FROM "<=:now-:managed_ms"
#define MANAGED \
	" FROM keys AS k INDEXED BY keys_by_rotation_managed WHERE " ROTATES " AND " MANAGED_IF

#define DEMANDED_IF "k.on_demand_ms>0"
#define DEMANDED " FROM keys AS k INDEXED BY keys_by_demand WHERE k.state=2 AND " DEMANDED_IF

/* The versions first: few are so far. */
#define BUDGET_IF "v.suite=3 AND v.messages_reserved>=:budget AND :budget>0"
#define BUDGET                                                              \
	" FROM versions AS v INDEXED BY versions_by_budget CROSS JOIN keys" \
	" AS k INDEXED BY keys_by_id WHERE " BUDGET_IF                      \
	" AND k.key_id=v.key_id AND k.current_version=v.number AND " ROTATES

const char sqlite_due_scheduled[] =
	LISTED("k", "0", SCHEDULED_TIME) SCHEDULED FREE("k", "0") IN_ORDER(SCHEDULED_TIME);
const char sqlite_due_managed[] =
	LISTED("k", "0", MANAGED_TIME) MANAGED FREE("k", "0") IN_ORDER(MANAGED_FROM);
const char sqlite_due_demanded[] =
	LISTED("k", "0", "k.on_demand_ms") DEMANDED FREE("k", "0") IN_ORDER("k.on_demand_ms");
const char sqlite_due_budget[] =
	LISTED("k", "0", ":now") BUDGET FREE("k", "0") " ORDER BY k.key_id LIMIT :limit";

#define DELETION                                                      \
	" FROM keys AS k INDEXED BY keys_by_deletion WHERE k.state=4" \
	" AND k.deletion_ms<=:now"
/* Begun by a clock that showed more. */
#define DESTROYING                                                   \
	" FROM keys AS k INDEXED BY keys_destroying WHERE k.state=4" \
	" AND k.destroying=1 AND k.deletion_ms>:now"

const char sqlite_due_deletion[] =
	LISTED("k", "0", "k.deletion_ms") DELETION FREE("k", "0") IN_ORDER("k.deletion_ms");
const char sqlite_due_destroying[] =
	LISTED("k", "0", "k.deletion_ms") DESTROYING FREE("k", "0") IN_ORDER("k.deletion_ms");

#define ENDED                                                               \
	" FROM versions AS k INDEXED BY versions_by_end WHERE k.material=0" \
	" AND k.valid_to_ms>0 AND k.valid_to_ms<=:now"
#define GOING " FROM versions AS k INDEXED BY versions_going WHERE k.material=1"

const char sqlite_due_ended[] = LISTED("k", "k.number", "k.valid_to_ms")
	ENDED FREE("k", "k.number") " ORDER BY k.valid_to_ms,k.key_id,k.number LIMIT :limit";
const char sqlite_due_going[] = LISTED("k", "k.number", "k.valid_to_ms")
	GOING FREE("k", "k.number") " ORDER BY k.valid_to_ms,k.key_id,k.number LIMIT :limit";

/* ---- how much ---- */

/* Since when: rows of `due`. What has no date, or one to come, is due since now. */
#define COUNTED(count, dues, failed)                                                      \
	"SELECT " count ",(SELECT coalesce(min(CASE WHEN due BETWEEN 1 AND :now THEN due" \
	" ELSE :now END),0) FROM (" dues "))," failed
#define HOW_MANY(from) "(SELECT count(*)" from ")"
#define FIRST(due, from, order) \
	"SELECT * FROM (SELECT " due " AS due" from " ORDER BY " order " LIMIT 1)"
/* Failures are few: they are asked whether they are due, not the other way round. */
#define FAILED(from)                                                                    \
	"(SELECT count(*) FROM claims AS c INDEXED BY claims_failed WHERE c.attempts>0" \
	" AND c.kind=:kind AND EXISTS(SELECT 1" from "))"
#define KEY_OF_CLAIM " FROM keys AS k WHERE k.key_id=c.key_id AND "
#define VERSION_OF_CLAIM                                                      \
	" FROM versions AS k WHERE k.account=c.account AND k.region=c.region" \
	" AND k.key_id=c.key_id AND k.number=c.number AND "
#define CURRENT_VERSION                                                       \
	" FROM versions AS v WHERE v.account=k.account AND v.region=k.region" \
	" AND v.key_id=k.key_id AND v.number=k.current_version AND "

/* Each key is counted with its first reason only. */
const char sqlite_due_count_rotation[] = COUNTED(
	HOW_MANY(SCHEDULED) "+" HOW_MANY(MANAGED) "+" HOW_MANY(
		DEMANDED " AND NOT(" ROTATES " AND (" SCHEDULED_IF " OR " MANAGED_IF
			 "))") "+" HOW_MANY(BUDGET " AND NOT(" SCHEDULED_IF " OR " MANAGED_IF
						   " OR " DEMANDED_IF ")"),
	FIRST(SCHEDULED_TIME, SCHEDULED, SCHEDULED_TIME) " UNION ALL " FIRST(
		MANAGED_TIME, MANAGED,
		MANAGED_FROM) " UNION ALL " FIRST("k.on_demand_ms", DEMANDED,
						  "k.on_demand_ms") " UNION ALL SELECT * FROM "
								    "(SELECT :now AS due" BUDGET
								    " LIMIT 1)",
	FAILED(KEY_OF_CLAIM "k.state=2 AND (" DEMANDED_IF " OR (" ROTATES " AND (" SCHEDULED_IF
			    " OR " MANAGED_IF " OR EXISTS(SELECT 1" CURRENT_VERSION BUDGET_IF
			    "))))"));

const char sqlite_due_count_deletion[] =
	COUNTED(HOW_MANY(DELETION) "+" HOW_MANY(DESTROYING),
		FIRST("k.deletion_ms", DELETION, "k.deletion_ms") " UNION ALL " FIRST(
			"k.deletion_ms", DESTROYING, "k.deletion_ms"),
		FAILED(KEY_OF_CLAIM "k.state=4 AND (k.deletion_ms<=:now OR k.destroying=1)"));

/* Those that are going may have no date: all of them are looked at. */
const char sqlite_due_count_expiry[] =
	COUNTED(HOW_MANY(ENDED) "+" HOW_MANY(GOING),
		FIRST("k.valid_to_ms", ENDED,
		      "k.valid_to_ms") " UNION ALL SELECT k.valid_to_ms AS due" GOING,
		FAILED(VERSION_OF_CLAIM "(k.material=1 OR (k.material=0 AND k.valid_to_ms>0"
					" AND k.valid_to_ms<=:now))"));

/* ---- what failed ---- */

/* A claim stays when its act is called off (DisableKeyRotation, CancelKeyDeletion, ...). */
const char sqlite_due_failures[] =
	" AS c INDEXED BY claims_failed WHERE c.attempts>0 AND CASE c.kind WHEN 1 THEN"
	" EXISTS(SELECT 1" KEY_OF_CLAIM
	"k.state=2 AND (k.rotation_enabled=1 OR k.manager=2 OR " DEMANDED_IF
	" OR EXISTS(SELECT 1" CURRENT_VERSION "v.suite=3)))"
	" WHEN 2 THEN EXISTS(SELECT 1" KEY_OF_CLAIM "k.state=4)"
	" ELSE EXISTS(SELECT 1" VERSION_OF_CLAIM
	"(k.material=1 OR (k.material=0 AND k.valid_to_ms>0))) END"
	" ORDER BY c.retry_ms,c.key_id,c.kind,c.number LIMIT :limit";
