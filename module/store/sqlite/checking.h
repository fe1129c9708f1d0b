/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read is not only sealed: once the whole has been surveyed, it is also what the manifest
 * says, row by row, and nothing is missing (store/expectation.h). A reader notes the manifest's
 * epoch with the rows that it fetches; what it found is judged as of that epoch.
 */
#ifndef HOLDFAST_STORE_SQLITE_CHECKING_H
#define HOLDFAST_STORE_SQLITE_CHECKING_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/batch.h"
#include "store/expectation.h"
#include "store/sqlite/manifest.h"

/* What the log was told of a whole table last: what is due is asked for every second. */
struct sqlite_missing {
	uint64_t rows;   /* 0: none are missing */
	int64_t told_ms; /* steady */
};

struct sqlite_checking {
	/* The epoch that is committed for certain; 0: nothing is expected yet. */
	_Atomic uint64_t committed;

	pthread_mutex_t lock; /* guards what follows; taken behind write_lock and readers */
	struct store_expectation expectation;
	struct sqlite_connection *looker;                /* for a look at what others committed */
	struct sqlite_missing missing[STORE_TABLES_MAX]; /* by number of table */
};

NODISCARD struct err sqlite_checking_init(struct sqlite_checking *checking);
NODISCARD struct err sqlite_checking_open(struct sqlite_checking *checking, const char *path,
					  uint32_t busy_timeout_ms);
void sqlite_checking_cleanup(struct sqlite_checking *checking);

/* ---- for readers: with no statement open, and no lock held but a reader's connection ---- */

/* store_batch_verify(), every row is the one that the manifest has, and where the rows of the table
 * were counted none is missing. E_STORE_SEAL, logged; E_STORE_MANIFEST, E_STORE_ROLLED_BACK:
 * nothing can be believed any more. E_STORE_BUSY. */
NODISCARD struct err sqlite_batch_verify(struct store_sqlite *store,
					 const struct store_batch *batch);

/* A key for the two below. */
#define SQLITE_VALUE_TEXT(view_) ((struct store_value){STORE_CHARACTERS, 0, (view_)})
#define SQLITE_VALUE_BYTES(view_) ((struct store_value){STORE_OCTETS, 0, (view_)})
#define SQLITE_VALUE_NUMBER(number_) ((struct store_value){STORE_INTEGER, (number_), VIEW_NONE})

#define SQLITE_KEY_VALUES(scope_, key_id_)                          \
	((const struct store_value[]){                              \
		SQLITE_VALUE_TEXT(view_of_text((scope_)->account)), \
		SQLITE_VALUE_TEXT(view_of_text((scope_)->region)),  \
		SQLITE_VALUE_BYTES(VIEW_ARRAY((key_id_)->bytes)),   \
	})

/* The row with this primary key was not found when the batch was read: E_NOT_FOUND. E_STORE_SEAL,
 * logged: there has to be one. Others as sqlite_batch_verify(). */
NODISCARD struct err sqlite_batch_missing(struct store_sqlite *store,
					  const struct store_batch *batch,
					  const struct store_table *table,
					  const struct store_value *key);

/* `count` rows of the table hang on the key of the first STORE_GROUP_COLUMNS of `key`, and were
 * verified, when the batch was read. */
NODISCARD struct err sqlite_batch_complete(struct store_sqlite *store,
					   const struct store_batch *batch,
					   const struct store_table *table,
					   const struct store_value *key, size_t count);

/* ---- for the writer, under its lock ---- */

/* What a transaction did is as expected, and is expected from now on: `now` becomes `next`.
 * E_STORE_SEAL, logged: it met a row that is not the manifest's. */
NODISCARD struct err sqlite_checking_apply(struct store_sqlite *store,
					   const struct sqlite_manifest_row *now,
					   const struct sqlite_manifest_row *next);
/* How the transaction ended. */
void sqlite_checking_ended(struct store_sqlite *store, const struct sqlite_manifest_row *now,
			   bool committed);

/* ---- for a survey ---- */

/* Takes `rows`, which are those of this manifest, unless what is known is as new. Renewed: under
 * its lock, the writer has committed another since; they are taken in any case. */
void sqlite_checking_begin(struct store_sqlite *store, const struct sqlite_manifest_row *manifest,
			   struct store_expectation *rows, bool renewed);

#endif
