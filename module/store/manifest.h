/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all sealed rows are together (kms/manifest.h), as values: nothing here reads or writes.
 *
 * Of each row counts its imprint: where it belongs and how its seal begins. A tally is a multiset
 * of imprints in three forms, kept in step:
 *
 *   rows     how many there are
 *   hash     LtHash over them: decides whether two tallies are of the same rows
 *   cells    an invertible Bloom lookup table (Goodrich and Mitzenmacher 2011): names the imprints
 *            in which two tallies differ, up to some fifty. What it names is believed when the
 *            hashes confirm it. With an imprint goes the name of its row (name.h), which decides
 *            nothing
 *
 * The manifest is one row that carries a tally and an epoch, sealed as every row is.
 */
#ifndef HOLDFAST_STORE_MANIFEST_H
#define HOLDFAST_STORE_MANIFEST_H

#include "crypto/lthash.h"
#include "kms/manifest.h"
#include "store/name.h"

#define STORE_KEY_COLUMNS_MAX 4
#define STORE_PARTS 4 /* an imprint is in one cell of each */
#define STORE_CELLS (24 * STORE_PARTS)
#define STORE_CELL_LEN (4 + sizeof(struct store_imprint) + 4)
#define STORE_CELLS_LEN_NAMELESS (STORE_CELLS * STORE_CELL_LEN) /* up to schema 5 */
#define STORE_CELLS_LEN (STORE_CELLS * (STORE_CELL_LEN + STORE_NAME_LEN))

/* Bytes only: it is hashed as it lies. */
struct store_imprint {
	uint8_t table;                  /* store_sealed_number() */
	uint8_t place[STORE_PLACE_LEN]; /* of table and primary key */
	uint8_t group[STORE_PLACE_LEN]; /* of table and key, for rows that hang on a key; else 0 */
	uint8_t seal[STORE_PLACE_LEN];  /* the beginning of the seal */
};
_Static_assert(sizeof(struct store_imprint) == 1 + 3 * STORE_PLACE_LEN, "nothing between");

/* A row as it came, or as it was when it went. */
struct store_touch {
	bool came;
	struct store_imprint row;
};

/* The sealed tables but the manifest's own, by number. A number never changes its table. */
extern const struct store_table *const store_sealed_tables[];
extern const size_t store_sealed_count;
/* Its number, or store_sealed_count. */
size_t store_sealed_number(const struct store_table *table);

/* Of the row whose primary key begins `values`; the seal is KMS_SEAL_LEN bytes. */
NODISCARD struct err store_imprint_make(size_t table, const struct store_value *values,
					struct view seal, struct store_imprint *out);
/* Of the first `count` key columns: the place of a row, or of the group that it belongs to. */
#define STORE_GROUP_COLUMNS 3 /* account, region, key id */
NODISCARD struct err store_place_make(const struct store_table *table, size_t count,
				      const struct store_value *values,
				      uint8_t out[STORE_PLACE_LEN]);

struct store_cell {
	uint32_t count; /* of imprints in it, modulo 2^32 */
	struct store_imprint all;
	uint32_t check;
	struct store_name name; /* of all of them, mixed as they are */
};

/* {0} is the tally of nothing. */
struct store_tally {
	uint64_t rows;
	struct lthash hash;
	struct store_cell cells[STORE_CELLS];
	bool nameless; /* the names in the cells are not those of all rows: none can be told */
};

/* *tally is as it was when they fail. `name` NULL: it is not known, and the tally nameless. */
NODISCARD struct err store_tally_add(struct store_tally *tally, const struct store_imprint *row,
				     const struct store_name *name);
NODISCARD struct err store_tally_remove(struct store_tally *tally, const struct store_imprint *row,
					const struct store_name *name);
/* What `other` has is added. */
void store_tally_combine(struct store_tally *tally, const struct store_tally *other);
bool store_tally_equal(const struct store_tally *a, const struct store_tally *b);

/* What one tally has and another lacks, each in the order of its bytes. */
struct store_difference {
	struct store_imprint missing[STORE_CELLS]; /* from what there is */
	struct store_imprint extra[STORE_CELLS];
	struct store_name names[STORE_CELLS]; /* of missing; all zero where they are not known */
	size_t missing_count, extra_count;
	bool named; /* these are all; false: too many differ, and none is told */
};
NODISCARD struct err store_tally_compare(const struct store_tally *wanted,
					 const struct store_tally *found,
					 struct store_difference *out);

/* The row. */
#define STORE_MANIFEST_ID 1
struct store_manifest {
	uint32_t id;
	uint64_t epoch;
	uint64_t rows;
	uint8_t hash[LTHASH_LEN];
	uint8_t cells[STORE_CELLS_LEN];
	size_t cells_len; /* without names: STORE_CELLS_LEN_NAMELESS */
};
void store_manifest_write(uint64_t epoch, const struct store_tally *tally,
			  struct store_manifest *out);
/* E_FORMAT: the cells are of no length that there is. */
NODISCARD struct err store_manifest_read(const struct store_manifest *row, struct store_tally *out);

#endif
