/* SPDX-License-Identifier: Apache-2.0 */
/* Tallies: places of rows, what differs between two, and the row that carries one. */
#include "base/mem.h"
#include "kms/sealer.h"
#include "store/manifest.h"
#include "store/tables.h"
#include "tests/support/assert_err.h"

#define SESSIONS store_sealed_number(&store_table_sessions)

static struct store_imprint named_imprint(uint32_t n, struct store_name *name)
{
	struct store_imprint row;
	uint8_t seal[KMS_SEAL_LEN] = {(uint8_t)n, (uint8_t)(n >> 8), 0x55};
	char id[16] = {'k', (char)('a' + n % 26), (char)('a' + n / 26 % 26),
		       (char)('a' + n / 676 % 26)};
	const struct store_value key = {STORE_CHARACTERS, 0, view_of_text(id)};
	assert_ok(store_imprint_make(SESSIONS, &key, VIEW_ARRAY(seal), &row));
	assert_ok(store_name_make(&store_table_sessions, &key, row.place, name));
	return row;
}

static struct store_imprint imprint(uint32_t n)
{
	struct store_name name;
	return named_imprint(n, &name);
}

static void add(struct store_tally *tally, uint32_t first, uint32_t count)
{
	for (uint32_t n = first; n < first + count; n++) {
		struct store_name name;
		struct store_imprint row = named_imprint(n, &name);
		assert_ok(store_tally_add(tally, &row, &name));
	}
}

static void drop(struct store_tally *tally, uint32_t n)
{
	struct store_name name;
	struct store_imprint row = named_imprint(n, &name);
	assert_ok(store_tally_remove(tally, &row, &name));
}

/* ---- places ---- */

static void place_of(const struct store_table *table, struct store_value *key, uint8_t out[16])
{
	assert_ok(store_place_make(table, table->key_count, key, out));
}

static void a_place_is_of_table_and_whole_key(void **state)
{
	struct store_value ab_c[] = {{STORE_CHARACTERS, 0, VIEW_LITERAL("ab")},
				     {STORE_CHARACTERS, 0, VIEW_LITERAL("c")},
				     {STORE_OCTETS, 0, VIEW_LITERAL("d")}};
	struct store_value a_bc[] = {{STORE_CHARACTERS, 0, VIEW_LITERAL("a")},
				     {STORE_CHARACTERS, 0, VIEW_LITERAL("bc")},
				     {STORE_OCTETS, 0, VIEW_LITERAL("d")}};
	uint8_t keys[16], other[16];
	(void)state;
	place_of(&store_table_keys, ab_c, keys);
	place_of(&store_table_keys, a_bc, other);
	assert_memory_not_equal(keys, other, sizeof keys);
	ab_c[2].tag = STORE_CHARACTERS;
	place_of(&store_table_aliases, ab_c, other);
	assert_memory_not_equal(keys, other, sizeof keys);
	place_of(&store_table_keys, ab_c, other); /* the same bytes as text */
	assert_memory_not_equal(keys, other, sizeof keys);
	ab_c[2].tag = STORE_OCTETS;
	place_of(&store_table_keys, ab_c, other);
	assert_memory_equal(keys, other, sizeof keys);
}

static void what_hangs_on_a_key_is_one_group(void **state)
{
	const uint8_t seal[KMS_SEAL_LEN] = {1};
	struct store_value key[] = {{STORE_CHARACTERS, 0, VIEW_LITERAL("a")},
				    {STORE_CHARACTERS, 0, VIEW_LITERAL("b")},
				    {STORE_OCTETS, 0, VIEW_LITERAL("c")},
				    {STORE_CHARACTERS, 0, VIEW_LITERAL("one")}};
	struct store_imprint one, two;
	size_t grants = store_sealed_number(&store_table_grants);
	(void)state;
	assert_ok(store_imprint_make(grants, key, VIEW_ARRAY(seal), &one));
	key[3].bytes = VIEW_LITERAL("two");
	assert_ok(store_imprint_make(grants, key, VIEW_ARRAY(seal), &two));
	assert_memory_equal(one.group, two.group, sizeof one.group);
	assert_memory_not_equal(one.place, two.place, sizeof one.place);
	assert_ok(store_imprint_make(store_sealed_number(&store_table_tags), key, VIEW_ARRAY(seal),
				     &two));
	assert_memory_not_equal(one.group, two.group, sizeof one.group);
}

