/* SPDX-License-Identifier: Apache-2.0 */
#include "store/expectation.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/writer.h"

NODISCARD struct err store_expectation_init(struct store_expectation *e)
{
	*e = (struct store_expectation){0};
	TRY(store_places_init(&e->rows));
	TRY(store_places_init(&e->groups));
	return MEM_NEW_ARRAY(STORE_HISTORY_MAX, &e->history);
}

void store_expectation_cleanup(struct store_expectation *e)
{
	store_places_cleanup(&e->rows);
	store_places_cleanup(&e->groups);
	mem_free(TAKE(e->history));
	e->active = false;
}

/* ---- groups ---- */

static bool has_group(const struct store_imprint *row)
{
	static const uint8_t none[STORE_PLACE_LEN];
	return !mem_equal(row->group, none, sizeof none);
}

static uint64_t group_count(const struct store_expectation *e, const uint8_t group[STORE_PLACE_LEN])
{
	const uint8_t *value = store_places_get(&e->groups, group);
	struct reader r;
	if (value == NULL)
		return 0;
	reader_init(&r, view_of(value, STORE_PLACE_LEN));
	return reader_u64(&r);
}

static struct err group_set(struct store_expectation *e, const uint8_t group[STORE_PLACE_LEN],
			    uint64_t count)
{
	uint8_t value[STORE_PLACE_LEN] = {0};
	struct writer w;
	if (count == 0) {
		store_places_remove(&e->groups, group);
		return OK;
	}
	writer_init(&w, value, sizeof value);
	writer_u64(&w, count);
	return store_places_put(&e->groups, group, value);
}

/* ---- rows ---- */

NODISCARD struct err store_expectation_note(struct store_expectation *e,
					    const struct store_imprint *row)
{
	bool new = store_places_get(&e->rows, row->place) == NULL;
	ENSURE(row->table < STORE_TABLES_MAX);
	TRY(store_places_put(&e->rows, row->place, row->seal));
	e->tables[row->table] += new;
	if (!has_group(row))
		return OK;
	return group_set(e, row->group, group_count(e, row->group) + 1);
}

void store_expectation_drop(struct store_expectation *e, const struct store_imprint *row)
{
	if (row->table < STORE_TABLES_MAX)
		e->tables[row->table] -= store_places_get(&e->rows, row->place) != NULL;
	store_places_remove(&e->rows, row->place);
	/* Room is there already. */
	if (has_group(row))
		(void)group_set(e, row->group, group_count(e, row->group) - 1);
}

void store_expectation_begin(struct store_expectation *e, uint64_t epoch,
			     const struct store_tally *tally)
{
	e->epoch = e->floor = epoch;
	e->tally = *tally;
	e->active = true;
}

/* ---- changes ---- */

/* One place, forwards or backwards. */
static struct err touch_take(struct store_expectation *e, const struct store_imprint *row,
			     bool came)
{
	if (came)
		return store_expectation_note(e, row);
	store_expectation_drop(e, row);
	return OK;
}

/* What went was as expected, and where a row came there was none. */
static bool is_expected(const struct store_expectation *e, const struct store_touch *touch)
{
	const uint8_t *there = store_places_get(&e->rows, touch->row.place);
	if (touch->came)
		return there == NULL;
	return there != NULL && mem_equal(there, touch->row.seal, STORE_PLACE_LEN);
}

static void past_record(struct store_expectation *e, const struct store_touch *touch,
			uint64_t epoch)
{
	struct store_past *past = &e->history[e->recorded % STORE_HISTORY_MAX];
	if (e->recorded >= STORE_HISTORY_MAX)
		/* What it was before is not known any more. Never lower: a change that was undone
		 * has left a 0. */
		e->floor = MAX_OF(e->floor, past->epoch);
	*past = (struct store_past){e->epoch, epoch, touch->row, touch->came};
	e->recorded++;
}

static struct err touches_take(struct store_expectation *e, const struct store_touch *touches,
			       size_t count, uint64_t epoch, size_t *taken)
{
	for (*taken = 0; *taken < count; ++*taken) {
		const struct store_touch *touch = &touches[*taken];
		REQUIRE(is_expected(e, touch), E_STORE_SEAL);
		TRY(touch_take(e, &touch->row, touch->came));
		past_record(e, touch, epoch);
	}
	return OK;
}

