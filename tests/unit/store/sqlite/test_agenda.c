/* SPDX-License-Identifier: Apache-2.0 */
/* What is due: of which keys, since when, in which order, and at which price. */
#include "../fixture.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/sqlite/due.h"

#define OPS(f) ((f)->agenda.ops)
#define SELF(f) ((f)->agenda.self)
#define NOW_MS INT64_C(1800000000000)
#define DAY_MS INT64_C(86400000)

static const struct kms_rotation_rules rules = {
	.managed_days = 1095, .on_demand_max = 25, .budget_force = 1000};

static struct kms_due_query query_of(enum kms_due_kind kind)
{
	return (struct kms_due_query){
		.kind = kind, .now_ms = NOW_MS, .rules = rules, .owner = {1}, .limit = 1000};
}

/* What is listed, and for how long. */
struct answer {
	struct kms_due *dues; /* mem_free() */
	size_t count;
	struct kms_due_count counted;
};

static void answer_cleanup(struct answer *answer)
{
	mem_free(answer->dues);
}

static struct answer ask_query(struct fixture *f, const struct kms_due_query *query)
{
	struct answer answer = {0};
	assert_ok(OPS(f)->due_list(SELF(f), query, &answer.dues, &answer.count));
	assert_ok(OPS(f)->due_count(SELF(f), query, &answer.counted));
	return answer;
}

static struct answer ask(struct fixture *f, enum kms_due_kind kind)
{
	const struct kms_due_query query = query_of(kind);
	return ask_query(f, &query);
}

static bool is_key(const struct kms_due *due, uint32_t n)
{
	struct kms_key_id id = sample_id(n);
	return kms_key_id_equal(&due->key_id, &id);
}

static void assert_due(const struct answer *answer, size_t at, uint32_t n, int64_t due_ms)
{
	assert_true(at < answer->count);
	assert_true(is_key(&answer->dues[at], n));
	assert_int_equal(answer->dues[at].due_ms, due_ms);
	assert_string_equal(answer->dues[at].scope.account, sample_scope.account);
	assert_string_equal(answer->dues[at].scope.region, sample_scope.region);
	assert_string_equal(answer->dues[at].scope.partition, sample_scope.partition);
}

static void assert_none(struct fixture *f, enum kms_due_kind kind)
{
	CLEANUP(answer_cleanup) struct answer answer = ask(f, kind);
	assert_int_equal(answer.count, 0);
	assert_int_equal(answer.counted.due, 0);
	assert_int_equal(answer.counted.since_ms, 0);
	assert_int_equal(answer.counted.failed, 0);
}

static void make(struct fixture *f, uint32_t n, const struct kms_key *key,
		 const struct kms_version *version)
{
	struct kms_intent intent = sample_intent(n);
	struct kms_outbox_record record = sample_record(n);
	assert_ok(f->keys.ops->intent_add(f->keys.self, &intent));
	assert_ok(f->keys.ops->key_create(f->keys.self, NEW_KEY(key, version), &record));
}

static void make_key(struct fixture *f, uint32_t n, const struct kms_key *key)
{
	struct kms_version version = sample_version(n);
	make(f, n, key, &version);
}

/* Due every `days` days, for the first time at `due_ms`. */
static struct kms_key scheduled(uint32_t n, uint32_t days, int64_t due_ms)
{
	struct kms_key key = sample_key(n);
	key.rotation_enabled = true;
	key.rotation_period_days = days;
	key.rotation_from_ms = due_ms - days * DAY_MS;
	return key;
}

static struct kms_key managed(uint32_t n, int64_t from_ms)
{
	struct kms_key key = sample_key(n);
	key.manager = KMS_MANAGER_AWS;
	key.rotation_from_ms = from_ms;
	return key;
}

/* ---- rotation ---- */

static void test_nothing_is_due_of_keys_that_do_not_rotate(void **state)
{
	struct fixture *f = *state;
	assert_none(f, KMS_DUE_ROTATION);
	assert_ok(sample_create(f, 1));
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++)
		assert_none(f, kind);
}

