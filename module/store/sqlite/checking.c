/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/checking.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "store/sqlite/ports.h"
#include "store/sqlite/scan.h"

#define TELL_EVERY_MS 60000 /* of rows that are missing, while they are as many */

NODISCARD struct err sqlite_checking_init(struct sqlite_checking *checking)
{
	(void)pthread_mutex_init(&checking->lock, NULL);
	return store_expectation_init(&checking->expectation);
}

NODISCARD struct err sqlite_checking_open(struct sqlite_checking *checking, const char *path,
					  uint32_t busy_timeout_ms)
{
	TRY(sqlite_connection_open(path, busy_timeout_ms, &checking->looker));
	return sqlite_connection_prepare(checking->looker, SQLITE_ROLE_READER);
}

void sqlite_checking_cleanup(struct sqlite_checking *checking)
{
	sqlite_connection_close(&checking->looker);
	store_expectation_cleanup(&checking->expectation);
	(void)pthread_mutex_destroy(&checking->lock);
}

static void committed_raise(struct sqlite_checking *checking, uint64_t epoch)
{
	if (epoch > atomic_load(&checking->committed))
		atomic_store(&checking->committed, epoch);
}

/* ---- others have committed ---- */

static struct err row_note(void *user, const struct sqlite_scanned *row)
{
	struct store_expectation *made = user;
	if (!row->sealed)
		return OK;
	/* Two in one place: a table that lost its primary key. Taken out, the one would take the
	 * other with it, and nobody would miss the row. */
	REQUIRE(store_places_get(&made->rows, row->imprint.place) == NULL, E_STORE_MANIFEST);
	TRY(store_tally_add(&made->tally, &row->imprint, &row->name));
	return store_expectation_note(made, &row->imprint);
}

/* What has no seal to speak of, or one of another row, is corrected by the manifest. */
static struct err made_correct(struct store_expectation *made, const struct store_tally *wanted)
{
	struct store_difference d;
	TRY(store_tally_compare(wanted, &made->tally, &d));
	REQUIRE(d.named, E_STORE_MANIFEST);
	for (size_t i = 0; i < d.extra_count; i++)
		store_expectation_drop(made, &d.extra[i]);
	for (size_t i = 0; i < d.missing_count; i++)
		TRY(store_expectation_note(made, &d.missing[i]));
	return OK;
}

static void expectation_replace(struct store_expectation *with, const struct sqlite_manifest_row *m,
				struct store_expectation *e)
{
	struct store_expectation old = *e;
	*e = *with;
	*with = old;
	e->lost = false;
	store_expectation_begin(e, m->epoch, &m->tally);
}

/* All rows as the connection's transaction sees them. */
static struct err look_at_all(struct store_sqlite *store, struct sqlite_connection *connection,
			      const struct sqlite_manifest_row *manifest)
{
	struct store_expectation *e = &store->checking.expectation;
	CLEANUP(store_expectation_cleanup) struct store_expectation made = {0};
	const struct sqlite_scan scan = {connection, NULL, row_note, &made};
	TRY(store_expectation_init(&made));
	struct err result = sqlite_scan_run(&scan);
	if (!err_failed(result))
		result = made_correct(&made, &manifest->tally);
	if (err_failed(result)) {
		log_event(LOG_ERROR, "store.manifest_refused",
			  LOG_TEXT("why",
				   "too many rows are not those that it has, or cannot be read"),
			  LOG_NUMBER("epoch", (int64_t)manifest->epoch), LOG_ERR(result));
		return result;
	}
	expectation_replace(&made, manifest, e);
	return OK;
}

static struct err look_in_transaction(struct store_sqlite *store)
{
	struct sqlite_connection *looker = store->checking.looker;
	const struct kms_mark seen = sqlite_mark_seen(&store->manifest);
	struct sqlite_manifest_row manifest;
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_read(looker, &transaction));
	TRY(sqlite_manifest_read(looker, &store->sealer, &manifest));
	TRY(sqlite_mark_expect(seen, sqlite_mark_of(&manifest)));
	return look_at_all(store, looker, &manifest);
}

