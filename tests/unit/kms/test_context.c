/* SPDX-License-Identifier: Apache-2.0 */

#include "kms/context.h"
#include "tests/support/assert_err.h"

#define PAIR(key, value) ((struct kms_context_pair){VIEW_LITERAL(key), VIEW_LITERAL(value)})

struct canonical {
	struct buf bytes;
};

static int setup(void **state)
{
	static struct canonical canonical[2];
	buf_init(&canonical[0].bytes, 64 << 10);
	buf_init(&canonical[1].bytes, 64 << 10);
	*state = canonical;
	return 0;
}

static int teardown(void **state)
{
	struct canonical *canonical = *state;
	buf_cleanup(&canonical[0].bytes);
	buf_cleanup(&canonical[1].bytes);
	return 0;
}

static bool same(struct canonical *canonical)
{
	return view_equal(buf_view(&canonical[0].bytes), buf_view(&canonical[1].bytes));
}

/* The canonical form is stored in no ciphertext, and still fixed for ever: byte for byte. */
static void test_known_answer(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair pairs[] = {PAIR("b", ""), PAIR("a", "xyz")};
	static const uint8_t wanted[] = {0, 2, 0, 1, 'a', 0, 3, 'x', 'y', 'z', 0, 1, 'b', 0, 0};
	assert_ok(kms_context_encode(pairs, 2, &out->bytes));
	assert_int_equal(out->bytes.len, sizeof wanted);
	assert_memory_equal(out->bytes.ptr, wanted, sizeof wanted);
}

static void test_empty_context_has_no_bytes(void **state)
{
	struct canonical *out = *state;
	assert_ok(kms_context_encode(NULL, 0, &out->bytes));
	assert_int_equal(out->bytes.len, 0);
}

static void test_order_does_not_matter(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair one[] = {PAIR("a", "1"), PAIR("ab", "2"), PAIR("B", "3")};
	struct kms_context_pair two[] = {PAIR("B", "3"), PAIR("ab", "2"), PAIR("a", "1")};
	assert_ok(kms_context_encode(one, 3, &out[0].bytes));
	assert_ok(kms_context_encode(two, 3, &out[1].bytes));
	assert_true(same(out));
	assert_true(view_equal_text(one[0].key, "B")); /* by bytes, not by letters */
	assert_true(view_equal_text(one[1].key, "a")); /* the shorter first */
}

static void test_boundary_between_key_and_value_counts(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair one[] = {PAIR("a", "bc")};
	struct kms_context_pair two[] = {PAIR("ab", "c")};
	assert_ok(kms_context_encode(one, 1, &out[0].bytes));
	assert_ok(kms_context_encode(two, 1, &out[1].bytes));
	assert_false(same(out));
}

static void test_boundary_between_pairs_counts(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair one[] = {PAIR("a", "b"), PAIR("c", "d")};
	struct kms_context_pair two[] = {PAIR("a", "bcd")};
	assert_ok(kms_context_encode(one, 2, &out[0].bytes));
	assert_ok(kms_context_encode(two, 1, &out[1].bytes));
	assert_false(same(out));
}

static void test_case_and_emptiness_count(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair one[] = {PAIR("a", "")};
	struct kms_context_pair two[] = {PAIR("A", "")};
	assert_ok(kms_context_encode(one, 1, &out[0].bytes));
	assert_ok(kms_context_encode(two, 1, &out[1].bytes));
	assert_false(same(out));
	assert_int_not_equal(out[0].bytes.len, 0);
}

static void test_duplicate_key_is_refused(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair pairs[] = {PAIR("a", "1"), PAIR("b", "2"), PAIR("a", "1")};
	assert_err(kms_context_encode(pairs, 3, &out->bytes), E_DUPLICATE);
	assert_int_equal(out->bytes.len, 0);
}

static void test_invalid_utf8_is_refused(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair key[] = {PAIR("\xc3", "1")};
	struct kms_context_pair value[] = {PAIR("a", "\xed\xa0\x80")};
	assert_err(kms_context_encode(key, 1, &out->bytes), E_UTF8);
	assert_err(kms_context_encode(value, 1, &out->bytes), E_UTF8);
}

/* KMS API: 8,192 characters in all. */
static void test_limit_counts_all_characters(void **state)
{
	struct canonical *out = *state;
	static char text[KMS_CONTEXT_CHARACTERS_MAX];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = 'x';
	struct kms_context_pair pairs[] = {
		{VIEW_LITERAL("a"), view_of(text, KMS_CONTEXT_CHARACTERS_MAX - 3)},
		{VIEW_LITERAL("b"), VIEW_LITERAL("1")}};
	assert_ok(kms_context_encode(pairs, 2, &out->bytes));
	pairs[1].value = VIEW_LITERAL("12");
	assert_err(kms_context_encode(pairs, 2, &out->bytes), E_BOUNDS);
}