static void test_a_scheduled_rotation_is_due_to_the_millisecond(void **state)
{
	struct fixture *f = *state;
	struct kms_key early = scheduled(1, 365, NOW_MS);
	struct kms_key late = scheduled(2, 365, NOW_MS + 1);
	make_key(f, 1, &early);
	make_key(f, 2, &late);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_ROTATION);
	assert_int_equal(answer.count, 1);
	assert_due(&answer, 0, 1, NOW_MS);
	assert_int_equal(answer.dues[0].number, 0);
	assert_int_equal(answer.dues[0].kind, KMS_DUE_ROTATION);
	assert_int_equal(answer.counted.due, 1);
	assert_int_equal(answer.counted.since_ms, NOW_MS);
}

static void test_only_enabled_keys_rotate(void **state)
{
	struct fixture *f = *state;
	struct kms_key keys[] = {scheduled(0, 90, NOW_MS - DAY_MS),
				 scheduled(1, 90, NOW_MS - DAY_MS), managed(2, 1), sample_key(3)};
	keys[0].state = KMS_STATE_DISABLED;
	keys[1].state = KMS_STATE_PENDING_DELETION;
	keys[1].deletion_ms = NOW_MS + 1;
	keys[2].state = KMS_STATE_DISABLED;
	keys[3].state = KMS_STATE_DISABLED;
	keys[3].on_demand_ms = NOW_MS - 1;
	for (uint32_t n = 0; n < ARRAY_LEN(keys); n++)
		make_key(f, n, &keys[n]);
	assert_none(f, KMS_DUE_ROTATION);
}

static void test_keys_of_services_rotate_by_themselves(void **state)
{
	struct fixture *f = *state;
	struct kms_key made = managed(1, 0);
	struct kms_key rotated = managed(2, NOW_MS - 1095 * DAY_MS);
	struct kms_key young = managed(3, NOW_MS - 1095 * DAY_MS + 1);
	struct kms_key signs = managed(4, 1);
	made.created_ms = NOW_MS - 1096 * DAY_MS;
	signs.spec = KMS_SPEC_RSA_2048;
	signs.usage = KMS_USAGE_SIGN_VERIFY;
	make_key(f, 1, &made);
	make_key(f, 2, &rotated);
	make_key(f, 3, &young);
	make_key(f, 4, &signs);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_ROTATION);
	assert_int_equal(answer.count, 2);
	assert_due(&answer, 0, 1, NOW_MS - DAY_MS);
	assert_due(&answer, 1, 2, NOW_MS);
	assert_int_equal(answer.counted.due, 2);
	assert_int_equal(answer.counted.since_ms, NOW_MS - DAY_MS);
}

static void test_what_was_demanded_is_due(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = sample_key(1);
	key.on_demand_ms = NOW_MS - 77;
	make_key(f, 1, &key);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_ROTATION);
	assert_int_equal(answer.count, 1);
	assert_due(&answer, 0, 1, NOW_MS - 77);
}

static void make_direct(struct fixture *f, uint32_t n, enum hsm_suite suite, uint64_t reserved)
{
	struct kms_key key = sample_key(n);
	struct kms_version version = sample_version(n);
	version.suite = suite;
	version.messages_reserved = reserved;
	make(f, n, &key, &version);
}

static void test_a_used_up_budget_is_due(void **state)
{
	struct fixture *f = *state;
	struct kms_due_query query = query_of(KMS_DUE_ROTATION);
	make_direct(f, 1, HSM_SUITE_DIRECT, 1000);
	make_direct(f, 2, HSM_SUITE_DIRECT, 999);
	make_direct(f, 3, HSM_SUITE_ECB_DATA, 5000);
	make_direct(f, 4, HSM_SUITE_DIRECT, 1001);
	fixture_sql(f, "UPDATE keys SET current_version=2"
		       " WHERE key_id=x'4a110000000000000000000000000004'");
	CLEANUP(answer_cleanup) struct answer answer = ask_query(f, &query);
	assert_int_equal(answer.count, 1);
	assert_due(&answer, 0, 1, NOW_MS);
	assert_int_equal(answer.counted.due, 1);
	assert_int_equal(answer.counted.since_ms, NOW_MS);
	query.rules.budget_force = 0;
	CLEANUP(answer_cleanup) struct answer without = ask_query(f, &query);
	assert_int_equal(without.count, 0);
	assert_int_equal(without.counted.due, 0);
}

