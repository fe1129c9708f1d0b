/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifest.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/tables.h"

#define PLACE_DOMAIN VIEW_LITERAL("holdfast place 1")
#define CELLS_DOMAIN VIEW_LITERAL("holdfast cells 1")
#define CELLS_OF_PART (STORE_CELLS / STORE_PARTS)

const struct store_table *const store_sealed_tables[] = {
	&store_table_installation, &store_table_keys,        &store_table_versions,
	&store_table_intents,      &store_table_outbox,      &store_table_principals,
	&store_table_access_keys,  &store_table_aliases,     &store_table_tags,
	&store_table_identities,   &store_table_sessions,    &store_table_grants,
	&store_table_clock_marks,  &store_table_audit_heads,
};
const size_t store_sealed_count = ARRAY_LEN(store_sealed_tables);

size_t store_sealed_number(const struct store_table *table)
{
	size_t number = 0;
	while (number < store_sealed_count && store_sealed_tables[number] != table)
		number++;
	return number;
}

/* ---- imprints ---- */

/* Tag and length of a value, so that no two keys have the same bytes. */
struct head {
	uint8_t bytes[9];
};

static struct view value_bytes(const struct store_value *value, struct head *head,
			       uint8_t digits[8])
{
	struct view bytes = value->bytes;
	struct writer w;
	if (value->tag == STORE_INTEGER) {
		writer_init(&w, digits, 8);
		writer_u64(&w, (uint64_t)value->integer);
		bytes = view_of(digits, 8);
	}
	writer_init(&w, head->bytes, sizeof head->bytes);
	writer_u8(&w, (uint8_t)value->tag);
	writer_u64(&w, bytes.len);
	return bytes;
}

NODISCARD struct err store_place_make(const struct store_table *table, size_t count,
				      const struct store_value *values,
				      uint8_t out[STORE_PLACE_LEN])
{
	struct head heads[STORE_KEY_COLUMNS_MAX];
	uint8_t digits[STORE_KEY_COLUMNS_MAX][8];
	struct view parts[2 + 2 * STORE_KEY_COLUMNS_MAX] = {
		PLACE_DOMAIN, view_of(table->name, view_of_text(table->name).len + 1)};
	uint8_t digest[SHA256_LEN];
	ENSURE(count <= STORE_KEY_COLUMNS_MAX);
	for (size_t i = 0; i < count; i++) {
		parts[3 + 2 * i] = value_bytes(&values[i], &heads[i], digits[i]);
		parts[2 + 2 * i] = VIEW_ARRAY(heads[i].bytes);
	}
	TRY(digest_sha256(parts, 2 + 2 * count, digest));
	mem_copy(out, STORE_PLACE_LEN, digest, STORE_PLACE_LEN);
	return OK;
}

/* Whether its rows hang on a key: which there are of one decides what the key may do. */
static bool is_of_key(const struct store_table *table)
{
	return table == &store_table_versions || table == &store_table_tags ||
	       table == &store_table_grants;
}

NODISCARD struct err store_imprint_make(size_t table, const struct store_value *values,
					struct view seal, struct store_imprint *out)
{
	struct store_imprint made = {.table = (uint8_t)table};
	ENSURE(table < store_sealed_count && seal.len == KMS_SEAL_LEN);
	const struct store_table *of = store_sealed_tables[table];
	TRY(store_place_make(of, of->key_count, values, made.place));
	if (is_of_key(of))
		TRY(store_place_make(of, STORE_GROUP_COLUMNS, values, made.group));
	mem_copy(made.seal, sizeof made.seal, seal.ptr, sizeof made.seal);
	*out = made;
	return OK;
}

/* ---- cells ---- */

/* Where an imprint is, and what tells that a cell holds nothing else. */
struct spots {
	size_t at[STORE_PARTS];
	uint32_t check;
};

static struct err spots_of(const struct store_imprint *row, struct spots *out)
{
	const struct view parts[] = {CELLS_DOMAIN, view_of(row, sizeof *row)};
	uint8_t digest[SHA256_LEN];
	struct reader r;
	TRY(digest_sha256(parts, ARRAY_LEN(parts), digest));
	reader_init(&r, VIEW_ARRAY(digest));
	for (size_t i = 0; i < STORE_PARTS; i++)
		out->at[i] = i * CELLS_OF_PART + reader_u32(&r) % CELLS_OF_PART;
	out->check = reader_u32(&r);
	return OK;
}