/* By the difference of two manifests, as a rule: the rows themselves are not looked at. */
static struct err look(struct store_sqlite *store)
{
	struct store_expectation *e = &store->checking.expectation;
	const struct kms_mark seen = sqlite_mark_seen(&store->manifest);
	struct sqlite_manifest_row manifest;
	struct err result = sqlite_manifest_read(store->checking.looker, &store->sealer, &manifest);
	REQUIRE(!err_is(result, E_NOT_FOUND), E_STORE_MANIFEST);
	TRY(result);
	TRY(sqlite_mark_expect(seen, sqlite_mark_of(&manifest)));
	result = store_expectation_adopt(e, manifest.epoch, &manifest.tally);
	if (err_is(result, E_STORE_CONFLICT))
		result = look_in_transaction(store);
	TRY(result);
	sqlite_mark_note(&store->manifest, sqlite_mark_of(&manifest));
	committed_raise(&store->checking, e->epoch);
	return OK;
}

/* ---- readers ---- */

/* How a batch is judged. */
struct judging {
	bool expects;                        /* there is something to expect */
	struct sqlite_manifest_row manifest; /* that was read with it; epoch 0: none */
	struct store_difference difference;  /* of that one and what is expected now */
	struct store_moment moment;
};

static struct err age_check(const struct store_batch *batch)
{
	struct err refused = ERR(E_STORE_ROLLED_BACK);
	if (batch->epoch >= batch->since)
		return OK;
	log_event(LOG_ERROR, "store.manifest_refused",
		  LOG_TEXT("why", "the store is older than it was a moment ago"),
		  LOG_NUMBER("epoch", (int64_t)batch->epoch),
		  LOG_NUMBER("seen", (int64_t)batch->since), LOG_ERR(refused));
	return refused;
}

static struct err manifest_take(struct store_sqlite *store, const struct store_batch *batch,
				struct judging *j)
{
	*j = (struct judging){.moment = {.epoch = batch->epoch}};
	TRY(age_check(batch));
	if (batch->manifest == NULL)
		return OK;
	struct err e = sqlite_manifest_take(batch->manifest, &store->sealer, &j->manifest);
	REQUIRE(!err_is(e, E_NOT_FOUND), E_STORE_MANIFEST);
	TRY(e);
	REQUIRE(j->manifest.epoch == batch->epoch, E_STORE_MANIFEST);
	return OK;
}

/* Before the lock is taken: the token is asked here. */
static struct err judging_prepare(struct store_sqlite *store, const struct store_batch *batch,
				  struct judging *j)
{
	return sqlite_manifest_noted(&store->manifest, manifest_take(store, batch, j));
}

/* What is expected goes on to the manifest that the batch was read with, or to the newest. */
static struct err follow(struct store_sqlite *store, const struct judging *j)
{
	struct store_expectation *e = &store->checking.expectation;
	const struct kms_mark mark = sqlite_mark_of(&j->manifest);
	const struct kms_mark seen = sqlite_mark_seen(&store->manifest);
	if (mark.epoch == 0 || e->lost)
		return look(store);
	/* Another thread may have seen a later one meanwhile. */
	if (seen.epoch == mark.epoch)
		TRY(sqlite_mark_expect(seen, mark));
	struct err result = store_expectation_adopt(e, mark.epoch, &j->manifest.tally);
	if (err_is(result, E_STORE_CONFLICT))
		return look(store);
	TRY(result);
	sqlite_mark_note(&store->manifest, mark);
	committed_raise(&store->checking, e->epoch);
	return OK;
}

static struct err keep_up(struct store_sqlite *store, const struct store_batch *batch,
			  struct judging *j)
{
	struct store_expectation *e = &store->checking.expectation;
	j->expects = e->active && batch->since > 0;
	if (!j->expects)
		return OK;
	if (batch->epoch > e->epoch || e->lost)
		TRY(follow(store, j));
	REQUIRE(batch->epoch <= e->epoch, E_STORE_MANIFEST);
	if (j->manifest.epoch == 0 || batch->epoch == e->epoch)
		return OK;
	TRY(store_tally_compare(&j->manifest.tally, &e->tally, &j->difference));
	REQUIRE(j->difference.named, E_STORE_BUSY);
	j->moment.difference = &j->difference;
	return OK;
}

/* Under the lock: what is expected is at least as new as what the batch has read. */
static struct err judge_begin(struct store_sqlite *store, const struct store_batch *batch,
			      struct judging *j)
{
	return sqlite_manifest_noted(&store->manifest, keep_up(store, batch, j));
}