static void test_a_key_is_due_once_and_since_the_first_reason(void **state)
{
	struct fixture *f = *state;
	struct kms_key key = scheduled(1, 90, NOW_MS - 5);
	struct kms_version version = sample_version(1);
	key.on_demand_ms = NOW_MS - 9;
	version.suite = HSM_SUITE_DIRECT;
	version.messages_reserved = 2000;
	make(f, 1, &key, &version);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_ROTATION);
	assert_int_equal(answer.count, 1);
	assert_due(&answer, 0, 1, NOW_MS - 9);
	assert_int_equal(answer.counted.due, 1);
	assert_int_equal(answer.counted.since_ms, NOW_MS - 9);
}

static void test_the_longest_due_come_first_whatever_the_reason(void **state)
{
	struct fixture *f = *state;
	struct kms_key keys[] = {scheduled(0, 90, NOW_MS - 10), managed(1, 0), sample_key(2),
				 scheduled(3, 400, NOW_MS - 30), scheduled(4, 90, NOW_MS - 10)};
	static const uint32_t wanted[] = {3, 1, 2, 0, 4, 5};
	keys[1].created_ms = NOW_MS - 1095 * DAY_MS - 25;
	keys[2].on_demand_ms = NOW_MS - 20;
	for (uint32_t n = 0; n < ARRAY_LEN(keys); n++)
		make_key(f, n, &keys[n]);
	make_direct(f, 5, HSM_SUITE_DIRECT, 1000);
	struct kms_due_query query = query_of(KMS_DUE_ROTATION);
	for (query.limit = 1; query.limit <= ARRAY_LEN(wanted); query.limit++) {
		CLEANUP(answer_cleanup) struct answer answer = ask_query(f, &query);
		assert_int_equal(answer.count, query.limit);
		for (size_t i = 0; i < query.limit; i++)
			assert_true(is_key(&answer.dues[i], wanted[i]));
		assert_int_equal(answer.counted.due, ARRAY_LEN(wanted));
	}
}

/* ---- deletion ---- */

static struct kms_key doomed(uint32_t n, int64_t deletion_ms)
{
	struct kms_key key = sample_key(n);
	key.state = KMS_STATE_PENDING_DELETION;
	key.deletion_ms = deletion_ms;
	return key;
}

static void test_a_deletion_is_due_when_its_window_is_over(void **state)
{
	struct fixture *f = *state;
	struct kms_key keys[] = {doomed(0, NOW_MS + 1), doomed(1, NOW_MS), doomed(2, NOW_MS - 7),
				 doomed(3, NOW_MS + DAY_MS), sample_key(4)};
	keys[2].destroying = true;
	keys[3].destroying = true; /* begun while the clock showed more */
	for (uint32_t n = 0; n < ARRAY_LEN(keys); n++)
		make_key(f, n, &keys[n]);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_DELETION);
	assert_int_equal(answer.count, 3);
	assert_due(&answer, 0, 2, NOW_MS - 7);
	assert_due(&answer, 1, 1, NOW_MS);
	assert_due(&answer, 2, 3, NOW_MS);
	assert_int_equal(answer.dues[0].kind, KMS_DUE_DELETION);
	assert_int_equal(answer.counted.due, 3);
	assert_int_equal(answer.counted.since_ms, NOW_MS - 7);
}

/* ---- expiry ---- */

static void make_imported(struct fixture *f, uint32_t n, int64_t valid_to_ms,
			  enum kms_material_state material)
{
	struct kms_key key = sample_key(n);
	struct kms_version version = sample_version(n);
	key.origin = KMS_ORIGIN_EXTERNAL;
	key.state = material == KMS_MATERIAL_PRESENT ? KMS_STATE_ENABLED : KMS_STATE_DISABLED;
	version.valid_to_ms = valid_to_ms;
	make(f, n, &key, &version);
	if (material == KMS_MATERIAL_PRESENT)
		return;
	key.state = KMS_STATE_PENDING_IMPORT;
	key.revision = 2;
	version.material = material;
	assert_ok(f->keys.ops->material_update(f->keys.self, &key, &version, NULL));
}

