/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due. No row of it is verified here: who acts loads the key, and believes that alone. What
 * a writer of the file makes of the rows delays an act, as taking the file away does, and makes
 * none. But a row that is gone would be missed by nobody: a list is refused while keys or versions
 * are missing.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "store/sqlite/agenda_ports.h"

/* Each is read in its own order, as far as the list may reach. */
#define LISTS_MAX 4
#define TABLES_MAX 2
static const struct {
	enum sqlite_statement_id lists[LISTS_MAX];
	size_t list_count;
	enum sqlite_statement_id count;
	enum sqlite_statement_id tables[TABLES_MAX]; /* what it is read from; counted */
	size_t table_count;
} kinds[KMS_DUE_COUNT] = {
	[KMS_DUE_ROTATION] = {{SQL_DUE_SCHEDULED, SQL_DUE_MANAGED, SQL_DUE_DEMANDED,
			       SQL_DUE_BUDGET},
			      4,
			      SQL_DUE_COUNT_ROTATION,
			      {SQL_COUNT_KEYS, SQL_COUNT_VERSIONS},
			      2},
	[KMS_DUE_DELETION] = {{SQL_DUE_DELETION, SQL_DUE_DESTROYING},
			      2,
			      SQL_DUE_COUNT_DELETION,
			      {SQL_COUNT_KEYS},
			      1},
	[KMS_DUE_EXPIRY] =
		{{SQL_DUE_ENDED, SQL_DUE_GOING}, 2, SQL_DUE_COUNT_EXPIRY, {SQL_COUNT_VERSIONS}, 1},
};

_Static_assert(LISTS_MAX *SQLITE_PAGE_LIMIT_MAX <= STORE_BATCH_ROWS_MAX, "all lists fit");

static struct err query_check(const struct kms_due_query *query)
{
	REQUIRE(query->kind >= KMS_DUE_ROTATION && query->kind < KMS_DUE_COUNT, E_BOUNDS);
	return OK;
}

static void query_bind(struct sqlite_statement *statement, const struct kms_due_query *query,
		       enum sqlite_statement_id id)
{
	const struct kms_rotation_rules *rules = &query->rules;
	sqlite_bind_integer(statement, ":now", query->now_ms);
	sqlite_bind_integer(statement, ":kind", query->kind);
	if (id == SQL_DUE_MANAGED || id == SQL_DUE_COUNT_ROTATION)
		sqlite_bind_integer(statement, ":managed_ms", rules->managed_days * KMS_DAY_MS);
	if (id == SQL_DUE_BUDGET || id == SQL_DUE_COUNT_ROTATION)
		sqlite_bind_integer(statement, ":budget",
				    (int64_t)MIN_OF(rules->budget_force, (uint64_t)INT64_MAX));
}

/* ---- the list ---- */

static struct err list_fetch(struct sqlite_connection *reader, const struct kms_due_query *query,
			     enum sqlite_statement_id id, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	TRY(sqlite_statement_take(reader, id, &statement));
	query_bind(&statement, query, id);
	sqlite_bind_bytes(&statement, ":owner", VIEW_ARRAY(query->owner));
	sqlite_bind_integer(&statement, ":limit", (int64_t)query->limit);
	return sqlite_rows_fetch(&statement, &store_table_dues, SIZE_MAX, batch, NULL);
}

/* No rows, but how many there are of each table. */
struct tables {
	struct store_batch counts[TABLES_MAX];
};

static void tables_cleanup(struct tables *tables)
{
	for (size_t i = 0; i < TABLES_MAX; i++)
		store_batch_cleanup(&tables->counts[i]);
}

static struct err tables_verify(struct store_sqlite *store, const struct tables *tables)
{
	for (size_t i = 0; i < TABLES_MAX; i++)
		TRY(sqlite_batch_verify(store, &tables->counts[i]));
	return OK;
}

/* The lists of the kind, one behind the other; of one moment. */
static struct err lists_fetch(struct store_sqlite *store, const struct kms_due_query *query,
			      struct store_batch *batch, struct tables *tables)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	for (size_t i = 0; i < kinds[query->kind].list_count; i++)
		TRY(list_fetch(reader.connection, query, kinds[query->kind].lists[i], batch));
	for (size_t i = 0; i < kinds[query->kind].table_count; i++)
		TRY(sqlite_rows_count(reader.connection, kinds[query->kind].tables[i],
				      &tables->counts[i]));
	return OK;
}

/* What has no date, or one to come (the clock showed more when it was begun), is due since now. */
static struct err dues_decode(const struct store_batch *batch, int64_t now_ms, struct kms_due *out)
{
	for (size_t i = 0; i < batch->count; i++) {
		TRY(store_batch_decode(batch, i, &out[i]));
		if (out[i].due_ms <= 0 || out[i].due_ms > now_ms)
			out[i].due_ms = now_ms;
	}
	return OK;
}

static int by_act(const struct kms_due *a, const struct kms_due *b)
{
	int order = view_compare(VIEW_ARRAY(a->key_id.bytes), VIEW_ARRAY(b->key_id.bytes));
	if (order != 0)
		return order;
	return (a->number > b->number) - (a->number < b->number);
}

static int by_time(const void *left, const void *right)
{
	const struct kms_due *a = left;
	const struct kms_due *b = right;
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms ? -1 : 1;
	return by_act(a, b);
}

static int by_act_then_time(const void *left, const void *right)
{
	int order = by_act(left, right);
	return order != 0 ? order : by_time(left, right);
}

/* Each act once, since it was due first; answers how many. */
static size_t dues_unite(struct kms_due *dues, size_t count)
{
	size_t kept = 0;
	qsort(dues, count, sizeof *dues, by_act_then_time);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || by_act(&dues[kept - 1], &dues[i]) != 0)
			dues[kept++] = dues[i];
	qsort(dues, kept, sizeof *dues, by_time);
	return kept;
}

NODISCARD struct err sqlite_due_list(void *self, const struct kms_due_query *query,
				     struct kms_due **out, size_t *count)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	CLEANUP(mem_free_at) struct kms_due *dues = NULL;
	CLEANUP(tables_cleanup) struct tables tables;
	store_batch_init(&batch);
	for (size_t i = 0; i < TABLES_MAX; i++)
		store_batch_init(&tables.counts[i]);
	TRY(query_check(query));
	REQUIRE(query->limit > 0 && query->limit <= SQLITE_PAGE_LIMIT_MAX, E_BOUNDS);
	TRY(lists_fetch(self, query, &batch, &tables));
	TRY(tables_verify(self, &tables));
	TRY(MEM_NEW_ARRAY(batch.count, &dues));
	TRY(dues_decode(&batch, query->now_ms, dues));
	*count = MIN_OF(dues_unite(dues, batch.count), query->limit);
	*out = TAKE(dues);
	return OK;
}

/* ---- how much ---- */

static struct err count_fetch(struct store_sqlite *store, const struct kms_due_query *query,
			      struct store_batch *batch)
{
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	enum sqlite_statement_id id = kinds[query->kind].count;
	bool more = false;
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_statement_take(reader.connection, id, &statement));
	query_bind(&statement, query, id);
	return sqlite_rows_fetch(&statement, &store_table_due_counts, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_due_count(void *self, const struct kms_due_query *query,
				      struct kms_due_count *out)
{
	struct kms_due_count counted = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	TRY(query_check(query));
	TRY(count_fetch(self, query, &batch));
	ENSURE(batch.count == 1);
	TRY(store_batch_decode(&batch, 0, &counted));
	*out = counted;
	return OK;
}
