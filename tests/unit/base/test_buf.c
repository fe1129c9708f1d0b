/* SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer: its bound, and that growth and cleanup leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

/* The allocator keeps its links in the first bytes of what was freed. */
#define LINK_BYTES 16

static void it_grows_to_its_bound_and_no_further(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 1000);
	for (size_t i = 0; i < 1000; i++) {
		uint8_t byte = (uint8_t)i;
		assert_false(err_failed(buf_append(&b, view_of(&byte, 1))));
	}
	assert_true(err_is(buf_append(&b, VIEW_LITERAL("x")), E_BOUNDS));
	assert_false(err_failed(buf_append(&b, VIEW_NONE)));
	assert_int_equal(b.len, 1000);
	assert_true(b.cap <= 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(b.ptr[i], (uint8_t)i);
}

static void a_refused_append_changes_nothing(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 10);
	assert_false(err_failed(buf_append_text(&b, "12345")));
	struct buf before = b;
	assert_true(err_is(buf_append_text(&b, "123456"), E_BOUNDS));
	assert_true(err_is(buf_reserve(&b, 6), E_BOUNDS));
	assert_true(err_is(buf_reserve(&b, SIZE_MAX), E_BOUNDS));
	assert_memory_equal(&b, &before, sizeof b);
	assert_false(err_failed(buf_append_text(&b, "67890")));
	assert_true(view_equal_text(buf_view(&b), "1234567890"));
}

static void a_bound_of_nothing_holds_nothing(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 0);
	assert_true(err_is(buf_append_text(&b, "1"), E_BOUNDS));
	assert_false(err_failed(buf_append_text(&b, "")));
	assert_int_equal(buf_view(&b).len, 0);
}

static void reserved_room_is_not_moved(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 4096);
	assert_false(err_failed(buf_reserve(&b, 4096)));
	const uint8_t *place = b.ptr;
	for (size_t i = 0; i < 64; i++)
		assert_false(err_failed(buf_append(&b, view_of("0123456789abcdef0123456789abcdef"
							       "0123456789abcdef0123456789abcdef",
							       64))));
	assert_ptr_equal(b.ptr, place);
}

/* Freed memory, read on purpose. */
__attribute__((no_sanitize("address", "thread"))) static uint8_t peek(uintptr_t at)
{
	return *(const volatile uint8_t *)at;
}

static void is_wiped(uintptr_t place, size_t len)
{
	for (size_t at = LINK_BYTES; at < len; at++)
		assert_int_equal(peek(place + at), 0);
}

static void growth_wipes_the_old_place(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 4096);
	for (size_t cap = 64; cap <= 1024; cap *= 2) {
		while (b.len < cap)
			assert_false(err_failed(buf_append_text(&b, "x")));
		assert_int_equal(b.cap, cap);
		uintptr_t old = (uintptr_t)b.ptr;
		assert_false(err_failed(buf_append_text(&b, "y")));
		assert_true((uintptr_t)b.ptr != old);
		is_wiped(old, cap);
	}
}

static void cleanup_wipes_and_leaves_an_empty_buffer(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 128);
	for (int i = 0; i < 100; i++)
		assert_false(err_failed(buf_append_text(&b, "x")));
	uintptr_t old = (uintptr_t)b.ptr;
	buf_cleanup(&b);
	is_wiped(old, 100);
	assert_null(b.ptr);
	assert_int_equal(b.len + b.cap, 0);
	assert_int_equal(b.max, 128);
	assert_false(err_failed(buf_append_text(&b, "again")));
	buf_cleanup(&b);
	buf_cleanup(&b);
}

static void clearing_wipes_and_keeps_the_place(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	buf_init(&b, 128);
	assert_false(err_failed(buf_append_text(&b, "secret")));
	const uint8_t *place = b.ptr;
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_ptr_equal(b.ptr, place);
	for (size_t at = 0; at < b.cap; at++)
		assert_int_equal(place[at], 0);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_to_its_bound_and_no_further),
		cmocka_unit_test(a_refused_append_changes_nothing),
		cmocka_unit_test(a_bound_of_nothing_holds_nothing),
		cmocka_unit_test(reserved_room_is_not_moved),
		cmocka_unit_test(growth_wipes_the_old_place),
		cmocka_unit_test(cleanup_wipes_and_leaves_an_empty_buffer),
		cmocka_unit_test(clearing_wipes_and_keeps_the_place),
	};
	return cmocka_run_group_tests_name("base_buf", tests, NULL, NULL);
}
