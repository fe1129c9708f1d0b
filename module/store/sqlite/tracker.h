/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a transaction does to sealed rows: SQLite tells it (sqlite3_preupdate_hook), so that no
 * statement can be forgotten, whatever cascades from it. Guarded by whoever owns the connection.
 */
#ifndef HOLDFAST_STORE_SQLITE_TRACKER_H
#define HOLDFAST_STORE_SQLITE_TRACKER_H

#include "store/manifest.h"
#include "store/sqlite/connection.h"

#define SQLITE_TRACKED_MAX 20

/* Where key and seal are in the file's table: a column that came later stands behind the seal. */
struct sqlite_layout {
	int key[STORE_KEY_COLUMNS_MAX];
	int seal;
};

struct sqlite_tracker {
	struct sqlite_layout layouts[SQLITE_TRACKED_MAX]; /* by store_sealed_number() */
	struct store_touch *touches;                      /* of the transaction, in order */
	struct store_name *names;                         /* of their rows */
	size_t count, cap;
	struct err failure; /* sticky until it is cleared: nothing may be committed */
};

/* Begins to track. E_STORE, logged, where this SQLite has no such hook. */
NODISCARD struct err sqlite_tracker_start(struct sqlite_tracker *tracker,
					  struct sqlite_connection *connection);
/* A transaction has ended. */
void sqlite_tracker_clear(struct sqlite_tracker *tracker);
/* The connection is closed by now, or never made a change. */
void sqlite_tracker_cleanup(struct sqlite_tracker *tracker);

#endif
