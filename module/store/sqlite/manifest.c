/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest's row: read, and written with every transaction that touches sealed rows. */
#include "store/sqlite/manifest.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/change.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/scan.h"

/* The token is asked for one MAC while the writer's lock is held. */
#define SEAL_TIMEOUT_MS 2000

/* ---- marks ---- */

struct kms_mark sqlite_mark_of(const struct sqlite_manifest_row *row)
{
	struct kms_mark mark = {.epoch = row->epoch};
	mem_copy(mark.digest, sizeof mark.digest, row->seal, sizeof mark.digest);
	return mark;
}

struct kms_mark sqlite_mark_seen(struct sqlite_manifest *manifest)
{
	LOCK_SCOPE(&manifest->mark_lock);
	return manifest->mark;
}

NODISCARD struct err sqlite_mark_expect(struct kms_mark seen, struct kms_mark mark)
{
	struct err e = OK;
	if (mark.epoch < seen.epoch)
		e = ERR(E_STORE_ROLLED_BACK);
	else if (mark.epoch == seen.epoch &&
		 !mem_equal(mark.digest, seen.digest, sizeof mark.digest))
		e = ERR(E_STORE_MANIFEST);
	if (err_failed(e))
		log_event(LOG_ERROR, "store.manifest_refused",
			  LOG_TEXT("why", "it is not the one that was seen last, nor a later one"),
			  LOG_NUMBER("epoch", (int64_t)mark.epoch),
			  LOG_NUMBER("seen", (int64_t)seen.epoch), LOG_ERR(e));
	return e;
}

void sqlite_mark_note(struct sqlite_manifest *manifest, struct kms_mark mark)
{
	LOCK_SCOPE(&manifest->mark_lock);
	struct kms_mark *past = &manifest->marks[mark.epoch % SQLITE_MARKS];
	if (mark.epoch > past->epoch)
		*past = mark;
	if (mark.epoch > manifest->mark.epoch)
		manifest->mark = mark;
}

bool sqlite_manifest_denies(void *self, const struct kms_mark *mark)
{
	struct sqlite_manifest *manifest = &((struct store_sqlite *)self)->manifest;
	LOCK_SCOPE(&manifest->mark_lock);
	const struct kms_mark *past = &manifest->marks[mark->epoch % SQLITE_MARKS];
	return past->epoch == mark->epoch && mark->epoch != 0 &&
	       !mem_equal(past->digest, mark->digest, sizeof past->digest);
}

NODISCARD struct err sqlite_manifest_mark(void *self, struct kms_mark *out)
{
	*out = sqlite_mark_seen(&((struct store_sqlite *)self)->manifest);
	return OK;
}

/* ---- doubts ---- */

NODISCARD struct err sqlite_manifest_noted(struct sqlite_manifest *manifest, struct err e)
{
	uint16_t none = E_OK;
	if (err_is(e, E_STORE_MANIFEST) || err_is(e, E_STORE_ROLLED_BACK))
		(void)atomic_compare_exchange_strong(&manifest->doubt, &none, e.code);
	return e;
}

NODISCARD struct err sqlite_manifest_doubt(void *self)
{
	struct sqlite_manifest *manifest = &((struct store_sqlite *)self)->manifest;
	uint16_t code = atomic_exchange(&manifest->doubt, E_OK);
	return code == E_OK ? OK : ERR(code);
}

void sqlite_manifest_freeze(void *self)
{
	atomic_store(&((struct store_sqlite *)self)->manifest.frozen, true);
}

/* ---- reading ---- */

static struct err row_refuse(const char *why)
{
	struct err e = ERR(E_STORE_MANIFEST);
	log_event(LOG_ERROR, "store.manifest_refused", LOG_TEXT("why", why), LOG_ERR(e));
	return e;
}

static struct err row_fetch(struct sqlite_connection *connection, struct store_batch *batch)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	bool more = false;
	TRY(sqlite_statement_take(connection, SQL_MANIFEST_SELECT, &statement));
	return sqlite_rows_fetch(&statement, &store_table_manifest, SIZE_MAX, batch, &more);
}

