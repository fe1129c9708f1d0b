/* SPDX-License-Identifier: Apache-2.0 */
/* What is expected of rows, now and as of an epoch that has passed. */
#include "base/mem.h"
#include "base/writer.h"
#include "store/expectation.h"
#include "tests/support/assert_err.h"

/* Row `n` in its state `s`, of group n / 100. */
static struct store_imprint row(uint32_t n, uint32_t s)
{
	struct store_imprint made = {.table = 1};
	struct writer w;
	writer_init(&w, made.place, sizeof made.place);
	writer_u32(&w, n + 1);
	writer_init(&w, made.group, sizeof made.group);
	writer_u32(&w, n / 100 + 1);
	writer_init(&w, made.seal, sizeof made.seal);
	writer_u32(&w, n * 1000 + s);
	return made;
}

struct world {
	struct store_expectation e;
	struct store_tally tally;
};

/* Rows 0 to 9, in state 0, as of epoch 10. */
static int setup(void **state)
{
	struct world *w = NULL;
	assert_ok(MEM_NEW(&w));
	assert_ok(store_expectation_init(&w->e));
	for (uint32_t n = 0; n < 10; n++) {
		struct store_imprint made = row(n, 0);
		assert_ok(store_expectation_note(&w->e, &made));
		assert_ok(store_tally_add(&w->tally, &made, NULL));
	}
	store_expectation_begin(&w->e, 10, &w->tally);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	store_expectation_cleanup(&w->e);
	mem_free(w);
	return 0;
}

static void touches_count(struct store_tally *tally, const struct store_touch *touches,
			  size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_ok(touches[i].came ? store_tally_add(tally, &touches[i].row, NULL)
					  : store_tally_remove(tally, &touches[i].row, NULL));
}

/* Row `n` goes from state `from` to state `to`. */
static struct err change(struct world *w, uint32_t n, uint32_t from, uint32_t to)
{
	const struct store_touch touches[] = {{false, row(n, from)}, {true, row(n, to)}};
	struct store_tally next = w->tally;
	size_t refused = 0;
	touches_count(&next, touches, 2);
	TRY(store_expectation_apply(&w->e, touches, 2, &next, &refused));
	w->tally = next;
	return OK;
}

static enum err_code judge(const struct world *w, uint64_t epoch, uint32_t n, uint32_t s)
{
	struct store_imprint made = row(n, s);
	return store_expectation_row(&w->e, &(struct store_moment){epoch, NULL}, &made).code;
}

static enum err_code judge_none(const struct world *w, uint64_t epoch, uint32_t n)
{
	struct store_imprint made = row(n, 0);
	return store_expectation_none(&w->e, &(struct store_moment){epoch, NULL}, made.place).code;
}

static enum err_code judge_group(const struct world *w, uint64_t epoch, uint64_t count)
{
	struct store_imprint made = row(0, 0);
	return store_expectation_group(&w->e, &(struct store_moment){epoch, NULL}, made.group,
				       count)
		.code;
}

static void rows_are_expected_as_they_are(void **state)
{
	const struct world *w = *state;
	assert_int_equal(judge(w, 10, 3, 0), E_OK);
	assert_int_equal(judge(w, 10, 3, 1), E_STORE_SEAL);
	assert_int_equal(judge(w, 10, 50, 0), E_STORE_SEAL);
	assert_int_equal(judge_none(w, 10, 50), E_OK);
	assert_int_equal(judge_none(w, 10, 3), E_STORE_SEAL);
	assert_int_equal(judge_group(w, 10, 10), E_OK);
	assert_int_equal(judge_group(w, 10, 9), E_STORE_SEAL);
}

static void a_reader_is_judged_by_the_epoch_it_saw(void **state)
{
	struct world *w = *state;
	assert_ok(change(w, 3, 0, 1));
	assert_ok(change(w, 3, 1, 2));
	for (uint32_t epoch = 10; epoch <= 12; epoch++)
		for (uint32_t s = 0; s <= 2; s++)
			assert_int_equal(judge(w, epoch, 3, s),
					 s == epoch - 10 ? E_OK : E_STORE_SEAL);
	assert_int_equal(judge(w, 10, 4, 0), E_OK);
}

