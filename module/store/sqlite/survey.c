/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole against its manifest. Each row is verified by itself; then the tally over all rows, as
 * they are and where they are, is compared with the manifest's. Where the two differ, what differs
 * is named by the manifest's table, and looked for in the file.
 *
 * Rows that do not carry their seal are refused whenever they are read: they do no harm in a store
 * whose other rows are exactly those of the manifest. Any other difference does.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/sqlite/change.h"
#include "store/sqlite/indexes.h"
#include "store/sqlite/manifest_ports.h"
#include "store/sqlite/scan.h"

#define FINDINGS_FIRST_CAP 16
#define PROGRESS_ROWS 1024
#define LEAP_MAX_MS (INT64_C(1) << 48) /* a clock that shows more is no clock */

struct survey {
	struct store_sqlite *store;
	struct sqlite_connection *connection;
	const struct kms_survey_options *options;
	struct sqlite_manifest_row manifest; /* epoch 0: there is none, or none to be believed */
	struct err manifest_read;

	struct store_tally all;   /* the rows as they are, whether they carry their seal or not */
	struct store_tally sound; /* those that do */
	struct store_expectation rows; /* all, then those that the manifest has */
	struct kms_mark seen;          /* by this process, before it looked */
	uint64_t expected, unsound, unsealed;

	struct store_difference difference; /* of the manifest and what there is */
	bool met[STORE_CELLS];              /* missing: something is in its place */
	bool harmful;                       /* not only rows that are refused differ */
	bool indexes_lie;

	struct kms_survey result;
	size_t cap; /* of findings */
};

static void survey_cleanup(struct survey **survey)
{
	if (*survey == NULL)
		return;
	kms_survey_cleanup(&(*survey)->result);
	store_expectation_cleanup(&(*survey)->rows);
	mem_free(TAKE(*survey));
}

/* ---- findings ---- */

static struct err findings_reserve(struct survey *s)
{
	struct kms_survey *result = &s->result;
	if (result->finding_count < s->cap)
		return OK;
	size_t cap = s->cap ? MIN_OF(s->cap * 2, KMS_FINDINGS_MAX) : FINDINGS_FIRST_CAP;
	struct kms_finding *larger = NULL;
	TRY(MEM_NEW_ARRAY(cap, &larger));
	mem_copy(larger, cap * sizeof *larger, result->findings,
		 result->finding_count * sizeof *larger);
	mem_free(result->findings);
	result->findings = larger;
	s->cap = cap;
	return OK;
}

/* A row that is only refused makes room for what keeps the whole from being served. */
static void finding_push(struct survey *s, const struct kms_finding *finding)
{
	size_t at = s->result.finding_count;
	if (finding->kind == KMS_FINDING_CHANGED)
		return;
	while (at > 0 && s->result.findings[at - 1].kind != KMS_FINDING_CHANGED)
		at--;
	if (at > 0)
		s->result.findings[at - 1] = *finding;
}

static struct err finding_add(struct survey *s, enum kms_finding_kind kind, const char *table,
			      const char *row)
{
	struct kms_finding finding = {.kind = kind};
	TRY(text_copy(finding.table, sizeof finding.table, view_of_text(table)));
	TRY(text_copy(finding.row, sizeof finding.row, view_of_text(row)));
	s->result.found++;
	if (s->result.finding_count == KMS_FINDINGS_MAX) {
		finding_push(s, &finding);
		return OK;
	}
	TRY(findings_reserve(s));
	s->result.findings[s->result.finding_count++] = finding;
	return OK;
}

static struct err row_find(struct survey *s, enum kms_finding_kind kind,
			   const struct sqlite_scanned *row)
{
	_Static_assert(STORE_KEY_TEXT <= KMS_FINDING_ROW_MAX, "a key fits a finding");
	char key[STORE_KEY_TEXT];
	const struct store_table *table = store_sealed_tables[row->table];
	store_row_key(table, row->values, key);
	return finding_add(s, kind, table->name, key);
}

static int finding_compare(const struct kms_finding *a, const struct kms_finding *b)
{
	int order = view_compare(view_of_text(a->table), view_of_text(b->table));
	if (order == 0)
		order = view_compare(view_of_text(a->row), view_of_text(b->row));
	return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static void findings_sort(struct kms_finding *findings, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct kms_finding finding = findings[i];
		size_t to = i;
		for (; to > 0 && finding_compare(&findings[to - 1], &finding) > 0; to--)
			findings[to] = findings[to - 1];
		findings[to] = finding;
	}
}