static void bytes_mix(void *into, const void *bytes, size_t len)
{
	uint8_t *to = into;
	const uint8_t *from = bytes;
	for (size_t i = 0; i < len; i++)
		to[i] ^= from[i];
}

static void cells_mix(struct store_cell *cells, const struct spots *spots,
		      const struct store_imprint *row, const struct store_name *name,
		      uint32_t count)
{
	for (size_t i = 0; i < STORE_PARTS; i++) {
		struct store_cell *cell = &cells[spots->at[i]];
		cell->count += count;
		cell->check ^= spots->check;
		bytes_mix(&cell->all, row, sizeof *row);
		if (name != NULL)
			bytes_mix(&cell->name, name, sizeof *name);
	}
}

/* ---- tallies ---- */

NODISCARD struct err store_tally_add(struct store_tally *tally, const struct store_imprint *row,
				     const struct store_name *name)
{
	struct spots spots;
	TRY(spots_of(row, &spots));
	TRY(lthash_add(&tally->hash, view_of(row, sizeof *row)));
	cells_mix(tally->cells, &spots, row, name, 1);
	tally->nameless = tally->nameless || name == NULL;
	tally->rows++;
	return OK;
}

NODISCARD struct err store_tally_remove(struct store_tally *tally, const struct store_imprint *row,
					const struct store_name *name)
{
	struct spots spots;
	TRY(spots_of(row, &spots));
	TRY(lthash_remove(&tally->hash, view_of(row, sizeof *row)));
	cells_mix(tally->cells, &spots, row, name, UINT32_MAX);
	tally->nameless = tally->nameless || name == NULL;
	tally->rows--;
	return OK;
}

static void cell_mix(struct store_cell *cell, const struct store_cell *other, uint32_t count)
{
	cell->count += count;
	cell->check ^= other->check;
	bytes_mix(&cell->all, &other->all, sizeof other->all);
	bytes_mix(&cell->name, &other->name, sizeof other->name);
}

void store_tally_combine(struct store_tally *tally, const struct store_tally *other)
{
	tally->rows += other->rows;
	lthash_combine(&tally->hash, &other->hash);
	tally->nameless = tally->nameless || other->nameless;
	for (size_t i = 0; i < STORE_CELLS; i++)
		cell_mix(&tally->cells[i], &other->cells[i], other->cells[i].count);
}

bool store_tally_equal(const struct store_tally *a, const struct store_tally *b)
{
	return a->rows == b->rows && lthash_equal(&a->hash, &b->hash);
}

/* ---- differences ---- */

static void cells_subtract(const struct store_tally *wanted, const struct store_tally *found,
			   struct store_cell out[STORE_CELLS])
{
	for (size_t i = 0; i < STORE_CELLS; i++) {
		out[i] = wanted->cells[i];
		cell_mix(&out[i], &found->cells[i], 0 - found->cells[i].count);
	}
}

static bool is_empty(const struct store_cell *cell)
{
	static const struct store_imprint none;
	return cell->count == 0 && cell->check == 0 && mem_equal(&cell->all, &none, sizeof none);
}

/* Takes out the imprint of a cell that holds one alone. */
static struct err cell_peel(struct store_cell *cells, size_t at, struct store_difference *out,
			    bool *peeled)
{
	struct store_imprint row = cells[at].all;
	struct store_name name = cells[at].name;
	uint32_t count = cells[at].count;
	struct spots spots;
	*peeled = false;
	if (count != 1 && count != UINT32_MAX)
		return OK;
	TRY(spots_of(&row, &spots));
	if (spots.check != cells[at].check || spots.at[at / CELLS_OF_PART] != at)
		return OK;
	if (out->missing_count == STORE_CELLS || out->extra_count == STORE_CELLS)
		return OK;
	if (count == 1) {
		out->names[out->missing_count] = name;
		out->missing[out->missing_count++] = row;
	} else {
		out->extra[out->extra_count++] = row;
	}
	cells_mix(cells, &spots, &row, &name, 0 - count);
	*peeled = true;
	return OK;
}