NODISCARD struct err sqlite_manifest_take(const struct store_batch *fetched,
					  const struct kms_sealer *sealer,
					  struct sqlite_manifest_row *out)
{
	struct store_manifest row = {0};
	REQUIRE(fetched->count > 0, E_NOT_FOUND);
	struct err e = store_batch_verify(fetched, sealer);
	if (!err_failed(e))
		e = store_batch_decode(fetched, 0, &row);
	if (err_is(e, E_STORE_SEAL) || (!err_failed(e) && fetched->count != 1))
		return row_refuse("it does not carry its seal");
	TRY(e);
	out->epoch = row.epoch;
	if (err_failed(store_manifest_read(&row, &out->tally)))
		return row_refuse("its cells are of no length that there is");
	mem_copy(out->seal, sizeof out->seal, fetched->rows[0].seal, KMS_SEAL_LEN);
	return OK;
}

NODISCARD struct err sqlite_manifest_read(struct sqlite_connection *connection,
					  const struct kms_sealer *sealer,
					  struct sqlite_manifest_row *out)
{
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	struct err e = row_fetch(connection, &batch);
	if (err_is(e, E_STORE_SEAL))
		return row_refuse("it does not carry its seal");
	TRY(e);
	return sqlite_manifest_take(&batch, sealer, out);
}

/* ---- with a transaction of the writer ---- */

/* Others may have committed since we looked: what counts is what the file has now. */
static struct err refresh(struct store_sqlite *store)
{
	struct sqlite_manifest *manifest = &store->manifest;
	const struct kms_mark seen = sqlite_mark_seen(manifest);
	int64_t now = 0;
	TRY(sqlite_data_version(store->writer, &now));
	if (manifest->known && manifest->data_version == now)
		return OK;
	manifest->known = false;
	struct err e = sqlite_manifest_read(store->writer, &store->sealer, &manifest->now);
	if (err_is(e, E_NOT_FOUND)) {
		manifest->now = (struct sqlite_manifest_row){0};
		e = seen.epoch == 0 ? OK : row_refuse("it is gone");
	}
	TRY(e);
	TRY(sqlite_mark_expect(seen, sqlite_mark_of(&manifest->now)));
	sqlite_mark_note(manifest, sqlite_mark_of(&manifest->now));
	manifest->data_version = now;
	manifest->known = true;
	return OK;
}

static struct err touches_count(const struct sqlite_tracker *tracker, struct store_tally *tally)
{
	for (size_t i = 0; i < tracker->count; i++) {
		const struct store_touch *touch = &tracker->touches[i];
		const struct store_name *name = &tracker->names[i];
		TRY(touch->came ? store_tally_add(tally, &touch->row, name)
				: store_tally_remove(tally, &touch->row, name));
	}
	return OK;
}

static struct err row_count(void *user, const struct sqlite_scanned *row)
{
	struct store_tally *tally = user;
	return row->sealed ? store_tally_add(tally, &row->imprint, &row->name) : OK;
}

/*
 * A manifest of schema 5 has no names. Where the rows are exactly those that it is to be of, theirs
 * are taken: once, as it means to look at all of them. Otherwise it stays without until an operator
 * accepts another.
 */
static struct err names_take(struct store_sqlite *store)
{
	struct sqlite_manifest *manifest = &store->manifest;
	struct store_tally *next = &manifest->next.tally;
	struct store_tally found = {0};
	const struct sqlite_scan scan = {store->writer, NULL, row_count, &found};
	if (!next->nameless || manifest->names_sought)
		return OK;
	TRY(sqlite_scan_run(&scan));
	if (store_tally_equal(next, &found))
		*next = found;
	else
		manifest->names_sought = true;
	return OK;
}