/* ---- the rows ---- */

static struct err row_count(void *user, const struct sqlite_scanned *row)
{
	struct survey *s = user;
	const struct kms_survey_options *options = s->options;
	if (options->progress != NULL && s->result.rows % PROGRESS_ROWS == 0)
		options->progress(options->user, s->result.rows, s->expected);
	s->result.rows++;
	if (row->sealed) {
		/* Only in a table that lost its primary key: no telling which one is met. */
		if (store_places_get(&s->rows.rows, row->imprint.place) != NULL)
			s->harmful = true;
		TRY(store_tally_add(&s->all, &row->imprint, &row->name));
		TRY(store_expectation_note(&s->rows, &row->imprint));
	}
	s->unsealed += !row->sealed;
	if (row->sound)
		return OK;
	if (row->sealed)
		TRY(store_tally_remove(&s->sound, &row->imprint, &row->name));
	s->unsound++;
	return row_find(s, KMS_FINDING_CHANGED, row);
}

static struct err rows_scan(struct survey *s,
			    struct err (*row)(void *user, const struct sqlite_scanned *row))
{
	const struct sqlite_scan scan = {s->connection, &s->store->sealer, row, s};
	return sqlite_scan_run(&scan);
}

static struct err rows_expect(struct survey *s)
{
	CLEANUP(sqlite_statement_release) struct sqlite_statement statement = {0};
	int64_t rows = 0;
	TRY(sqlite_statement_take(s->connection, SQL_SEALED_ROWS, &statement));
	TRY(sqlite_statement_integer(&statement, &rows));
	s->expected = (uint64_t)rows;
	return OK;
}

/* ---- what differs ---- */

static struct err sound_note(void *user, const struct sqlite_scanned *row)
{
	struct survey *s = user;
	return row->sound ? store_expectation_note(&s->rows, &row->imprint) : OK;
}

/* The rows that do not carry their seal are none of the manifest's. */
static struct err rows_of_sound(struct survey *s)
{
	store_expectation_cleanup(&s->rows);
	TRY(store_expectation_init(&s->rows));
	return rows_scan(s, sound_note);
}

/* Those of the manifest, by what differs. */
static struct err rows_correct(struct survey *s, bool all)
{
	const struct store_difference *d = &s->difference;
	if (!all)
		TRY(rows_of_sound(s));
	for (size_t i = 0; i < d->extra_count; i++)
		store_expectation_drop(&s->rows, &d->extra[i]);
	for (size_t i = 0; i < d->missing_count; i++)
		TRY(store_expectation_note(&s->rows, &d->missing[i]));
	return OK;
}

static bool imprints_have(const struct store_imprint *rows, size_t count,
			  const struct store_imprint *row)
{
	for (size_t i = 0; i < count; i++)
		if (mem_equal(&rows[i], row, sizeof *row))
			return true;
	return false;
}

/* Notes that something is in the place of a row that is missing. */
static bool place_meet(struct survey *s, const struct store_imprint *row)
{
	bool met = false;
	for (size_t i = 0; i < s->difference.missing_count; i++) {
		if (!mem_equal(s->difference.missing[i].place, row->place, sizeof row->place))
			continue;
		s->met[i] = true;
		met = true;
	}
	return met;
}

static struct err row_name(void *user, const struct sqlite_scanned *row)
{
	struct survey *s = user;
	const struct store_difference *d = &s->difference;
	struct store_imprint imprint = row->imprint;
	TRY(store_place_make(store_sealed_tables[row->table],
			     store_sealed_tables[row->table]->key_count, row->values,
			     imprint.place));
	bool older = place_meet(s, &imprint);
	if (!row->sound || !imprints_have(d->extra, d->extra_count, &imprint))
		return OK;
	s->harmful = true;
	return row_find(s, older ? KMS_FINDING_OLDER : KMS_FINDING_ADDED, row);
}

static struct err missing_name(struct survey *s)
{
	const struct store_difference *d = &s->difference;
	char name[STORE_KEY_TEXT];
	for (size_t i = 0; i < d->missing_count; i++) {
		if (s->met[i])
			continue;
		s->harmful = true;
		ENSURE(d->missing[i].table < store_sealed_count);
		const struct store_table *table = store_sealed_tables[d->missing[i].table];
		TRY(store_name_show(table, &d->names[i], d->missing[i].place, name));
		TRY(finding_add(s, KMS_FINDING_MISSING, table->name, name));
	}
	return OK;
}

