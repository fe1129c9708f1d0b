/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: into an array, a secret, a growing buffer; bounds and the sticky failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reader.h"
#include "base/writer.h"

static uint8_t room[64];

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	struct writer w;
	struct reader r;
	writer_init(&w, room, sizeof room);
	writer_u8(&w, 0xfe);
	writer_u16(&w, 0xfedc);
	writer_u32(&w, 0xfedcba98);
	writer_u64(&w, 0xfedcba9876543210U);
	writer_block16(&w, VIEW_LITERAL("ab"));
	writer_block32(&w, VIEW_LITERAL(""));
	writer_text(&w, "text");
	writer_format(&w, "%d", -5);
	assert_false(err_failed(writer_end(&w)));
	reader_init(&r, view_of(room, w.len));
	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u16(&r), 0xfedc);
	assert_int_equal(reader_u32(&r), 0xfedcba98);
	assert_true(reader_u64(&r) == 0xfedcba9876543210U);
	assert_true(view_equal_text(reader_block16(&r, 10), "ab"));
	assert_int_equal(reader_block32(&r, 10).len, 0);
	assert_true(view_equal_text(reader_remaining(&r), "text-5"));
	assert_false(err_failed(reader_end(&r)));
}

/* At every size of the room: whole writes or none, never a byte behind the end. */
static void a_write_that_does_not_fit_writes_nothing(void **state)
{
	(void)state;
	for (size_t cap = 0; cap <= 15; cap++) {
		struct writer w;
		memset(room, 0xaa, sizeof room);
		writer_init(&w, room, cap);
		writer_u32(&w, 0);
		writer_u64(&w, 0);
		writer_u16(&w, 0);
		writer_u8(&w, 0);
		size_t fit = cap >= 15 ? 15 : cap >= 14 ? 14 : cap >= 12 ? 12 : cap >= 4 ? 4 : 0;
		assert_int_equal(w.len, fit);
		assert_int_equal(err_failed(writer_end(&w)), cap < 15);
		for (size_t at = fit; at < sizeof room; at++)
			assert_int_equal(room[at], 0xaa);
	}
}

static void a_failure_stays(void **state)
{
	(void)state;
	struct writer w;
	writer_init(&w, room, 2);
	writer_u32(&w, 1);
	writer_u8(&w, 1); /* would fit */
	assert_int_equal(w.len, 0);
	assert_true(err_is(writer_end(&w), E_BOUNDS));
	writer_fail(&w, ERR(E_BUG));
	assert_true(err_is(writer_end(&w), E_BOUNDS)); /* the first is told */
	assert_null(writer_room(&w, 0));
}

static void room_can_be_filled_by_the_caller(void **state)
{
	(void)state;
	struct writer w;
	writer_init(&w, room, 4);
	uint8_t *at = writer_room(&w, 3);
	assert_ptr_equal(at, room);
	assert_null(writer_room(&w, 2));
	assert_null(writer_room(&w, 1));
	writer_init(&w, room, 4);
	assert_null(writer_room(&w, SIZE_MAX));
}

static void no_room_can_be_taken_from_nothing(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	struct writer w;
	buf_init(&b, 10);
	writer_init_buf(&w, &b);
	(void)writer_room(&w, 0);
	assert_false(err_failed(writer_end(&w)));
	writer_init(&w, NULL, 0);
	(void)writer_room(&w, 0);
	assert_false(err_failed(writer_end(&w)));
	assert_null(writer_room(&w, 1));
	assert_true(err_is(writer_end(&w), E_BOUNDS));
}

static void blocks_fit_their_length_field(void **state)
{
	(void)state;
	static uint8_t big[UINT16_MAX + 1];
	static uint8_t out[UINT16_MAX + 8];
	struct writer w;
	writer_init(&w, out, sizeof out);
	writer_block16(&w, view_of(big, sizeof big));
	assert_true(err_is(writer_end(&w), E_BOUNDS));
	assert_int_equal(w.len, 0);
	writer_init(&w, out, sizeof out);
	writer_block16(&w, view_of(big, UINT16_MAX));
	assert_false(err_failed(writer_end(&w)));
	assert_int_equal(w.len, UINT16_MAX + 2);
	writer_init(&w, out, sizeof out);
	writer_block32(&w, view_of(big, (size_t)UINT32_MAX + 1)); /* not looked at */
	assert_true(err_is(writer_end(&w), E_BOUNDS));
}

static void text_ends_with_a_nul_that_counts(void **state)
{
	(void)state;
	struct writer w;
	writer_init(&w, room, 4);
	writer_text(&w, "abc");
	assert_false(err_failed(writer_end_text(&w)));
	assert_string_equal((const char *)room, "abc");
	writer_init(&w, room, 3);
	writer_text(&w, "abc");
	assert_true(err_is(writer_end_text(&w), E_BOUNDS));
	struct buf b;
	buf_init(&b, 10);
	writer_init_buf(&w, &b);
	assert_true(err_is(writer_end_text(&w), E_BUG));
}

static void formatted_text_has_a_bound(void **state)
{
	(void)state;
	static char out[4096];
	struct writer w;
	writer_init(&w, out, sizeof out);
	writer_format(&w, "%1023d", 1);
	assert_false(err_failed(writer_end(&w)));
	assert_int_equal(w.len, 1023);
	writer_format(&w, "%1024d", 1);
	assert_true(err_is(writer_end(&w), E_BOUNDS));
	assert_int_equal(w.len, 1023);
}

static void a_buffer_grows_and_keeps_its_bound(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf b;
	struct writer w;
	buf_init(&b, 1000);
	assert_false(err_failed(buf_append_text(&b, "before ")));
	writer_init_buf(&w, &b);
	for (int i = 0; i < 99; i++)
		writer_text(&w, "0123456789");
	assert_false(err_failed(writer_end(&w)));
	assert_int_equal(b.len, 997);
	assert_int_equal(w.len, 990);
	assert_memory_equal(b.ptr, "before 0123456789", 17);
	writer_u32(&w, 0);
	assert_true(err_is(writer_end(&w), E_BOUNDS));
	assert_int_equal(b.len, 997);
}

static void a_secret_gets_its_length_at_the_end(void **state)
{
	(void)state;
	CLEANUP(secret_free) struct secret *s = NULL;
	struct writer w;
	assert_false(err_failed(secret_new(64, &s)));
	writer_init_secret(&w, s);
	writer_text(&w, "abc");
	assert_int_equal(s->len, 0);
	assert_false(err_failed(writer_end_secret(&w, s)));
	assert_int_equal(s->len, 3);
	assert_memory_equal(s->ptr, "abc", 3);
	writer_init_secret(&w, s);
	for (int i = 0; i < 9; i++)
		writer_u64(&w, 0);
	assert_true(err_is(writer_end_secret(&w, s), E_BOUNDS));
	assert_int_equal(s->len, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_write_that_does_not_fit_writes_nothing),
		cmocka_unit_test(a_failure_stays),
		cmocka_unit_test(room_can_be_filled_by_the_caller),
		cmocka_unit_test(no_room_can_be_taken_from_nothing),
		cmocka_unit_test(blocks_fit_their_length_field),
		cmocka_unit_test(text_ends_with_a_nul_that_counts),
		cmocka_unit_test(formatted_text_has_a_bound),
		cmocka_unit_test(a_buffer_grows_and_keeps_its_bound),
		cmocka_unit_test(a_secret_gets_its_length_at_the_end),
	};
	return cmocka_run_group_tests_name("base_writer", tests, NULL, NULL);
}