static struct err cells_peel(struct store_cell *cells, struct store_difference *out)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < STORE_CELLS; i++) {
			bool peeled = false;
			TRY(cell_peel(cells, i, out, &peeled));
			more = more || peeled;
		}
	}
	out->named = true;
	for (size_t i = 0; i < STORE_CELLS; i++)
		out->named = out->named && is_empty(&cells[i]);
	return OK;
}

/* Whether what was named is exactly what the hashes differ in. */
static struct err difference_confirm(const struct store_tally *wanted,
				     const struct store_tally *found, struct store_difference *d)
{
	struct lthash told = found->hash;
	for (size_t i = 0; i < d->missing_count; i++)
		TRY(lthash_add(&told, view_of(&d->missing[i], sizeof d->missing[i])));
	for (size_t i = 0; i < d->extra_count; i++)
		TRY(lthash_remove(&told, view_of(&d->extra[i], sizeof d->extra[i])));
	d->named = d->named && lthash_equal(&told, &wanted->hash) &&
		   found->rows + d->missing_count - d->extra_count == wanted->rows;
	return OK;
}

/* With their names, where there are some. */
static void imprints_sort(struct store_imprint *rows, struct store_name *names, size_t count)
{
	static const struct store_name none;
	for (size_t i = 1; i < count; i++) {
		struct store_imprint row = rows[i];
		struct store_name name = names != NULL ? names[i] : none;
		size_t to = i;
		for (; to > 0 && mem_compare(&rows[to - 1], &row, sizeof row) > 0; to--) {
			rows[to] = rows[to - 1];
			if (names != NULL)
				names[to] = names[to - 1];
		}
		rows[to] = row;
		if (names != NULL)
			names[to] = name;
	}
}

NODISCARD struct err store_tally_compare(const struct store_tally *wanted,
					 const struct store_tally *found,
					 struct store_difference *out)
{
	struct store_cell cells[STORE_CELLS];
	*out = (struct store_difference){0};
	cells_subtract(wanted, found, cells);
	TRY(cells_peel(cells, out));
	TRY(difference_confirm(wanted, found, out));
	if (!out->named)
		out->missing_count = out->extra_count = 0;
	if (!out->named || wanted->nameless || found->nameless)
		mem_zero(out->names, sizeof out->names);
	imprints_sort(out->missing, out->names, out->missing_count);
	imprints_sort(out->extra, NULL, out->extra_count);
	return OK;
}

/* ---- the row ---- */

void store_manifest_write(uint64_t epoch, const struct store_tally *tally,
			  struct store_manifest *out)
{
	struct writer w;
	*out = (struct store_manifest){
		.id = STORE_MANIFEST_ID, .epoch = epoch, .rows = tally->rows};
	lthash_write(&tally->hash, out->hash);
	writer_init(&w, out->cells, sizeof out->cells);
	for (size_t i = 0; i < STORE_CELLS; i++) {
		writer_u32(&w, tally->cells[i].count);
		writer_bytes(&w, view_of(&tally->cells[i].all, sizeof tally->cells[i].all));
		writer_u32(&w, tally->cells[i].check);
	}
	for (size_t i = 0; i < STORE_CELLS && !tally->nameless; i++)
		writer_bytes(&w, VIEW_ARRAY(tally->cells[i].name.bytes));
	out->cells_len = w.len;
}

NODISCARD struct err store_manifest_read(const struct store_manifest *row, struct store_tally *out)
{
	struct reader r;
	bool nameless = row->cells_len == STORE_CELLS_LEN_NAMELESS;
	REQUIRE(nameless || row->cells_len == STORE_CELLS_LEN, E_FORMAT);
	*out = (struct store_tally){.rows = row->rows, .nameless = nameless};
	lthash_read(row->hash, &out->hash);
	reader_init(&r, view_of(row->cells, row->cells_len));
	for (size_t i = 0; i < STORE_CELLS; i++) {
		out->cells[i].count = reader_u32(&r);
		reader_copy(&r, &out->cells[i].all, sizeof out->cells[i].all);
		out->cells[i].check = reader_u32(&r);
	}
	for (size_t i = 0; i < STORE_CELLS && !nameless; i++)
		reader_copy(&r, out->cells[i].name.bytes, STORE_NAME_LEN);
	return reader_end(&r);
}