/*
 * A row that does not carry its seal may be in the manifest with the seal that it has (its content
 * was changed), or not (it was put there, or accepted as refused): both are tried.
 */
static struct err rows_compare(struct survey *s)
{
	const struct store_tally *wanted = &s->manifest.tally;
	bool all = true;
	if (store_tally_equal(wanted, &s->all))
		return OK;
	if (store_tally_equal(wanted, &s->sound))
		return rows_of_sound(s);
	TRY(store_tally_compare(wanted, &s->all, &s->difference));
	if (!s->difference.named) {
		all = false;
		TRY(store_tally_compare(wanted, &s->sound, &s->difference));
	}
	if (s->difference.named) {
		TRY(rows_scan(s, row_name));
		TRY(missing_name(s));
		return rows_correct(s, all);
	}
	s->harmful = true;
	return finding_add(s, KMS_FINDING_UNKNOWN, store_table_manifest.name, "");
}

/* ---- the manifest ---- */

static struct err manifest_read(struct survey *s)
{
	struct err e = sqlite_manifest_read(s->connection, &s->store->sealer, &s->manifest);
	s->manifest_read = e;
	if (err_failed(e))
		s->manifest = (struct sqlite_manifest_row){0};
	else
		s->result.mark = sqlite_mark_of(&s->manifest);
	return err_is(e, E_NOT_FOUND) || err_is(e, E_STORE_MANIFEST) ? OK : e;
}

static struct err mark_find(struct survey *s, enum kms_finding_kind kind, enum err_code code,
			    const char *whose, uint64_t epoch)
{
	char epochs[KMS_FINDING_ROW_MAX];
	TRY(text_format(epochs, sizeof epochs, "epoch=%llu %s=%llu",
			(unsigned long long)s->result.mark.epoch, whose,
			(unsigned long long)epoch));
	s->result.verdict = ERR((uint16_t)code);
	return finding_add(s, kind, store_table_manifest.name, epochs);
}

static bool is_same(const struct kms_mark *a, const struct kms_mark *b)
{
	return a->epoch == b->epoch && mem_equal(a->digest, b->digest, sizeof a->digest);
}

/* The first manifest is anchored once it is committed: no other is without an anchor. */
static struct err anchor_compare(struct survey *s)
{
	const struct kms_mark *mark = &s->result.mark, *anchor = &s->result.anchor;
	if (mark->epoch < anchor->epoch)
		return mark_find(s, KMS_FINDING_ROLLED_BACK, E_STORE_ROLLED_BACK, "anchor",
				 anchor->epoch);
	if ((mark->epoch == anchor->epoch && !is_same(mark, anchor)) ||
	    (mark->epoch > 1 && anchor->epoch == 0))
		return mark_find(s, KMS_FINDING_FORKED, E_HSM_ANCHOR, "anchor", anchor->epoch);
	return OK;
}

/* This process knows of a later one than the token, until that is anchored. */
static struct err seen_compare(struct survey *s)
{
	const struct kms_mark *mark = &s->result.mark, *seen = &s->seen;
	if (seen->epoch <= s->result.anchor.epoch || mark->epoch < s->result.anchor.epoch)
		return OK;
	if (mark->epoch < seen->epoch)
		return mark_find(s, KMS_FINDING_ROLLED_BACK, E_STORE_ROLLED_BACK, "seen",
				 seen->epoch);
	if (mark->epoch == seen->epoch && !is_same(mark, seen))
		return mark_find(s, KMS_FINDING_FORKED, E_STORE_MANIFEST, "seen", seen->epoch);
	return OK;
}

/* The gravest comes last. Without manifest and anchor there is nothing to compare with. */
static struct err judge(struct survey *s)
{
	bool none = err_is(s->manifest_read, E_NOT_FOUND);
	s->result.verdict = s->unsound > 0 ? ERR(E_STORE_SEAL) : OK;
	if (none && s->result.anchor.epoch == 0 && s->seen.epoch == 0)
		return OK;
	if (err_failed(s->manifest_read)) {
		s->result.verdict = ERR(E_STORE_MANIFEST);
		return finding_add(s, KMS_FINDING_MANIFEST, store_table_manifest.name,
				   none ? "" : "id=1");
	}
	TRY(rows_compare(s));
	if (s->harmful)
		s->result.verdict = ERR(E_STORE_MANIFEST);
	TRY(anchor_compare(s));
	return seen_compare(s);
}