/* Numbers stand in every manifest. */
static void numbers_of_tables_stay(void **state)
{
	static const char *const names[] = {"installation", "keys",       "versions",    "intents",
					    "outbox",       "principals", "access_keys", "aliases",
					    "tags",         "identities", "sessions",    "grants",
					    "clock_marks",  "audit_heads"};
	(void)state;
	assert_int_equal(store_sealed_count, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_string_equal(store_sealed_tables[i]->name, names[i]);
		assert_int_equal(store_sealed_number(store_sealed_tables[i]), i);
	}
	assert_int_equal(store_sealed_number(&store_table_last_uses), store_sealed_count);
}

/* ---- differences ---- */

static void the_same_rows_are_equal_in_any_order(void **state)
{
	struct store_tally a = {0}, b = {0};
	(void)state;
	add(&a, 0, 100);
	add(&b, 50, 50);
	add(&b, 0, 50);
	assert_true(store_tally_equal(&a, &b));
	drop(&b, 7);
	assert_false(store_tally_equal(&a, &b));
}

static bool told(const struct store_imprint *rows, size_t count, uint32_t n)
{
	struct store_imprint row = imprint(n);
	for (size_t i = 0; i < count; i++)
		if (mem_equal(&rows[i], &row, sizeof row))
			return true;
	return false;
}

/* The name that goes with the imprint is shown as the row's own. */
static bool told_by_name(const struct store_difference *d, uint32_t n)
{
	struct store_name name;
	struct store_imprint row = named_imprint(n, &name);
	char wanted[STORE_KEY_TEXT], found[STORE_KEY_TEXT];
	assert_ok(store_name_show(&store_table_sessions, &name, row.place, wanted));
	assert_string_not_equal(wanted, "");
	for (size_t i = 0; i < d->missing_count; i++) {
		if (!mem_equal(&d->missing[i], &row, sizeof row))
			continue;
		assert_ok(store_name_show(&store_table_sessions, &d->names[i], d->missing[i].place,
					  found));
		assert_string_equal(found, wanted);
		return true;
	}
	return false;
}

/* `lost` rows are missing and `planted` ones are there, beside a thousand others. */
static bool named(uint32_t lost, uint32_t planted, uint32_t salt)
{
	struct store_tally wanted = {0}, found = {0};
	struct store_difference d;
	add(&found, salt, 50);
	wanted = found;
	add(&wanted, salt + 1000, lost);
	add(&found, salt + 2000, planted);
	assert_ok(store_tally_compare(&wanted, &found, &d));
	if (!d.named) {
		assert_int_equal(d.missing_count + d.extra_count, 0);
		return false;
	}
	assert_int_equal(d.missing_count, lost);
	assert_int_equal(d.extra_count, planted);
	for (uint32_t n = 0; n < lost; n++)
		assert_true(told_by_name(&d, salt + 1000 + n));
	for (uint32_t n = 0; n < planted; n++)
		assert_true(told(d.extra, d.extra_count, salt + 2000 + n));
	return true;
}

static void up_to_fifty_rows_that_differ_are_named(void **state)
{
	unsigned all = 0;
	(void)state;
	assert_true(named(0, 0, 0));
	assert_true(named(1, 0, 0));
	assert_true(named(0, 1, 0));
	for (uint32_t salt = 0; salt < 40; salt++) {
		assert_true(named(10, 10, salt));
		all += named(25, 25, salt);
	}
	assert_true(all >= 38);
}