static void groups_are_counted_by_the_epoch(void **state)
{
	struct world *w = *state;
	const struct store_touch went = {false, row(5, 0)};
	struct store_tally next = w->tally;
	size_t refused = 0;
	touches_count(&next, &went, 1);
	assert_ok(store_expectation_apply(&w->e, &went, 1, &next, &refused));
	assert_int_equal(judge_group(w, 10, 10), E_OK);
	assert_int_equal(judge_group(w, 11, 9), E_OK);
	assert_int_equal(judge_group(w, 11, 10), E_STORE_SEAL);
	assert_int_equal(judge_none(w, 11, 5), E_OK);
	assert_int_equal(judge_none(w, 10, 5), E_STORE_SEAL);
}

static void a_commit_that_fails_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct store_tally before = w->tally;
	assert_ok(change(w, 1, 0, 1));
	store_expectation_undo(&w->e, &before);
	w->tally = before;
	assert_int_equal(w->e.epoch, 10);
	assert_int_equal(judge(w, 10, 1, 0), E_OK);
	assert_ok(change(w, 1, 0, 7));
	assert_int_equal(judge(w, 10, 1, 0), E_OK);
	assert_int_equal(judge(w, 11, 1, 7), E_OK);
	assert_int_equal(judge(w, 11, 1, 1), E_STORE_SEAL);
}

static void a_transaction_that_meets_another_row_changes_nothing(void **state)
{
	struct world *w = *state;
	const struct store_touch touches[] = {
		{false, row(1, 0)}, {true, row(1, 1)}, {true, row(60, 0)}, {false, row(2, 9)}};
	size_t refused = 0;
	assert_err(store_expectation_apply(&w->e, touches, ARRAY_LEN(touches), &w->tally, &refused),
		   E_STORE_SEAL);
	assert_int_equal(refused, 3);
	assert_int_equal(w->e.epoch, 10);
	assert_int_equal(judge(w, 10, 1, 0), E_OK);
	assert_int_equal(judge_none(w, 10, 60), E_OK);
	assert_int_equal(judge_group(w, 10, 10), E_OK);
}

static void a_row_that_comes_twice_is_refused(void **state)
{
	struct world *w = *state;
	const struct store_touch touch = {true, row(1, 1)};
	size_t refused = 0;
	assert_err(store_expectation_apply(&w->e, &touch, 1, &w->tally, &refused), E_STORE_SEAL);
}

/* Row 1 changes, row 2 goes, row 11 comes, between epochs 10 and 15. */
static void adopt(struct world *w)
{
	const struct store_touch touches[] = {
		{false, row(1, 0)}, {true, row(1, 1)}, {false, row(2, 0)}, {true, row(11, 0)}};
	touches_count(&w->tally, touches, ARRAY_LEN(touches));
	assert_ok(store_expectation_adopt(&w->e, 15, &w->tally));
}

static void what_others_commit_is_adopted(void **state)
{
	struct world *w = *state;
	adopt(w);
	assert_int_equal(w->e.epoch, 15);
	assert_int_equal(judge(w, 15, 1, 1), E_OK);
	assert_int_equal(judge(w, 15, 1, 0), E_STORE_SEAL);
	assert_int_equal(judge_none(w, 15, 2), E_OK);
	assert_int_equal(judge(w, 15, 11, 0), E_OK);
	assert_int_equal(judge_group(w, 15, 10), E_OK);
	assert_int_equal(judge(w, 10, 1, 0), E_OK);
	assert_int_equal(judge(w, 10, 1, 1), E_STORE_SEAL);
}

/* In between nobody knows when it changed: either is possible, and no third. */
static void between_two_looks_either_is_possible(void **state)
{
	struct world *w = *state;
	adopt(w);
	assert_int_equal(judge(w, 12, 1, 0), E_OK);
	assert_int_equal(judge(w, 12, 1, 1), E_OK);
	assert_int_equal(judge(w, 12, 1, 2), E_STORE_BUSY); /* between the two, perhaps */
	assert_int_equal(judge_none(w, 12, 2), E_OK);
	assert_int_equal(judge(w, 12, 2, 0), E_OK);
	assert_int_equal(judge(w, 12, 3, 1), E_STORE_SEAL);
	assert_int_equal(judge_group(w, 12, 10), E_STORE_BUSY);
}