/* No row can be there twice in a table that is whole. */
static struct err once_only(struct store_places *met, const struct store_imprint *row)
{
	REQUIRE(store_places_get(met, row->place) == NULL, E_STORE_SEAL);
	return store_places_put(met, row->place, row->seal);
}

struct row_judging {
	const struct store_expectation *expectation;
	const struct store_moment *moment;
	struct store_places met;
};

static void row_judging_cleanup(struct row_judging *judging)
{
	store_places_cleanup(&judging->met);
}

static struct err row_judge(struct row_judging *judging, const struct store_batch *batch, size_t at)
{
	const struct store_batch_row *row = &batch->rows[at];
	struct store_value values[STORE_COLUMNS_MAX];
	struct store_imprint imprint;
	TRY(store_row_values(row->table, store_batch_row(batch, at), values));
	TRY(store_imprint_make(store_sealed_number(row->table), values, VIEW_ARRAY(row->seal),
			       &imprint));
	struct err result = once_only(&judging->met, &imprint);
	if (!err_failed(result))
		result = store_expectation_row(judging->expectation, judging->moment, &imprint);
	if (!err_is(result, E_STORE_SEAL))
		return result;
	return store_row_refuse(row->table, values, "it is not the one that the manifest has");
}

static void missing_tell(struct store_sqlite *store, const struct store_batch *batch,
			 uint64_t count, struct err refused)
{
	const struct store_table *table = batch->counted;
	struct sqlite_missing *told = &store->checking.missing[store_sealed_number(table)];
	int64_t now_ms = clock_steady_ms(store->clock);
	if (!batch->grouped && told->rows == count && now_ms - told->told_ms < TELL_EVERY_MS)
		return;
	if (!batch->grouped)
		*told = (struct sqlite_missing){count, now_ms};
	log_event(LOG_ERROR, "store.rows_missing", LOG_TEXT("table", table->name),
		  LOG_NUMBER("rows", (int64_t)count),
		  LOG_TEXT("what", "the manifest has so many rows more than were found"),
		  LOG_TEXT("action", "holdfast store verify names them"), LOG_ERR(refused));
}

/* Under the lock. Rows that are there besides, and refused when they are read, do no harm here. */
static struct err count_judge(struct store_sqlite *store, const struct store_batch *batch,
			      const struct store_moment *at)
{
	const struct store_counted of = {.table = store_sealed_number(batch->counted),
					 .group = batch->grouped ? batch->group : NULL};
	struct err refused = ERR(E_STORE_SEAL);
	uint64_t expected = 0;
	TRY(store_expectation_count(&store->checking.expectation, at, &of, &expected));
	if (batch->there < expected) {
		metric_add(METRIC_ROWS_REFUSED, 0, 0, 1);
		missing_tell(store, batch, expected - batch->there, refused);
		return refused;
	}
	if (!batch->grouped)
		store->checking.missing[of.table].rows = 0;
	return OK;
}

static struct err rows_judge(struct store_sqlite *store, const struct store_batch *batch)
{
	struct judging j;
	CLEANUP(row_judging_cleanup)
	struct row_judging rows = {&store->checking.expectation, &j.moment, {0}};
	TRY(judging_prepare(store, batch, &j));
	LOCK_SCOPE(&store->checking.lock);
	TRY(judge_begin(store, batch, &j));
	if (!j.expects)
		return OK;
	TRY(store_places_init(&rows.met));
	struct err result = OK;
	for (size_t i = 0; i < batch->count; i++) {
		struct err e = row_judge(&rows, batch, i);
		if (err_failed(e))
			result = e; /* the log names every one */
	}
	return err_failed(result) || batch->counted == NULL ? result
							    : count_judge(store, batch, &j.moment);
}

NODISCARD struct err sqlite_batch_verify(struct store_sqlite *store,
					 const struct store_batch *batch)
{
	TRY(store_batch_verify(batch, &store->sealer));
	return rows_judge(store, batch);
}

NODISCARD struct err sqlite_batch_missing(struct store_sqlite *store,
					  const struct store_batch *batch,
					  const struct store_table *table,
					  const struct store_value *key)
{
	uint8_t place[STORE_PLACE_LEN];
	struct judging j;
	TRY(store_place_make(table, table->key_count, key, place));
	TRY(judging_prepare(store, batch, &j));
	LOCK_SCOPE(&store->checking.lock);
	TRY(judge_begin(store, batch, &j));
	REQUIRE(j.expects, E_NOT_FOUND);
	struct err result = store_expectation_none(&store->checking.expectation, &j.moment, place);
	if (err_is(result, E_STORE_SEAL))
		return store_row_refuse(table, key, "it is missing");
	TRY(result);
	return ERR(E_NOT_FOUND);
}

