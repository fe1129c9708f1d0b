/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each sealed row is, as far as this process knows: once the whole has been verified, no row
 * is believed that is another, and none may be missing. It follows the commits of this process, and
 * through the manifest those of others.
 *
 * A row is judged as of the epoch that the manifest had where it was read: the last changes are
 * kept, so that a reader is not refused what was true when it looked. Not thread-safe: the owner
 * locks.
 */
#ifndef HOLDFAST_STORE_EXPECTATION_H
#define HOLDFAST_STORE_EXPECTATION_H

#include "store/places.h"

#define STORE_HISTORY_MAX 4096
#define STORE_TABLES_MAX 20

/* A place before and after. */
struct store_past {
	uint64_t from, epoch; /* it was changed by a commit behind `from`, up to `epoch` */
	struct store_imprint row;
	bool came; /* the row came; else it went */
};

struct store_expectation {
	bool active;              /* false: nothing is expected */
	bool lost;                /* what is expected has to be found anew: a look at everything */
	uint64_t epoch;           /* of the manifest that `rows` are of */
	uint64_t floor;           /* history reaches back to this epoch */
	struct store_tally tally; /* of that manifest */
	struct store_places rows; /* place: the beginning of its seal */
	struct store_places groups;        /* group: how many rows it has */
	uint64_t tables[STORE_TABLES_MAX]; /* by number: how many rows it has */
	struct store_past *history;        /* STORE_HISTORY_MAX, in a ring */
	uint64_t recorded; /* since ever: the next is at recorded % STORE_HISTORY_MAX */
};

/* Empty and not active. */
NODISCARD struct err store_expectation_init(struct store_expectation *e);
void store_expectation_cleanup(struct store_expectation *e);

/* While it is not active: the rows one by one, then what manifest they are of. */
NODISCARD struct err store_expectation_note(struct store_expectation *e,
					    const struct store_imprint *row);
void store_expectation_drop(struct store_expectation *e, const struct store_imprint *row);
void store_expectation_begin(struct store_expectation *e, uint64_t epoch,
			     const struct store_tally *tally);

/*
 * What a transaction of this process is about to commit as `epoch`. E_STORE_SEAL: it meets a row
 * that is not the expected one; *refused is the touch. Nothing is changed then.
 */
NODISCARD struct err store_expectation_apply(struct store_expectation *e,
					     const struct store_touch *touches, size_t count,
					     const struct store_tally *tally, size_t *refused);
/* The commit of store_expectation_apply() did not happen. `tally` is the one of before. */
void store_expectation_undo(struct store_expectation *e, const struct store_tally *tally);

/* Others have committed: the manifest is another by now. E_STORE_CONFLICT: too many rows differ to
 * name them; it has to be made anew. */
NODISCARD struct err store_expectation_adopt(struct store_expectation *e, uint64_t epoch,
					     const struct store_tally *tally);

/* When something was read. */
struct store_moment {
	uint64_t epoch;
	/* What the manifest of then has and `rows` have not (missing), and the other way round:
	 * then it is exact, whatever others have committed before and since. NULL: what is
	 * remembered. */
	const struct store_difference *difference;
};

/*
 * Of what was read then: a row that was there, that none was in the place, and how many rows a
 * group had. E_STORE_SEAL: it was not so. E_STORE_BUSY: it cannot be told any more, read again.
 */
NODISCARD struct err store_expectation_row(const struct store_expectation *e,
					   const struct store_moment *at,
					   const struct store_imprint *row);
NODISCARD struct err store_expectation_none(const struct store_expectation *e,
					    const struct store_moment *at,
					    const uint8_t place[STORE_PLACE_LEN]);
/* How many rows a table had then, or a group of it. */
struct store_counted {
	size_t table;         /* store_sealed_number() */
	const uint8_t *group; /* STORE_PLACE_LEN; NULL: all of the table */
};
NODISCARD struct err store_expectation_count(const struct store_expectation *e,
					     const struct store_moment *at,
					     const struct store_counted *of, uint64_t *out);
NODISCARD struct err store_expectation_group(const struct store_expectation *e,
					     const struct store_moment *at,
					     const uint8_t group[STORE_PLACE_LEN], uint64_t count);

#endif