static struct err next_seal(struct store_sqlite *store, struct store_batch *batch)
{
	const struct kms_sealer *sealer = &store->sealer;
	struct sqlite_manifest_row *next = &store->manifest.next;
	struct store_manifest row;
	uint8_t seal[1][KMS_SEAL_LEN];
	store_manifest_write(next->epoch, &next->tally, &row);
	TRY(store_batch_add(batch, &store_table_manifest, &row));
	const struct view message = store_batch_row(batch, 0);
	if (sealer->seal_within != NULL)
		TRY(sealer->seal_within(sealer->self, &message, 1, SEAL_TIMEOUT_MS, seal));
	else
		TRY(sealer->seal(sealer->self, &message, 1, seal));
	mem_copy(batch->rows[0].seal, KMS_SEAL_LEN, seal[0], KMS_SEAL_LEN);
	batch->rows[0].sealed = true;
	mem_copy(next->seal, sizeof next->seal, seal[0], KMS_SEAL_LEN);
	return OK;
}

static struct err next_write(struct store_sqlite *store, const struct store_batch *batch)
{
	const struct sqlite_manifest *manifest = &store->manifest;
	if (!manifest->renew)
		return sqlite_change_row(store->writer, SQL_MANIFEST_UPDATE, batch,
					 E_STORE_MANIFEST);
	TRY(sqlite_statement_once(store->writer, SQL_MANIFEST_CLEAR));
	return sqlite_row_insert(store->writer, SQL_MANIFEST_INSERT, batch, 0);
}

/* A store that has no manifest yet (--init, or a schema of before) commits without one. */
static struct err bring_up_to_date(struct store_sqlite *store)
{
	struct sqlite_manifest *manifest = &store->manifest;
	TRY(manifest->tracker.failure);
	if (manifest->tracker.count == 0 && !manifest->renew)
		return OK;
	if (manifest->renew)
		TRY(sqlite_data_version(store->writer, &manifest->data_version));
	else
		TRY(refresh(store));
	if (manifest->now.epoch == 0 && !manifest->renew)
		return OK;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	manifest->next = manifest->now;
	TRY(touches_count(&manifest->tracker, &manifest->next.tally));
	TRY(names_take(store));
	manifest->next.epoch++;
	if (!manifest->renew)
		TRY(sqlite_checking_apply(store, &manifest->now, &manifest->next));
	TRY(next_seal(store, &batch));
	return next_write(store, &batch);
}

/* Frozen meanwhile: the token may have been waited for. */
static struct err before_commit(void *self)
{
	struct store_sqlite *store = self;
	struct sqlite_manifest *manifest = &store->manifest;
	REQUIRE(!atomic_load(&manifest->frozen), E_DISTRUSTED);
	TRY(sqlite_manifest_noted(manifest, bring_up_to_date(store)));
	REQUIRE(!atomic_load(&manifest->frozen), E_DISTRUSTED);
	return OK;
}

/* When COMMIT failed nobody knows what the file has: it is read again. */
static void transaction_ended(void *self, bool committed)
{
	struct store_sqlite *store = self;
	struct sqlite_manifest *manifest = &store->manifest;
	bool changed = manifest->next.epoch != 0;
	if (changed && !manifest->renew)
		sqlite_checking_ended(store, &manifest->now, committed);
	if (committed && changed) {
		manifest->now = manifest->next;
		manifest->known = true;
		sqlite_mark_note(manifest, sqlite_mark_of(&manifest->now));
	} else if (changed || manifest->renew) {
		manifest->known = false;
	}
	manifest->next.epoch = 0;
	manifest->renew = false;
	sqlite_tracker_clear(&manifest->tracker);
}

void sqlite_manifest_renew(struct store_sqlite *store, uint64_t epoch,
			   const struct store_tally *tally)
{
	struct sqlite_manifest *manifest = &store->manifest;
	manifest->now = (struct sqlite_manifest_row){.epoch = epoch, .tally = *tally};
	manifest->renew = true;
	manifest->known = false; /* unless it is committed */
}

NODISCARD struct err sqlite_manifest_start(struct store_sqlite *store)
{
	struct sqlite_manifest *manifest = &store->manifest;
	TRY(sqlite_tracker_start(&manifest->tracker, store->writer));
	store->writer->escort = (struct sqlite_escort){before_commit, transaction_ended, store};
	return OK;
}

void sqlite_manifest_cleanup(struct sqlite_manifest *manifest)
{
	sqlite_tracker_cleanup(&manifest->tracker);
	(void)pthread_mutex_destroy(&manifest->mark_lock);
}