/* ---- the indexes ---- */

static struct err index_find(void *user, const char *table, const char *index)
{
	struct survey *s = user;
	char row[KMS_FINDING_ROW_MAX] = "";
	if (index[0] != '\0')
		TRY(text_format(row, sizeof row, "index=%s", index));
	s->indexes_lie = true;
	return finding_add(s, KMS_FINDING_INDEX, table, row);
}

static void index_tick(void *user)
{
	struct survey *s = user;
	if (s->options->progress != NULL)
		s->options->progress(s->options->user, s->result.rows, s->result.rows);
}

static struct err indexes_check(struct survey *s)
{
	const struct sqlite_index_check check = {s->connection, index_find, index_tick, s};
	TRY(sqlite_indexes_check(&check));
	bool graver = err_failed(s->result.verdict) && !err_is(s->result.verdict, E_STORE_SEAL);
	if (s->indexes_lie && !graver)
		s->result.verdict = ERR(E_STORE_MANIFEST);
	return OK;
}

/* ---- the digest ---- */

static struct err mark_write(const struct kms_mark *mark, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	writer_u64(&w, mark->epoch);
	writer_bytes(&w, VIEW_ARRAY(mark->digest));
	return writer_end(&w);
}

static struct err finding_write(const struct kms_finding *finding, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	writer_u8(&w, (uint8_t)finding->kind);
	writer_block16(&w, view_of_text(finding->table));
	writer_block16(&w, view_of_text(finding->row));
	return writer_end(&w);
}

/* The tallies are in it, so that it is of this state of all rows and of no other. */
static struct err digest_make(struct survey *s)
{
	static const char domain[] = "holdfast survey 1";
	CLEANUP(buf_cleanup) struct buf bytes;
	uint8_t hashes[2][LTHASH_LEN];
	uint8_t digest[SHA256_LEN];
	struct kms_survey *result = &s->result;
	struct writer w;
	buf_init(&bytes, (size_t)4 << 20);
	writer_init_buf(&w, &bytes);
	writer_block16(&w, VIEW_ARRAY(domain));
	writer_u16(&w, result->verdict.code);
	writer_u64(&w, result->rows);
	writer_u64(&w, result->found);
	TRY(writer_end(&w));
	TRY(mark_write(&result->mark, &bytes));
	TRY(mark_write(&result->anchor, &bytes));
	for (size_t i = 0; i < result->finding_count; i++)
		TRY(finding_write(&result->findings[i], &bytes));
	lthash_write(&s->all.hash, hashes[0]);
	lthash_write(&s->sound.hash, hashes[1]);
	const struct view parts[] = {buf_view(&bytes), VIEW_ARRAY(hashes[0]),
				     VIEW_ARRAY(hashes[1])};
	TRY(digest_sha256(parts, ARRAY_LEN(parts), digest));
	mem_copy(result->digest, sizeof result->digest, digest, sizeof result->digest);
	return OK;
}

/* ---- the port ---- */

/* Of what the connection's transaction sees. *out: survey_cleanup(). */
static struct err survey_make(struct store_sqlite *store, struct sqlite_connection *connection,
			      const struct kms_survey_options *options, struct survey **out)
{
	CLEANUP(survey_cleanup) struct survey *s = NULL;
	TRY(MEM_NEW(&s));
	s->store = store;
	s->connection = connection;
	s->options = options;
	s->result.anchor = options->anchor;
	TRY(store_expectation_init(&s->rows));
	s->seen = sqlite_mark_seen(&store->manifest);
	TRY(manifest_read(s));
	TRY(rows_expect(s));
	TRY(rows_scan(s, row_count));
	store_tally_combine(&s->sound, &s->all); /* it has the others, taken out */
	TRY(judge(s));
	TRY(indexes_check(s));
	findings_sort(s->result.findings, s->result.finding_count);
	TRY(digest_make(s));
	if (options->progress != NULL)
		options->progress(options->user, s->result.rows, s->result.rows);
	*out = TAKE(s);
	return OK;
}

