/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows on their way between the program and the database, in canonical form and with their seals.
 * The token is asked once for all of them, while no database lock is held.
 *
 *   writing: store_batch_add() each, store_batch_seal(), then into the database
 *   reading: store_batch_add_stored() each, store_batch_verify(), then store_batch_decode()
 */
#ifndef HOLDFAST_STORE_BATCH_H
#define HOLDFAST_STORE_BATCH_H

#include "base/buf.h"
#include "kms/sealer.h"
#include "store/row.h"

#define STORE_BATCH_ROWS_MAX 4096
#define STORE_BATCH_BYTES_MAX (16 << 20)
/* A reader that can come back for more stops here. */
#define STORE_BATCH_BYTES_ENOUGH (4 << 20)

struct store_batch_row {
	const struct store_table *table;
	size_t start, len; /* of the canonical bytes */
	uint8_t seal[KMS_SEAL_LEN];
	bool sealed;
};

struct store_batch {
	struct buf bytes;
	struct store_batch_row *rows;
	size_t count;
	size_t cap;
	size_t refused; /* rows that were read and passed over: sqlite_rows_fetch() */
	/* Of what was read: the manifest's epoch there, and the one that it could not be below. 0:
	 * nobody asked. */
	uint64_t epoch, since;
	/* The manifest's row there, not verified, where the epoch is one that this process had not
	 * met when it read: owned. Else NULL. */
	struct store_batch *manifest;
	/* How many rows of the table were there, or of a group of it (manifest.h). NULL: nobody
	 * has counted. */
	const struct store_table *counted;
	uint64_t there;
	bool grouped;
	uint8_t group[16];
};

void store_batch_init(struct store_batch *batch);
void store_batch_cleanup(struct store_batch *batch);

/* A row to be written. E_BUG, E_BOUNDS, E_NOMEM. */
NODISCARD struct err store_batch_add(struct store_batch *batch, const struct store_table *table,
				     const void *object);

/*
 * A row as the database has it, with its seal (empty: none). E_STORE_SEAL, logged, when a value or
 * the seal is not what could ever have been written.
 */
NODISCARD struct err store_batch_add_stored(struct store_batch *batch,
					    const struct store_table *table,
					    const struct store_value *values, struct view seal);

/* The same without a word: E_FORMAT. */
NODISCARD struct err store_batch_try_stored(struct store_batch *batch,
					    const struct store_table *table,
					    const struct store_value *values, struct view seal);

/* Seals every row. What the sealer answers: nothing may be stored then. */
NODISCARD struct err store_batch_seal(struct store_batch *batch, const struct kms_sealer *sealer);

/*
 * E_STORE_SEAL when one row does not carry its seal; the log names table and primary key of each
 * that does not. What the sealer answers: nothing may be believed then.
 */
NODISCARD struct err store_batch_verify(const struct store_batch *batch,
					const struct kms_sealer *sealer);

/* The same without a word: sound[i] tells of row i. What the sealer answers. */
NODISCARD struct err store_batch_check(const struct store_batch *batch,
				       const struct kms_sealer *sealer, bool *sound);

/* store_row_decode() of row `at`; a row that cannot be decoded is E_STORE_SEAL, logged. */
NODISCARD struct err store_batch_decode(const struct store_batch *batch, size_t at, void *object);

/* The canonical bytes of row `at`; borrowed until the batch changes. */
struct view store_batch_row(const struct store_batch *batch, size_t at);

/* Logs that a stored row is not to be believed, and answers E_STORE_SEAL. */
NODISCARD struct err store_row_refuse(const struct store_table *table,
				      const struct store_value *values, const char *why);

#endif