/* The manifest that was read with a row tells what nobody here has seen. */
static void a_state_between_two_looks_is_judged_by_its_manifest(void **state)
{
	struct world *w = *state;
	struct store_tally then = w->tally;
	struct store_difference d;
	const struct store_touch touches[] = {
		{false, row(1, 0)}, {true, row(1, 2)}, {false, row(4, 0)}};
	const struct store_moment at = {12, &d};
	touches_count(&then, touches, ARRAY_LEN(touches));
	adopt(w);
	assert_ok(store_tally_compare(&then, &w->e.tally, &d));
	struct store_imprint first = row(1, 1), second = row(1, 2), gone = row(4, 0);
	assert_ok(store_expectation_row(&w->e, &at, &second));
	assert_err(store_expectation_row(&w->e, &at, &first), E_STORE_SEAL);
	assert_err(store_expectation_none(&w->e, &at, second.place), E_STORE_SEAL);
	assert_ok(store_expectation_none(&w->e, &at, gone.place));
	assert_err(store_expectation_row(&w->e, &at, &gone), E_STORE_SEAL);
	assert_ok(store_expectation_group(&w->e, &at, gone.group, 9));
	assert_err(store_expectation_group(&w->e, &at, gone.group, 10), E_STORE_SEAL);
}

/* What was undone must not make the history seem longer than it is. */
static void an_undone_change_does_not_bring_history_back(void **state)
{
	struct world *w = *state;
	uint32_t s = 0;
	for (; s < STORE_HISTORY_MAX; s++) /* two entries each */
		assert_ok(change(w, 1, s, s + 1));
	uint64_t floor = w->e.floor;
	assert_true(floor > 10);
	struct store_tally before = w->tally;
	assert_ok(change(w, 1, s, s + 1));
	store_expectation_undo(&w->e, &before);
	w->tally = before;
	assert_ok(change(w, 1, s, s + 1));
	assert_true(w->e.floor >= floor);
	assert_int_equal(judge(w, 10, 1, 0), E_STORE_BUSY);
}

static void too_many_changes_of_others_are_told(void **state)
{
	struct world *w = *state;
	struct store_tally next = w->tally;
	for (uint32_t n = 200; n < 500; n++) {
		struct store_imprint made = row(n, 0);
		assert_ok(store_tally_add(&next, &made, NULL));
	}
	assert_err(store_expectation_adopt(&w->e, 15, &next), E_STORE_CONFLICT);
	assert_int_equal(w->e.epoch, 10);
	assert_int_equal(judge(w, 10, 1, 0), E_OK);
}

static void what_is_forgotten_is_not_judged(void **state)
{
	struct world *w = *state;
	for (uint32_t s = 0; s < STORE_HISTORY_MAX; s++) /* two entries each */
		assert_ok(change(w, 1, s, s + 1));
	assert_int_equal(judge(w, 10, 1, 0), E_STORE_BUSY);
	assert_int_equal(judge(w, w->e.epoch - 5, 1, STORE_HISTORY_MAX - 5), E_OK);
	assert_int_equal(judge(w, w->e.epoch - 5, 1, STORE_HISTORY_MAX), E_STORE_SEAL);
	assert_int_equal(judge(w, w->e.epoch, 1, STORE_HISTORY_MAX), E_OK);
	assert_int_equal(judge(w, w->e.epoch, 2, 0), E_OK);
}