static void test_material_is_due_when_it_ends_or_is_going(void **state)
{
	struct fixture *f = *state;
	make_imported(f, 1, NOW_MS + 1, KMS_MATERIAL_PRESENT);
	make_imported(f, 2, NOW_MS, KMS_MATERIAL_PRESENT);
	make_imported(f, 3, NOW_MS - 9, KMS_MATERIAL_GOING);
	make_imported(f, 4, NOW_MS - 9, KMS_MATERIAL_GONE);
	make_imported(f, 5, 0, KMS_MATERIAL_PRESENT);
	make_imported(f, 6, 0, KMS_MATERIAL_GOING);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_EXPIRY);
	assert_int_equal(answer.count, 3);
	assert_due(&answer, 0, 3, NOW_MS - 9);
	assert_due(&answer, 1, 2, NOW_MS);
	assert_due(&answer, 2, 6, NOW_MS);
	assert_int_equal(answer.dues[0].number, 1);
	assert_int_equal(answer.dues[0].kind, KMS_DUE_EXPIRY);
	assert_int_equal(answer.counted.due, 3);
	assert_int_equal(answer.counted.since_ms, NOW_MS - 9);
}

/* ---- claims ---- */

static struct kms_claim claim_by(uint8_t who, const struct kms_due *due)
{
	return (struct kms_claim){.kind = due->kind,
				  .scope = due->scope,
				  .key_id = due->key_id,
				  .number = due->number,
				  .owner = {who},
				  .lease_ms = NOW_MS + 60000};
}

static size_t listed(struct fixture *f, enum kms_due_kind kind, int64_t now_ms)
{
	struct kms_due_query query = query_of(kind);
	query.now_ms = now_ms;
	CLEANUP(answer_cleanup) struct answer answer = ask_query(f, &query);
	assert_int_equal(answer.counted.due, 1); /* claimed or not */
	return answer.count;
}

/* One act of each kind. */
static struct kms_due one_of(struct fixture *f, enum kms_due_kind kind)
{
	struct kms_key rotates = scheduled(1, 90, NOW_MS);
	struct kms_key goes = doomed(2, NOW_MS);
	if (kind == KMS_DUE_ROTATION)
		make_key(f, 1, &rotates);
	else if (kind == KMS_DUE_DELETION)
		make_key(f, 2, &goes);
	else
		make_imported(f, 3, NOW_MS, KMS_MATERIAL_PRESENT);
	CLEANUP(answer_cleanup) struct answer answer = ask(f, kind);
	assert_int_equal(answer.count, 1);
	return answer.dues[0];
}

static void test_what_another_is_at_is_left_out_while_his_lease_runs(void **state)
{
	struct fixture *f = *state;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		struct kms_due due = one_of(f, kind);
		struct kms_claim other = claim_by(2, &due);
		assert_ok(OPS(f)->claim_take(SELF(f), &other, NOW_MS));
		assert_int_equal(listed(f, kind, NOW_MS), 0);
		assert_int_equal(listed(f, kind, other.lease_ms - 1), 0);
		assert_int_equal(listed(f, kind, other.lease_ms), 1);
	}
}

static void test_what_this_process_is_at_is_listed(void **state)
{
	struct fixture *f = *state;
	struct kms_due due = one_of(f, KMS_DUE_DELETION);
	struct kms_claim mine = claim_by(1, &due);
	assert_ok(OPS(f)->claim_take(SELF(f), &mine, NOW_MS));
	assert_int_equal(listed(f, KMS_DUE_DELETION, NOW_MS), 1);
}

static void test_what_failed_waits_for_its_next_attempt(void **state)
{
	struct fixture *f = *state;
	for (enum kms_due_kind kind = KMS_DUE_ROTATION; kind < KMS_DUE_COUNT; kind++) {
		struct kms_due due = one_of(f, kind);
		struct kms_claim mine = claim_by(1, &due);
		assert_ok(OPS(f)->claim_take(SELF(f), &mine, NOW_MS));
		assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + 5000, "E_HSM"));
		assert_int_equal(listed(f, kind, NOW_MS), 0);
		assert_int_equal(listed(f, kind, NOW_MS + 4999), 0);
		assert_int_equal(listed(f, kind, NOW_MS + 5000), 1);
		CLEANUP(answer_cleanup) struct answer answer = ask(f, kind);
		assert_int_equal(answer.counted.failed, 1);
	}
}

