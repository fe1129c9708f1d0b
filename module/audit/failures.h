/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: failed authentications, counted per (source, reason) within a window.
 * Sources beyond the bound share a row per reason, and reasons beyond theirs the last of those, so
 * that no flood makes more than FAILURES_ROWS records a window. Thread-safe.
 */
#ifndef HOLDFAST_AUDIT_FAILURES_H
#define HOLDFAST_AUDIT_FAILURES_H

#include <pthread.h>

#include "base/map.h"
#include "base/writer.h"

#define FAILURES_SOURCES 240 /* rows of one (source, reason) each */
#define FAILURES_OVERFLOW 16 /* rows of one reason, or of the rest */
#define FAILURES_ROWS (FAILURES_SOURCES + FAILURES_OVERFLOW)
#define FAILURES_TEXT_MAX 64 /* longer sources and reasons are cut */

struct failures_row {
	char key[2 * FAILURES_TEXT_MAX + 1]; /* reason, NUL, source */
	uint8_t reason_len, source_len;
	bool overflow; /* of any source */
	uint64_t count;
	int64_t first_ms, last_ms; /* real time */
};

struct failures_table {
	struct failures_row rows[FAILURES_ROWS];
	size_t sources, overflows; /* rows in use, of the first and of the second kind */
	struct map by_key;         /* of the first kind */
};

struct failures {
	pthread_mutex_t lock;
	struct failures_table *live;  /* counted into */
	struct failures_table *spare; /* handed out while it is written */
};

/* E_NOMEM, E_SYSTEM. failures_cleanup() in any case. */
NODISCARD struct err failures_init(struct failures *f);
void failures_cleanup(struct failures *f);

/* True when this is the first since the table was taken: a window begins. */
bool failures_count(struct failures *f, struct view source, struct view reason, int64_t now_ms);

/*
 * Takes what was counted: NULL when nothing was. Then failures_done(), which empties it, or puts
 * its counts back when they could not be written.
 */
const struct failures_table *failures_take(struct failures *f);
void failures_done(struct failures *f, bool written);

/* The row of a table with this number, 0..; NULL at the end. */
const struct failures_row *failures_row_at(const struct failures_table *table, size_t at);

/* The row as one audit record. */
NODISCARD struct err failures_row_write(const struct failures_row *row, struct writer *w);

#endif