static void test_characters_are_code_points(void **state)
{
	struct canonical *out = *state;
	static char text[4 * KMS_CONTEXT_CHARACTERS_MAX + 4];
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "\xf0\x9f\x94\x91"[i % 4];
	struct kms_context_pair pairs[] = {
		{VIEW_NONE, view_of(text, (size_t)4 * KMS_CONTEXT_CHARACTERS_MAX)}};
	assert_ok(kms_context_encode(pairs, 1, &out->bytes));
	pairs[0].value.len += 4;
	assert_err(kms_context_encode(pairs, 1, &out->bytes), E_BOUNDS);
}

static void test_too_many_pairs_are_refused(void **state)
{
	struct canonical *out = *state;
	static struct kms_context_pair pairs[KMS_CONTEXT_PAIRS_MAX + 1];
	assert_err(kms_context_encode(pairs, KMS_CONTEXT_PAIRS_MAX + 1, &out->bytes), E_BOUNDS);
}

static void test_bound_of_the_buffer_holds(void **state)
{
	(void)state;
	CLEANUP(buf_cleanup) struct buf small;
	struct kms_context_pair pairs[] = {PAIR("a", "1")};
	buf_init(&small, 7);
	assert_err(kms_context_encode(pairs, 1, &small), E_BOUNDS);
	assert_int_equal(small.len, 0);
	buf_init(&small, 8);
	assert_ok(kms_context_encode(pairs, 1, &small));
}

/* --- and back --- */

static void test_decode_gives_the_pairs_in_order(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair pairs[] = {PAIR("b", ""), PAIR("a", "xyz")}, back[2];
	size_t count = 9;
	assert_ok(kms_context_encode(pairs, 2, &out->bytes));
	assert_ok(kms_context_decode(buf_view(&out->bytes), back, 2, &count));
	assert_int_equal(count, 2);
	assert_true(view_equal_text(back[0].key, "a") && view_equal_text(back[0].value, "xyz"));
	assert_true(view_equal_text(back[1].key, "b") && view_equal_text(back[1].value, ""));
	assert_ok(kms_context_decode(VIEW_NONE, back, 2, &count));
	assert_int_equal(count, 0);
}

static void test_decode_is_bounded(void **state)
{
	struct canonical *out = *state;
	struct kms_context_pair pairs[] = {PAIR("b", ""), PAIR("a", "xyz")}, back[1];
	size_t count = 0;
	assert_ok(kms_context_encode(pairs, 2, &out->bytes));
	assert_err(kms_context_decode(buf_view(&out->bytes), back, 1, &count), E_BOUNDS);
}

static void test_decode_refuses_every_other_form(UNUSED void **state)
{
	static const struct view wrong[] = {
		VIEW_LITERAL("\0"),                     /* cut */
		VIEW_LITERAL("\0\0"),                   /* a count of nothing */
		VIEW_LITERAL("\0\1\0\1a\0\1"),          /* cut in a value */
		VIEW_LITERAL("\0\1\0\1a\0\1x!"),        /* something behind */
		VIEW_LITERAL("\0\2\0\1b\0\0\0\1a\0\0"), /* order */
		VIEW_LITERAL("\0\2\0\1a\0\0\0\1a\0\0"), /* twice */
		VIEW_LITERAL("\0\1\0\1\xff\0\0"),       /* no UTF-8 */
		VIEW_LITERAL("\0\1\0\2a\0\0"),          /* a length too long */
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct kms_context_pair back[4];
		size_t count = 9;
		assert_err(kms_context_decode(wrong[i], back, 4, &count), E_FORMAT);
		assert_int_equal(count, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_decode_gives_the_pairs_in_order),
		TEST(test_decode_is_bounded),
		cmocka_unit_test(test_decode_refuses_every_other_form),
		TEST(test_known_answer),
		TEST(test_empty_context_has_no_bytes),
		TEST(test_order_does_not_matter),
		TEST(test_boundary_between_key_and_value_counts),
		TEST(test_boundary_between_pairs_counts),
		TEST(test_case_and_emptiness_count),
		TEST(test_duplicate_key_is_refused),
		TEST(test_invalid_utf8_is_refused),
		TEST(test_limit_counts_all_characters),
		TEST(test_characters_are_code_points),
		TEST(test_too_many_pairs_are_refused),
		TEST(test_bound_of_the_buffer_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