/* What was noted while the clock showed next year does not wait for it. */
static void test_a_wait_of_a_wrong_clock_holds_nothing(void **state)
{
	struct fixture *f = *state;
	struct kms_due due = one_of(f, KMS_DUE_ROTATION);
	struct kms_claim mine = claim_by(1, &due);
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + KMS_CLAIM_MAX_MS, "E_HSM"));
	assert_int_equal(listed(f, KMS_DUE_ROTATION, NOW_MS), 0);
	assert_ok(OPS(f)->claim_fail(SELF(f), &mine, NOW_MS + 365 * DAY_MS, "E_HSM"));
	assert_int_equal(listed(f, KMS_DUE_ROTATION, NOW_MS), 1);
}

static void test_questions_have_bounds(void **state)
{
	struct fixture *f = *state;
	struct kms_due_query query = query_of(KMS_DUE_ROTATION);
	struct kms_due_count counted;
	struct kms_due *dues = NULL;
	size_t count = 0;
	query.limit = 0;
	assert_err(OPS(f)->due_list(SELF(f), &query, &dues, &count), E_BOUNDS);
	query.limit = 1001;
	assert_err(OPS(f)->due_list(SELF(f), &query, &dues, &count), E_BOUNDS);
	query = query_of(KMS_DUE_COUNT);
	assert_err(OPS(f)->due_list(SELF(f), &query, &dues, &count), E_BOUNDS);
	assert_err(OPS(f)->due_count(SELF(f), &query, &counted), E_BOUNDS);
}

/* Rows are not verified here; what could never have been written is told and passed over, and keeps
 * no other act from being listed. */
static void test_damaged_rows_are_passed_over(void **state)
{
	struct fixture *f = *state;
	struct kms_key damaged = scheduled(1, 90, NOW_MS - 1);
	struct kms_key key = scheduled(2, 90, NOW_MS);
	make_key(f, 1, &damaged);
	make_key(f, 2, &key);
	fixture_sql(f, "PRAGMA foreign_keys=OFF;UPDATE keys SET key_id=x'4a11'"
		       " WHERE rotation_from_ms=(SELECT min(rotation_from_ms) FROM keys)");
	CLEANUP(answer_cleanup) struct answer answer = ask(f, KMS_DUE_ROTATION);
	assert_int_equal(answer.count, 1);
	assert_due(&answer, 0, 2, NOW_MS);
	assert_int_equal(answer.counted.due, 2);
}

/* ---- the price ---- */

#define KEYS 30000
#define KEYS_DUE 3000

/* Rows that nobody verifies: KEYS keys, of which KEYS_DUE are due by their schedule. */
static void fill(struct fixture *f)
{
	static char sql[2048];
	assert_ok(text_format(
		sql, sizeof sql,
		"PRAGMA synchronous=OFF;WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1"
		" FROM n WHERE i<%d) INSERT INTO keys(account,region,key_id,\"partition\","
		"multi_region,state,usage,spec,origin,manager,created_ms,deletion_ms,"
		"current_version,revision,description,policy,rotation_enabled,"
		"rotation_period_days,rotation_from_ms,seal) SELECT '123456789012','eu-test-1',"
		"CAST(printf('%%016d',i*7919%%%d) AS BLOB),'aws',0,2,1,1,1,1,1,0,1,1,'',"
		"printf('%%300d',i),1,365,CASE WHEN i<%d THEN %lld-i%%1000 ELSE %lld+i END,"
		"zeroblob(32) FROM n",
		KEYS - 1, KEYS, KEYS_DUE, (long long)(NOW_MS - 365 * DAY_MS),
		(long long)(NOW_MS - 364 * DAY_MS)));
	fixture_sql(f, sql);
}

/* What a question does, in a connection of its own. */
struct price {
	int full_scan_steps, sorts, steps;
};