/* More in one transaction than is remembered: when it fails, nothing is known any more. */
static void a_large_transaction_that_fails_loses_what_was_known(void **state)
{
	struct world *w = *state;
	struct store_touch *touches = NULL;
	size_t refused = 0;
	const struct store_tally before = w->tally;
	assert_ok(MEM_NEW_ARRAY(STORE_HISTORY_MAX + 1, &touches));
	for (uint32_t n = 0; n <= STORE_HISTORY_MAX; n++)
		touches[n] = (struct store_touch){true, row(1000 + n, 0)};
	assert_ok(
		store_expectation_apply(&w->e, touches, STORE_HISTORY_MAX + 1, &before, &refused));
	mem_free(touches);
	assert_int_equal(judge(w, 11, 1000, 0), E_OK);
	assert_int_equal(judge(w, 10, 1, 0), E_STORE_BUSY);
	store_expectation_undo(&w->e, &before);
	assert_true(w->e.lost);
	assert_int_equal(judge(w, 10, 1, 0), E_STORE_BUSY);
	assert_err(store_expectation_adopt(&w->e, 12, &before), E_STORE_CONFLICT);
}

/* ---- the map underneath ---- */

static void places_hold_what_is_put(void **state)
{
	struct store_places places;
	(void)state;
	assert_ok(store_places_init(&places));
	for (uint32_t n = 0; n < 5000; n++) {
		struct store_imprint made = row(n, 1);
		assert_ok(store_places_put(&places, made.place, made.seal));
	}
	for (uint32_t n = 0; n < 5000; n += 2) {
		struct store_imprint made = row(n, 1);
		store_places_remove(&places, made.place);
		store_places_remove(&places, made.place);
	}
	assert_int_equal(places.count, 2500);
	for (uint32_t n = 0; n < 5000; n++) {
		struct store_imprint made = row(n, 1);
		const uint8_t *value = store_places_get(&places, made.place);
		if (n % 2 == 0)
			assert_null(value);
		else
			assert_memory_equal(value, made.seal, sizeof made.seal);
	}
	store_places_cleanup(&places);
}

/* ---- tables ---- */

static uint64_t rows_then(struct world *w, uint64_t epoch, const struct store_difference *d)
{
	const struct store_moment at = {.epoch = epoch, .difference = d};
	const struct store_counted all = {.table = 1}, none = {.table = 2};
	uint64_t rows = 0, others = 1;
	assert_ok(store_expectation_count(&w->e, &at, &none, &others));
	assert_int_equal(others, 0);
	assert_ok(store_expectation_count(&w->e, &at, &all, &rows));
	return rows;
}

static void rows_of_a_table_are_counted_by_the_epoch(void **state)
{
	struct world *w = *state;
	const struct store_touch touches[] = {{true, row(50, 0)}, {true, row(51, 0)}};
	const struct store_tally first = w->tally;
	struct store_difference d;
	size_t refused = 0;
	assert_ok(change(w, 1, 0, 1)); /* one for another */
	assert_int_equal(rows_then(w, w->e.epoch, NULL), 10);
	const struct store_tally before = w->tally;
	touches_count(&w->tally, touches, 2);
	assert_ok(store_expectation_apply(&w->e, touches, 2, &w->tally, &refused));
	assert_int_equal(rows_then(w, 12, NULL), 12);
	assert_int_equal(rows_then(w, 11, NULL), 10);
	assert_int_equal(rows_then(w, 10, NULL), 10);
	assert_ok(store_tally_compare(&first, &w->e.tally, &d));
	assert_int_equal(rows_then(w, 10, &d), 10);
	store_expectation_undo(&w->e, &before);
	assert_int_equal(rows_then(w, 11, NULL), 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_are_expected_as_they_are),
		TEST(a_reader_is_judged_by_the_epoch_it_saw),
		TEST(groups_are_counted_by_the_epoch),
		TEST(a_commit_that_fails_leaves_nothing),
		TEST(a_transaction_that_meets_another_row_changes_nothing),
		TEST(a_row_that_comes_twice_is_refused),
		TEST(what_others_commit_is_adopted),
		TEST(between_two_looks_either_is_possible),
		TEST(a_state_between_two_looks_is_judged_by_its_manifest),
		TEST(an_undone_change_does_not_bring_history_back),
		TEST(too_many_changes_of_others_are_told),
		TEST(what_is_forgotten_is_not_judged),
		TEST(a_large_transaction_that_fails_loses_what_was_known),
		TEST(rows_of_a_table_are_counted_by_the_epoch),
		cmocka_unit_test(places_hold_what_is_put),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
