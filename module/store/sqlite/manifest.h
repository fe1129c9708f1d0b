/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of the open store, as its writer keeps it: every transaction that touches sealed
 * rows brings it up to date, and seals it, before its COMMIT. The port kms/manifest.h is
 * implemented in manifest.c, survey.c, heads.c and copy.c.
 */
#ifndef HOLDFAST_STORE_SQLITE_MANIFEST_H
#define HOLDFAST_STORE_SQLITE_MANIFEST_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/sqlite/tracker.h"

struct store_sqlite;
struct sqlite_statement;
struct store_batch;

/* The row, with what it says. */
struct sqlite_manifest_row {
	uint64_t epoch; /* 0: there is none */
	struct store_tally tally;
	uint8_t seal[KMS_SEAL_LEN];
};

#define SQLITE_MARKS 1024

/* All but what is atomic, and the marks, is guarded by the store's write_lock. */
struct sqlite_manifest {
	struct sqlite_tracker tracker;
	bool known;                      /* `now` is what the file had at data_version */
	bool renew;                      /* `now` takes the place of whatever the file has */
	bool names_sought;               /* for a manifest of before there were names */
	int64_t data_version;            /* of the writer */
	struct sqlite_manifest_row now;  /* as committed */
	struct sqlite_manifest_row next; /* about to be; epoch 0: nothing is */

	_Atomic uint16_t doubt; /* enum err_code: kms_manifest_ops.doubt() */
	_Atomic bool frozen;    /* kms_manifest_ops.freeze() */

	pthread_mutex_t mark_lock;
	struct kms_mark mark;                /* the highest that this process has seen; 0: none */
	struct kms_mark marks[SQLITE_MARKS]; /* that it has seen last: each at its epoch's place */
};

/* Of a writer whose schema is the newest. */
NODISCARD struct err sqlite_manifest_start(struct store_sqlite *store);
void sqlite_manifest_cleanup(struct sqlite_manifest *manifest);

/*
 * The row as this connection sees it, which carries its seal. E_NOT_FOUND; E_STORE_MANIFEST,
 * logged; what the sealer answers.
 */
NODISCARD struct err sqlite_manifest_read(struct sqlite_connection *connection,
					  const struct kms_sealer *sealer,
					  struct sqlite_manifest_row *out);

/* The same of a row that was fetched. */
NODISCARD struct err sqlite_manifest_take(const struct store_batch *fetched,
					  const struct kms_sealer *sealer,
					  struct sqlite_manifest_row *out);

struct kms_mark sqlite_mark_of(const struct sqlite_manifest_row *row);
struct kms_mark sqlite_mark_seen(struct sqlite_manifest *manifest);
/* E_STORE_ROLLED_BACK, E_STORE_MANIFEST, logged: an older one than was seen before it was read, or
 * another of its epoch. */
NODISCARD struct err sqlite_mark_expect(struct kms_mark seen, struct kms_mark mark);
void sqlite_mark_note(struct sqlite_manifest *manifest, struct kms_mark mark);

/* Every failure of a reader or a writer that is about the whole store comes by here, on its way. */
NODISCARD struct err sqlite_manifest_noted(struct sqlite_manifest *manifest, struct err e);

/*
 * In the writer's transaction: what is committed next makes the manifest anew, over `tally` and
 * what the transaction does besides, with an epoch above `epoch`.
 */
void sqlite_manifest_renew(struct store_sqlite *store, uint64_t epoch,
			   const struct store_tally *tally);

#endif
