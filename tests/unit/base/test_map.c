/* SPDX-License-Identifier: Apache-2.0 */
/* The hash map against a plain array of everything that was put in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/map.h"

#define KEYS 2000

struct item {
	char key[16];
	size_t len;
	bool present;
	int walked;
};

static struct item items[KEYS], twins[KEYS];
static struct map map;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		items[i] = (struct item){.len = i % 15 + 1};
		/* Keys of all lengths, NUL bytes among them; each holds its number. */
		memset(items[i].key, 0, sizeof items[i].key);
		items[i].key[0] = (char)(i & 0xff);
		items[i].key[1] = (char)(i >> 8);
		items[i].len = items[i].len < 2 ? 2 : items[i].len;
		twins[i] = items[i];
	}
	return err_failed(map_init(&map)) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	map_cleanup(&map);
	return 0;
}

static struct view key_of(const struct item *item)
{
	return view_of(item->key, item->len);
}

static void put(struct item *item)
{
	void *old = item;
	assert_false(err_failed(map_put(&map, key_of(item), item, &old)));
	assert_ptr_equal(old, item->present ? item : NULL);
	item->present = true;
}

static void take(struct item *item)
{
	assert_ptr_equal(map_remove(&map, key_of(item)), item->present ? item : NULL);
	item->present = false;
}

static void agrees(void)
{
	size_t count = 0;
	for (size_t i = 0; i < KEYS; i++) {
		assert_ptr_equal(map_get(&map, key_of(&items[i])),
				 items[i].present ? &items[i] : NULL);
		count += items[i].present;
		items[i].walked = 0;
	}
	assert_int_equal(map.count, count);
	size_t at = 0;
	for (struct item *item = map_next(&map, &at); item != NULL; item = map_next(&map, &at)) {
		assert_true(item->present);
		item->walked++;
		count--;
	}
	assert_int_equal(count, 0);
	for (size_t i = 0; i < KEYS; i++)
		assert_int_equal(items[i].walked, items[i].present);
}

static void an_empty_map_has_nothing(void **state)
{
	(void)state;
	size_t at = 0;
	assert_null(map_get(&map, VIEW_LITERAL("a")));
	assert_null(map_remove(&map, VIEW_LITERAL("a")));
	assert_null(map_next(&map, &at));
	map_cleanup(&map);
	map_cleanup(&map);
}

static void what_is_put_is_found_until_it_is_removed(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		put(&items[i]);
	agrees();
	for (size_t i = 0; i < KEYS; i += 2)
		take(&items[i]);
	agrees();
	for (size_t i = 0; i < KEYS; i++)
		take(&items[i]);
	agrees();
}

/* Deletion moves entries back over the hole: long random life, compared at every hundredth step. */
static void a_long_random_life_agrees_with_the_array(void **state)
{
	(void)state;
	srandom(1);
	for (int step = 0; step < 40000; step++) {
		/* Waves of filling and emptying, so that probes are long and short. */
		bool filling = step / 5000 % 2 == 0;
		struct item *item = &items[(size_t)random() % KEYS];
		if (random() % 10 < (filling ? 7 : 3))
			put(item);
		else
			take(item);
		if (step % 400 == 0)
			agrees();
	}
	agrees();
}

/* A table of one short run: every pattern of deletions in it. */
static void every_order_of_deletion_keeps_the_rest(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < 1u << 11; mask++) {
		map_cleanup(&map);
		assert_false(err_failed(map_init(&map))); /* another seed */
		for (size_t i = 0; i < 11; i++)
			items[i].present = false;
		for (size_t i = 0; i < 11; i++)
			put(&items[i]);
		for (size_t i = 0; i < 11; i++)
			if (mask & 1u << i)
				take(&items[i]);
		for (size_t i = 0; i < 11; i++)
			assert_ptr_equal(map_get(&map, key_of(&items[i])),
					 mask & 1u << i ? NULL : &items[i]);
	}
}

static void replacing_borrows_the_new_key(void **state)
{
	(void)state;
	void *old = NULL;
	put(&items[5]);
	assert_false(err_failed(map_put(&map, key_of(&twins[5]), &twins[5], &old)));
	assert_ptr_equal(old, &items[5]);
	assert_int_equal(map.count, 1);
	memset(items[5].key, 0xee, sizeof items[5].key);
	assert_ptr_equal(map_get(&map, key_of(&twins[5])), &twins[5]);
}

static void keys_differ_by_length_too(void **state)
{
	(void)state;
	static char keys[20] = "";
	static int values[ARRAY_LEN(keys)];
	void *old = NULL;
	for (size_t len = 0; len < ARRAY_LEN(keys); len++)
		assert_false(err_failed(map_put(&map, view_of(keys, len), &values[len], &old)));
	for (size_t len = 0; len < ARRAY_LEN(keys); len++)
		assert_ptr_equal(map_get(&map, view_of(keys, len)), &values[len]);
}

static void null_is_no_value(void **state)
{
	(void)state;
	void *old = NULL;
	assert_true(err_is(map_put(&map, VIEW_LITERAL("a"), NULL, &old), E_BUG));
	assert_int_equal(map.count, 0);
}

/* Clients choose keys; they must not be able to choose where these land. */
static void two_maps_order_the_same_keys_differently(void **state)
{
	(void)state;
	struct map other;
	assert_false(err_failed(map_init(&other)));
	size_t same = 0;
	for (size_t i = 0; i < 200; i++) {
		void *old = NULL;
		put(&items[i]);
		assert_false(err_failed(map_put(&other, key_of(&items[i]), &items[i], &old)));
	}
	size_t at = 0;
	size_t other_at = 0;
	for (size_t i = 0; i < 200; i++)
		same += map_next(&map, &at) == map_next(&other, &other_at);
	assert_true(same < 50);
	map_cleanup(&other);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_map_has_nothing),
		TEST(what_is_put_is_found_until_it_is_removed),
		TEST(a_long_random_life_agrees_with_the_array),
		TEST(every_order_of_deletion_keeps_the_rest),
		TEST(replacing_borrows_the_new_key),
		TEST(keys_differ_by_length_too),
		TEST(null_is_no_value),
		TEST(two_maps_order_the_same_keys_differently),
	};
	return cmocka_run_group_tests_name("base_map", tests, NULL, NULL);
}