/* The last `count` changes. Those that are not remembered cannot be taken back. */
static void changes_undo(struct store_expectation *e, size_t count)
{
	if (count > STORE_HISTORY_MAX) {
		e->lost = true;
		return;
	}
	for (; count > 0; count--) {
		struct store_past *past = &e->history[--e->recorded % STORE_HISTORY_MAX];
		if (err_failed(touch_take(e, &past->row, !past->came)))
			e->lost = true;
		past->epoch = 0; /* where it stands, older ones have been forgotten */
	}
}

NODISCARD struct err store_expectation_apply(struct store_expectation *e,
					     const struct store_touch *touches, size_t count,
					     const struct store_tally *tally, size_t *refused)
{
	struct err result = touches_take(e, touches, count, e->epoch + 1, refused);
	if (err_failed(result)) {
		changes_undo(e, *refused);
		return result;
	}
	e->epoch++;
	e->tally = *tally;
	return OK;
}

void store_expectation_undo(struct store_expectation *e, const struct store_tally *tally)
{
	size_t count = 0;
	if (e->floor >= e->epoch)
		e->lost = true; /* what was before is not remembered */
	while (count < MIN_OF(e->recorded, (uint64_t)STORE_HISTORY_MAX) &&
	       e->history[(e->recorded - 1 - count) % STORE_HISTORY_MAX].epoch == e->epoch)
		count++;
	changes_undo(e, count);
	e->epoch--;
	e->tally = *tally;
}

NODISCARD struct err store_expectation_adopt(struct store_expectation *e, uint64_t epoch,
					     const struct store_tally *tally)
{
	struct store_difference d;
	struct store_touch touches[2 * STORE_CELLS];
	size_t count = 0, taken = 0;
	REQUIRE(!e->lost, E_STORE_CONFLICT);
	TRY(store_tally_compare(tally, &e->tally, &d));
	REQUIRE(d.named, E_STORE_CONFLICT);
	for (size_t i = 0; i < d.extra_count; i++)
		touches[count++] = (struct store_touch){false, d.extra[i]};
	for (size_t i = 0; i < d.missing_count; i++)
		touches[count++] = (struct store_touch){true, d.missing[i]};
	struct err result = touches_take(e, touches, count, epoch, &taken);
	if (err_failed(result)) {
		changes_undo(e, taken);
		return result;
	}
	e->epoch = epoch;
	e->tally = *tally;
	return OK;
}

/* ---- as of an epoch ---- */

/* What may have been in a place: one seal or, where others committed meanwhile, one of some. */
#define POSSIBLE_MAX 4
struct possible {
	const uint8_t *seals[POSSIBLE_MAX]; /* NULL: no row */
	size_t count;
};

static bool is_possible(const struct possible *possible, const uint8_t *seal)
{
	for (size_t i = 0; i < possible->count; i++) {
		const uint8_t *other = possible->seals[i];
		if (seal == NULL || other == NULL ? seal == other
						  : mem_equal(seal, other, STORE_PLACE_LEN))
			return true;
	}
	return false;
}

/* Changes behind `epoch`, the newest first; ends with NULL. *at begins with 0. */
static const struct store_past *past_next(const struct store_expectation *e, uint64_t epoch,
					  uint64_t *at)
{
	if (*at == MIN_OF(e->recorded, (uint64_t)STORE_HISTORY_MAX))
		return NULL;
	const struct store_past *past = &e->history[(e->recorded - 1 - *at) % STORE_HISTORY_MAX];
	++*at;
	return past->epoch > epoch ? past : NULL;
}

static void possible_find(const struct store_expectation *e, uint64_t epoch,
			  const uint8_t place[STORE_PLACE_LEN], struct possible *out)
{
	uint64_t at = 0;
	*out = (struct possible){.seals = {store_places_get(&e->rows, place)}, .count = 1};
	for (const struct store_past *past = NULL; (past = past_next(e, epoch, &at)) != NULL;) {
		if (!mem_equal(past->row.place, place, STORE_PLACE_LEN))
			continue;
		/* A commit of somebody's between the two that we saw: before or after it. */
		if (past->from < epoch && out->count < POSSIBLE_MAX)
			out->seals[out->count++] = out->seals[0];
		out->seals[0] = past->came ? NULL : past->row.seal;
	}
}

