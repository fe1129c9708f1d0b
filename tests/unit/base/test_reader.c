/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: bounds, the sticky failure, and what is borrowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"

static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
				0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};

static struct reader reader_over(size_t len)
{
	struct reader r;
	reader_init(&r, view_of(bytes, len));
	return r;
}

static void integers_are_big_endian(void **state)
{
	(void)state;
	struct reader r = reader_over(15);
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_int_equal(reader_u64(&r), 0x08090a0b0c0d0e0fU);
	assert_false(err_failed(reader_end(&r)));
}

static void integers_keep_their_top_bit(void **state)
{
	(void)state;
	uint8_t ones[8];
	struct reader r;
	memset(ones, 0xff, sizeof ones);
	reader_init(&r, VIEW_ARRAY(ones));
	assert_true(reader_u64(&r) == UINT64_MAX);
	reader_init(&r, VIEW_ARRAY(ones));
	assert_true(reader_u32(&r) == UINT32_MAX);
	assert_true(reader_u16(&r) == UINT16_MAX);
	assert_true(reader_u8(&r) == UINT8_MAX);
}

/* One byte too few for each kind: zero, nothing else is read any more, and the end says so. */
static void a_read_past_the_end_fails_for_good(void **state)
{
	(void)state;
	for (size_t len = 0; len < 8; len++) {
		struct reader r = reader_over(len);
		assert_true(reader_u64(&r) == 0);
		assert_true(r.failed);
		assert_int_equal(reader_u8(&r), 0);
		assert_int_equal(reader_remaining(&r).len, 0);
		assert_true(err_is(reader_end(&r), E_FORMAT));
	}
	for (size_t len = 0; len < 4; len++) {
		struct reader r = reader_over(len);
		assert_int_equal(reader_u32(&r), 0);
		assert_true(err_is(reader_end(&r), E_FORMAT));
	}
	struct reader r = reader_over(1);
	assert_int_equal(reader_u16(&r), 0);
	assert_true(err_is(reader_end(&r), E_FORMAT));
	r = reader_over(0);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(err_is(reader_end(&r), E_FORMAT));
}

static void what_is_left_over_is_an_error(void **state)
{
	(void)state;
	struct reader r = reader_over(2);
	(void)reader_u8(&r);
	assert_true(err_is(reader_end(&r), E_FORMAT));
	assert_false(r.failed);
	assert_int_equal(reader_u8(&r), 2);
	assert_false(err_failed(reader_end(&r)));
}

static void bytes_are_borrowed_from_the_input(void **state)
{
	(void)state;
	struct reader r = reader_over(5);
	assert_ptr_equal(reader_bytes(&r, 2).ptr, bytes);
	struct view rest = reader_remaining(&r);
	assert_ptr_equal(rest.ptr, bytes + 2);
	assert_int_equal(rest.len, 3);
	assert_false(err_failed(reader_end(&r)));
	r = reader_over(5);
	assert_int_equal(reader_bytes(&r, 6).len, 0);
	assert_true(r.failed);
	r = reader_over(5);
	assert_int_equal(reader_bytes(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
}

static void nothing_can_be_read_from_nothing(void **state)
{
	(void)state;
	struct reader r;
	reader_init(&r, VIEW_NONE);
	assert_int_equal(reader_bytes(&r, 0).len, 0);
	assert_int_equal(reader_remaining(&r).len, 0);
	assert_false(err_failed(reader_end(&r)));
}

static void blocks_have_a_length_and_a_bound(void **state)
{
	(void)state;
	static const uint8_t block16[] = {0, 3, 'a', 'b', 'c', 9};
	static const uint8_t block32[] = {0, 0, 0, 3, 'a', 'b', 'c'};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
	struct reader r;
	reader_init(&r, VIEW_ARRAY(block16));
	assert_true(view_equal_text(reader_block16(&r, 3), "abc"));
	assert_int_equal(reader_u8(&r), 9);
	reader_init(&r, VIEW_ARRAY(block16));
	assert_int_equal(reader_block16(&r, 2).len, 0); /* allowed is less than there is */
	assert_true(r.failed);
	reader_init(&r, VIEW_ARRAY(block32));
	assert_true(view_equal_text(reader_block32(&r, 3), "abc"));
	assert_false(err_failed(reader_end(&r)));
	reader_init(&r, VIEW_ARRAY(huge));
	assert_int_equal(reader_block32(&r, SIZE_MAX).len, 0);
	assert_true(r.failed);
	reader_init(&r, view_of(block32, 6));
	assert_int_equal(reader_block32(&r, 3).len, 0);
	assert_true(r.failed);
}

static void a_copy_that_is_not_there_is_zeros(void **state)
{
	(void)state;
	uint8_t dst[4] = {9, 9, 9, 9};
	struct reader r = reader_over(4);
	reader_copy(&r, dst, 4);
	assert_memory_equal(dst, bytes, 4);
	r = reader_over(3);
	reader_copy(&r, dst, 4);
	assert_memory_equal(dst, "\0\0\0\0", 4);
	assert_true(r.failed);
}

static void a_value_can_be_refused(void **state)
{
	(void)state;
	struct reader r = reader_over(4);
	(void)reader_u32(&r);
	reader_fail(&r);
	assert_true(err_is(reader_end(&r), E_FORMAT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(integers_keep_their_top_bit),
		cmocka_unit_test(a_read_past_the_end_fails_for_good),
		cmocka_unit_test(what_is_left_over_is_an_error),
		cmocka_unit_test(bytes_are_borrowed_from_the_input),
		cmocka_unit_test(nothing_can_be_read_from_nothing),
		cmocka_unit_test(blocks_have_a_length_and_a_bound),
		cmocka_unit_test(a_copy_that_is_not_there_is_zeros),
		cmocka_unit_test(a_value_can_be_refused),
	};
	return cmocka_run_group_tests_name("base_reader", tests, NULL, NULL);
}