NODISCARD struct err sqlite_survey(void *self, const struct kms_survey_options *options,
				   struct kms_survey *out)
{
	struct store_sqlite *store = self;
	CLEANUP(survey_cleanup) struct survey *s = NULL;
	CLEANUP(sqlite_reader_release) struct sqlite_reader reader = {0};
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	sqlite_reader_acquire(&store->readers, &reader);
	TRY(sqlite_transaction_read(reader.connection, &transaction));
	TRY(survey_make(store, reader.connection, options, &s));
	bool sound = !err_failed(s->result.verdict) || err_is(s->result.verdict, E_STORE_SEAL);
	if (sound && s->manifest.epoch > 0) {
		sqlite_mark_note(&store->manifest, s->result.mark);
		sqlite_checking_begin(store, &s->manifest, &s->rows, false);
	}
	*out = s->result;
	s->result.findings = NULL;
	return OK;
}

/* ---- the first manifest, and another one ---- */

/* What stands in the way of a first manifest, by name. */
static struct err findings_log(const struct survey *s)
{
	for (size_t i = 0; i < s->result.finding_count; i++)
		log_event(LOG_ERROR, "store.row_refused",
			  LOG_TEXT("table", s->result.findings[i].table),
			  LOG_TEXT("row", s->result.findings[i].row),
			  LOG_TEXT("why", s->result.findings[i].kind == KMS_FINDING_INDEX
						  ? "the index has not what the table has"
						  : "its seal does not fit"),
			  LOG_ERR(s->result.verdict));
	return s->result.verdict;
}

/* The manifest is made anew over the rows that carry their seal, and what the transaction did. */
static struct err renew(struct survey *s, uint64_t epoch, struct sqlite_transaction *transaction)
{
	struct store_sqlite *store = s->store;
	sqlite_manifest_renew(store, epoch, &s->sound);
	TRY(sqlite_transaction_commit(transaction));
	/* As they were: what the transaction did to them, the manifest tells. */
	const struct sqlite_manifest_row before = {.epoch = epoch, .tally = s->sound};
	sqlite_checking_begin(store, &before, &s->rows, true);
	return OK;
}

/* Waits with all others for as long as the token takes: nothing is served yet. */
NODISCARD struct err sqlite_manifest_begin(void *self)
{
	struct store_sqlite *store = self;
	const struct kms_survey_options options = {0};
	CLEANUP(survey_cleanup) struct survey *s = NULL;
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(survey_make(store, store->writer, &options, &s));
	REQUIRE(err_is(s->manifest_read, E_NOT_FOUND), E_EXISTS);
	TRY(findings_log(s));
	return renew(s, 0, &transaction);
}

static struct err record_insert(struct store_sqlite *store, const struct store_batch *batch)
{
	return batch->count > 0 ? sqlite_row_insert(store->writer, SQL_OUTBOX_INSERT, batch, 0)
				: OK;
}

/*
 * Above both marks, and above whatever an older life of the store may have come to: where the token
 * was put back from a copy, its anchor is older than files that are still about, and one of those,
 * put in the place of this store later, would pass for a newer one. Epochs never get ahead of the
 * time, in milliseconds: a commit takes longer.
 */
static uint64_t epoch_leap(const struct store_sqlite *store, const struct survey *s)
{
	int64_t now_ms = clock_real_ms(store->clock);
	uint64_t epoch = MAX_OF(s->result.mark.epoch, s->result.anchor.epoch);
	return now_ms > 0 && now_ms < LEAP_MAX_MS ? MAX_OF(epoch, (uint64_t)now_ms) : epoch;
}

/* What the operator has seen, or nothing: the record of it is the first change of what is accepted.
 */
NODISCARD struct err sqlite_manifest_accept(void *self, const struct kms_survey *survey,
					    const struct kms_outbox_record *outbox)
{
	struct store_sqlite *store = self;
	const struct kms_survey_options options = {.anchor = survey->anchor};
	CLEANUP(survey_cleanup) struct survey *s = NULL;
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	if (outbox != NULL)
		TRY(store_batch_add(&batch, &store_table_outbox, outbox));
	TRY(store_batch_seal(&batch, &store->sealer));
	LOCK_SCOPE(&store->write_lock);
	CLEANUP(sqlite_transaction_end) struct sqlite_transaction transaction = {0};
	TRY(sqlite_transaction_write(store->writer, &transaction));
	TRY(survey_make(store, store->writer, &options, &s));
	REQUIRE(mem_equal(s->result.digest, survey->digest, sizeof survey->digest),
		E_STORE_CONFLICT);
	TRY(rows_of_sound(s));
	if (s->indexes_lie)
		TRY(sqlite_indexes_rebuild(store->writer));
	TRY(record_insert(store, &batch));
	return renew(s, epoch_leap(store, s), &transaction);
}