static struct err group_refuse(const struct store_table *table, const struct store_value *key)
{
	/* Named by the part of the key that the group shares. */
	struct store_table group = *table;
	group.key_count = STORE_GROUP_COLUMNS;
	return store_row_refuse(&group, key, "some of these rows are missing");
}

NODISCARD struct err sqlite_batch_complete(struct store_sqlite *store,
					   const struct store_batch *batch,
					   const struct store_table *table,
					   const struct store_value *key, size_t count)
{
	uint8_t group[STORE_PLACE_LEN];
	struct judging j;
	TRY(store_place_make(table, STORE_GROUP_COLUMNS, key, group));
	TRY(judging_prepare(store, batch, &j));
	LOCK_SCOPE(&store->checking.lock);
	TRY(judge_begin(store, batch, &j));
	if (!j.expects)
		return OK;
	struct err result =
		store_expectation_group(&store->checking.expectation, &j.moment, group, count);
	return err_is(result, E_STORE_SEAL) ? group_refuse(table, key) : result;
}

/* ---- the writer ---- */

/* Under the lock. What is expected falls behind when others commit. */
static struct err catch_up(struct store_sqlite *store, const struct sqlite_manifest_row *now,
			   const struct sqlite_manifest_row *next)
{
	struct store_expectation *e = &store->checking.expectation;
	struct err result = OK;
	if (e->epoch != now->epoch || e->lost)
		result = store_expectation_adopt(e, now->epoch, &now->tally);
	/* The transaction's own rows are seen as well: they are of the next. */
	if (err_is(result, E_STORE_CONFLICT))
		return look_at_all(store, store->writer, next);
	return result;
}

static struct err touch_refuse(const struct store_touch *touch, const struct store_name *name)
{
	const struct store_table *table = store_sealed_tables[touch->row.table];
	struct err refused = ERR(E_STORE_SEAL);
	char key[STORE_KEY_TEXT];
	TRY(store_name_show(table, name, touch->row.place, key));
	metric_add(METRIC_ROWS_REFUSED, 0, 0, 1);
	log_event(LOG_ERROR, "store.write_refused", LOG_TEXT("table", table->name),
		  LOG_TEXT("row", key),
		  LOG_TEXT("why", touch->came ? "a row has gone that was in its place"
					      : "the row in its place is not the manifest's"),
		  LOG_ERR(refused));
	return refused;
}

NODISCARD struct err sqlite_checking_apply(struct store_sqlite *store,
					   const struct sqlite_manifest_row *now,
					   const struct sqlite_manifest_row *next)
{
	const struct sqlite_tracker *tracker = &store->manifest.tracker;
	struct store_expectation *e = &store->checking.expectation;
	size_t refused = 0;
	LOCK_SCOPE(&store->checking.lock);
	if (!e->active)
		return OK;
	TRY(catch_up(store, now, next));
	if (e->epoch == next->epoch)
		return OK;
	struct err result = store_expectation_apply(e, tracker->touches, tracker->count,
						    &next->tally, &refused);
	return err_is(result, E_STORE_SEAL)
		       ? touch_refuse(&tracker->touches[refused], &tracker->names[refused])
		       : result;
}

void sqlite_checking_ended(struct store_sqlite *store, const struct sqlite_manifest_row *now,
			   bool committed)
{
	struct store_expectation *e = &store->checking.expectation;
	LOCK_SCOPE(&store->checking.lock);
	if (!e->active)
		return;
	if (committed)
		committed_raise(&store->checking, e->epoch);
	else if (e->epoch == now->epoch + 1)
		store_expectation_undo(e, &now->tally);
}

/* ---- surveys ---- */

void sqlite_checking_begin(struct store_sqlite *store, const struct sqlite_manifest_row *manifest,
			   struct store_expectation *rows, bool renewed)
{
	struct store_expectation *e = &store->checking.expectation;
	LOCK_SCOPE(&store->checking.lock);
	if (!renewed && e->active && !e->lost && e->epoch >= manifest->epoch)
		return;
	expectation_replace(rows, manifest, e);
	committed_raise(&store->checking, renewed ? store->manifest.now.epoch : manifest->epoch);
}