static struct err epoch_check(const struct store_expectation *e, uint64_t epoch)
{
	REQUIRE(!e->lost && epoch >= e->floor, E_STORE_BUSY);
	ENSURE(epoch <= e->epoch);
	return OK;
}

/* What came since has gone, and what went is there. */
static const uint8_t *seal_then(const struct store_expectation *e, const struct store_difference *d,
				const uint8_t place[STORE_PLACE_LEN])
{
	for (size_t i = 0; i < d->missing_count; i++)
		if (mem_equal(d->missing[i].place, place, STORE_PLACE_LEN))
			return d->missing[i].seal;
	for (size_t i = 0; i < d->extra_count; i++)
		if (mem_equal(d->extra[i].place, place, STORE_PLACE_LEN))
			return NULL;
	return store_places_get(&e->rows, place);
}

/* `seal` is NULL for no row. */
static struct err seal_judge(const struct store_expectation *e, const struct store_moment *at,
			     const uint8_t place[STORE_PLACE_LEN], const uint8_t *seal)
{
	struct possible possible = {.count = 1};
	if (at->difference == NULL) {
		TRY(epoch_check(e, at->epoch));
		possible_find(e, at->epoch, place, &possible);
	} else {
		REQUIRE(!e->lost, E_STORE_BUSY);
		possible.seals[0] = seal_then(e, at->difference, place);
	}
	if (is_possible(&possible, seal))
		return OK;
	/* Others have committed behind what was read and before it was judged: which of the states
	 * between is the one that was met, nobody knows. */
	REQUIRE(possible.count == 1, E_STORE_BUSY);
	return ERR(E_STORE_SEAL);
}

NODISCARD struct err store_expectation_row(const struct store_expectation *e,
					   const struct store_moment *at,
					   const struct store_imprint *row)
{
	return seal_judge(e, at, row->place, row->seal);
}

NODISCARD struct err store_expectation_none(const struct store_expectation *e,
					    const struct store_moment *at,
					    const uint8_t place[STORE_PLACE_LEN])
{
	return seal_judge(e, at, place, NULL);
}

static bool is_counted(const struct store_imprint *row, const struct store_counted *of)
{
	return of->group != NULL ? mem_equal(row->group, of->group, STORE_PLACE_LEN)
				 : row->table == of->table;
}

static uint64_t count_in(const struct store_imprint *rows, size_t count,
			 const struct store_counted *of)
{
	uint64_t found = 0;
	for (size_t i = 0; i < count; i++)
		found += is_counted(&rows[i], of);
	return found;
}

static struct err count_then(const struct store_expectation *e, const struct store_moment *at,
			     const struct store_counted *of, uint64_t *expected)
{
	uint64_t next = 0;
	TRY(epoch_check(e, at->epoch));
	for (const struct store_past *past = NULL;
	     (past = past_next(e, at->epoch, &next)) != NULL;) {
		if (!is_counted(&past->row, of))
			continue;
		REQUIRE(past->from >= at->epoch, E_STORE_BUSY);
		*expected += past->came ? UINT64_MAX : 1;
	}
	return OK;
}

NODISCARD struct err store_expectation_count(const struct store_expectation *e,
					     const struct store_moment *at,
					     const struct store_counted *of, uint64_t *out)
{
	const struct store_difference *d = at->difference;
	ENSURE(of->table < STORE_TABLES_MAX);
	uint64_t expected = of->group != NULL ? group_count(e, of->group) : e->tables[of->table];
	REQUIRE(!e->lost, E_STORE_BUSY);
	if (d == NULL)
		TRY(count_then(e, at, of, &expected));
	else
		expected += count_in(d->missing, d->missing_count, of) -
			    count_in(d->extra, d->extra_count, of);
	*out = expected;
	return OK;
}

NODISCARD struct err store_expectation_group(const struct store_expectation *e,
					     const struct store_moment *at,
					     const uint8_t group[STORE_PLACE_LEN], uint64_t count)
{
	const struct store_counted of = {.group = group};
	uint64_t expected = 0;
	TRY(store_expectation_count(e, at, &of, &expected));
	REQUIRE(expected == count, E_STORE_SEAL);
	return OK;
}
