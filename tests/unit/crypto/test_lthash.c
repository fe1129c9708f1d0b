/* SPDX-License-Identifier: Apache-2.0 */
/* LtHash: a known answer, that order does not matter, and that what was added can be removed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "crypto/lthash.h"

static struct view element(uint8_t n)
{
	static uint8_t bytes[256];
	bytes[n] = n;
	return view_of(&bytes[n], 1);
}

static void add(struct lthash *hash, uint8_t n)
{
	assert_int_equal(lthash_add(hash, element(n)).code, E_OK);
}

static void drop(struct lthash *hash, uint8_t n)
{
	assert_int_equal(lthash_remove(hash, element(n)).code, E_OK);
}

/* FIPS 202: SHAKE-256 of nothing begins 46b9dd2b0ba88d13 233b3feb743eeb24. */
static void an_element_is_spread_by_shake_256(void **state)
{
	static const uint8_t begins[] = {0x46, 0xb9, 0xdd, 0x2b, 0x0b, 0xa8, 0x8d, 0x13,
					 0x23, 0x3b, 0x3f, 0xeb, 0x74, 0x3e, 0xeb, 0x24};
	struct lthash hash = {0};
	uint8_t bytes[LTHASH_LEN];
	(void)state;
	assert_int_equal(lthash_add(&hash, VIEW_NONE).code, E_OK);
	lthash_write(&hash, bytes);
	assert_memory_equal(bytes, begins, sizeof begins);
	assert_int_equal(hash.lanes[0], 0x46b9);
	assert_int_equal(lthash_add(&hash, VIEW_NONE).code, E_OK);
	assert_int_equal(hash.lanes[0], 0x8d72);
	assert_int_equal(hash.lanes[1], 0xba56); /* carries stay in their lane */
}

static void order_does_not_matter(void **state)
{
	struct lthash a = {0}, b = {0};
	(void)state;
	for (uint8_t n = 0; n < 50; n++) {
		add(&a, n);
		add(&b, (uint8_t)(49 - n));
	}
	assert_true(lthash_equal(&a, &b));
}

static void every_element_counts(void **state)
{
	struct lthash all = {0}, without;
	(void)state;
	for (uint8_t n = 0; n < 20; n++)
		add(&all, n);
	for (uint8_t n = 0; n < 20; n++) {
		without = all;
		drop(&without, n);
		assert_false(lthash_equal(&all, &without));
		add(&without, n);
		assert_true(lthash_equal(&all, &without));
	}
	without = all;
	add(&without, 3); /* twice is not once */
	assert_false(lthash_equal(&all, &without));
}

static void nothing_is_left_when_all_is_removed(void **state)
{
	struct lthash hash = {0};
	const struct lthash none = {0};
	(void)state;
	drop(&hash, 1); /* before it was there */
	assert_false(lthash_equal(&hash, &none));
	add(&hash, 1);
	assert_true(lthash_equal(&hash, &none));
}

static void hashes_of_parts_make_the_hash_of_the_whole(void **state)
{
	struct lthash whole = {0}, left = {0}, right = {0};
	(void)state;
	for (uint8_t n = 0; n < 30; n++) {
		add(&whole, n);
		add(n % 2 ? &left : &right, n);
	}
	struct lthash sum = left;
	lthash_combine(&sum, &right);
	assert_true(lthash_equal(&sum, &whole));
	lthash_subtract(&sum, &left);
	assert_true(lthash_equal(&sum, &right));
}

static void bytes_hold_every_lane(void **state)
{
	struct lthash hash = {0}, again;
	uint8_t bytes[LTHASH_LEN];
	(void)state;
	for (uint8_t n = 0; n < 5; n++)
		add(&hash, n);
	lthash_write(&hash, bytes);
	lthash_read(bytes, &again);
	assert_true(lthash_equal(&hash, &again));
	assert_int_equal(bytes[2 * 700] << 8 | bytes[2 * 700 + 1], hash.lanes[700]);
}

static void *sum_on(void *user)
{
	struct lthash *hash = user;
	for (uint8_t n = 0; n < 200; n++)
		if (lthash_add(hash, view_of(&n, 1)).code != E_OK)
			return user;
	return NULL;
}

static void threads_have_contexts_of_their_own(void **state)
{
	struct lthash hashes[4] = {{{0}}};
	pthread_t threads[4];
	void *failed = NULL;
	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sum_on, &hashes[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
		assert_true(lthash_equal(&hashes[i], &hashes[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_element_is_spread_by_shake_256),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(every_element_counts),
		cmocka_unit_test(nothing_is_left_when_all_is_removed),
		cmocka_unit_test(hashes_of_parts_make_the_hash_of_the_whole),
		cmocka_unit_test(bytes_hold_every_lane),
		cmocka_unit_test(threads_have_contexts_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