static void more_are_noticed_and_not_named(void **state)
{
	(void)state;
	for (uint32_t salt = 0; salt < 20; salt++)
		assert_false(named(200, 30, salt));
}

/* Whoever changes the cells to point at others is contradicted by the hash. */
static void names_that_the_hash_does_not_confirm_are_not_told(void **state)
{
	struct store_tally wanted = {0}, found = {0}, other = {0};
	struct store_difference d;
	(void)state;
	add(&wanted, 0, 10);
	add(&found, 0, 9);
	add(&other, 0, 8);
	add(&other, 9, 1);
	mem_copy(wanted.cells, sizeof wanted.cells, other.cells, sizeof other.cells);
	assert_ok(store_tally_compare(&wanted, &found, &d));
	assert_false(d.named);
	assert_int_equal(d.missing_count + d.extra_count, 0);
}

static void a_row_carries_the_whole_tally(void **state)
{
	struct store_tally tally = {0}, again;
	struct store_manifest row;
	struct store_difference d;
	(void)state;
	add(&tally, 0, 200);
	store_manifest_write(17, &tally, &row);
	assert_int_equal(row.epoch, 17);
	assert_int_equal(row.rows, 200);
	assert_ok(store_manifest_read(&row, &again));
	assert_true(store_tally_equal(&tally, &again));
	drop(&tally, 5);
	assert_ok(store_tally_compare(&again, &tally, &d));
	assert_true(d.named);
	assert_true(told(d.missing, d.missing_count, 5));
}

/* Of a tally that was written before there were names. */
static void a_tally_without_names_tells_imprints_alone(void **state)
{
	struct store_tally tally = {0}, old, found;
	struct store_manifest row;
	struct store_difference d;
	char text[STORE_KEY_TEXT];
	(void)state;
	add(&tally, 0, 20);
	store_manifest_write(17, &tally, &row);
	assert_int_equal(row.cells_len, STORE_CELLS_LEN);
	row.cells_len = STORE_CELLS_LEN_NAMELESS;
	assert_ok(store_manifest_read(&row, &old));
	assert_true(old.nameless);
	assert_true(store_tally_equal(&tally, &old));
	found = tally;
	drop(&found, 5);
	assert_ok(store_tally_compare(&old, &found, &d));
	assert_true(d.named && told(d.missing, d.missing_count, 5));
	assert_ok(store_name_show(&store_table_sessions, &d.names[0], d.missing[0].place, text));
	assert_string_equal(text, "");
	/* Nor do later rows give it names. */
	add(&old, 100, 1);
	store_manifest_write(18, &old, &row);
	assert_int_equal(row.cells_len, STORE_CELLS_LEN_NAMELESS);
	row.cells_len = STORE_CELLS_LEN - 1;
	assert_int_equal(store_manifest_read(&row, &old).code, E_FORMAT);
}

static void one_row_without_a_name_leaves_a_tally_without(void **state)
{
	struct store_tally tally = {0}, sum = {0};
	struct store_imprint row = imprint(7);
	(void)state;
	add(&tally, 0, 3);
	assert_false(tally.nameless);
	assert_ok(store_tally_add(&tally, &row, NULL));
	assert_true(tally.nameless);
	store_tally_combine(&sum, &tally);
	assert_true(sum.nameless);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_of_table_and_whole_key),
		cmocka_unit_test(what_hangs_on_a_key_is_one_group),
		cmocka_unit_test(numbers_of_tables_stay),
		cmocka_unit_test(the_same_rows_are_equal_in_any_order),
		cmocka_unit_test(up_to_fifty_rows_that_differ_are_named),
		cmocka_unit_test(more_are_noticed_and_not_named),
		cmocka_unit_test(names_that_the_hash_does_not_confirm_are_not_told),
		cmocka_unit_test(a_row_carries_the_whole_tally),
		cmocka_unit_test(a_tally_without_names_tells_imprints_alone),
		cmocka_unit_test(one_row_without_a_name_leaves_a_tally_without),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