static struct price price_of(struct fixture *f, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	static const struct {
		const char *name;
		int64_t value;
	} values[] = {{":now", NOW_MS},
		      {":kind", KMS_DUE_ROTATION},
		      {":limit", 100},
		      {":managed_ms", 1095 * DAY_MS},
		      {":budget", 1000}};
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		int at = sqlite3_bind_parameter_index(statement, values[i].name);
		if (at > 0)
			assert_int_equal(sqlite3_bind_int64(statement, at, values[i].value),
					 SQLITE_OK);
	}
	while (sqlite3_step(statement) == SQLITE_ROW)
		;
	struct price price = {
		sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0),
		sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 0),
		sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0),
	};
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return price;
}

static void assert_first_hundred(struct fixture *f)
{
	struct kms_due_query query = query_of(KMS_DUE_ROTATION);
	query.limit = 100;
	CLEANUP(answer_cleanup) struct answer first = ask_query(f, &query);
	assert_int_equal(first.count, 100);
	assert_int_equal(first.counted.due, KEYS_DUE);
	assert_int_equal(first.counted.since_ms, NOW_MS - 999);
	for (size_t i = 1; i < first.count; i++)
		assert_true(first.dues[i - 1].due_ms <= first.dues[i].due_ms);
}

/* Every list is an index, read from its beginning, and looks at nothing that it does not tell. */
static void test_a_list_costs_what_it_tells(void **state)
{
	struct fixture *f = *state;
	static const char *const lists[] = {
		sqlite_due_scheduled,  sqlite_due_managed, sqlite_due_demanded, sqlite_due_deletion,
		sqlite_due_destroying, sqlite_due_ended,   sqlite_due_going,    sqlite_due_budget};
	fill(f);
	assert_first_hundred(f);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct price price = price_of(f, lists[i]);
		assert_int_equal(price.full_scan_steps, 0);
		assert_int_equal(price.sorts, lists[i] == sqlite_due_budget);
		assert_true(price.steps < 100 * 60);
	}
}

/* The plan, line by line: nothing is scanned that an index does not have. */
static void assert_indexed(struct fixture *f, const char *sql)
{
	static char explain[4096];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	assert_ok(text_format(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &statement, NULL), SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(statement, 3);
		bool of_table = strncmp(line, "SCAN k", 6) == 0 ||
				strncmp(line, "SCAN v", 6) == 0 || strncmp(line, "SCAN c", 6) == 0;
		if (of_table && strstr(line, "INDEX") == NULL)
			fail_msg("%s\n%s", line, sql);
	}
	(void)sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_every_question_is_answered_by_indexes(void **state)
{
	struct fixture *f = *state;
	static char failures[2048];
	static const char *const questions[] = {
		sqlite_due_scheduled,      sqlite_due_managed,      sqlite_due_demanded,
		sqlite_due_budget,         sqlite_due_deletion,     sqlite_due_destroying,
		sqlite_due_ended,          sqlite_due_going,        sqlite_due_count_rotation,
		sqlite_due_count_deletion, sqlite_due_count_expiry, failures};
	assert_ok(text_format(failures, sizeof failures, "SELECT key_id FROM claims%s",
			      sqlite_due_failures));
	for (size_t i = 0; i < ARRAY_LEN(questions); i++)
		assert_indexed(f, questions[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_due_of_keys_that_do_not_rotate),
		TEST(test_a_scheduled_rotation_is_due_to_the_millisecond),
		TEST(test_only_enabled_keys_rotate),
		TEST(test_keys_of_services_rotate_by_themselves),
		TEST(test_what_was_demanded_is_due),
		TEST(test_a_used_up_budget_is_due),
		TEST(test_a_key_is_due_once_and_since_the_first_reason),
		TEST(test_the_longest_due_come_first_whatever_the_reason),
		TEST(test_a_deletion_is_due_when_its_window_is_over),
		TEST(test_material_is_due_when_it_ends_or_is_going),
		TEST(test_what_another_is_at_is_left_out_while_his_lease_runs),
		TEST(test_what_this_process_is_at_is_listed),
		TEST(test_what_failed_waits_for_its_next_attempt),
		TEST(test_a_wait_of_a_wrong_clock_holds_nothing),
		TEST(test_questions_have_bounds),
		TEST(test_damaged_rows_are_passed_over),
		TEST(test_a_list_costs_what_it_tells),
		TEST(test_every_question_is_answered_by_indexes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
