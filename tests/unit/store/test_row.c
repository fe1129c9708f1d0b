/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical encoding: fixed bytes, one form per row, and nothing else is read. */
#include "fixture.h"

#include <string.h>

#include "base/mem.h"
#include "store/tables.h"

struct sample {
	char name[5];
	bool flag;
	uint32_t small;
	uint64_t large;
	int64_t time;
	uint8_t fixed[2];
	uint8_t blob[4];
	size_t blob_len;
	char *text;
	struct view view;
};

#define AT(member) .offset = offsetof(struct sample, member)
#define SIZE(member) .size = sizeof(((struct sample *)NULL)->member)
static const struct store_column columns[] = {
	{.name = "name", .kind = STORE_TEXT, AT(name), SIZE(name)},
	{.name = "small", .kind = STORE_U32, AT(small), .min = 1, .max = 9},
	{.name = "flag", .kind = STORE_BOOL, AT(flag), .min = 0, .max = 1},
	{.name = "large", .kind = STORE_U64, AT(large), .min = 0, .max = INT64_MAX},
	{.name = "time", .kind = STORE_I64, AT(time), .min = -5, .max = INT64_MAX},
	{.name = "fixed", .kind = STORE_BYTES, AT(fixed), SIZE(fixed)},
	{.name = "blob",
	 .kind = STORE_BLOB,
	 AT(blob),
	 SIZE(blob),
	 .length_offset = offsetof(struct sample, blob_len)},
	{.name = "text", .kind = STORE_TEXT_OWNED, AT(text), .size = 6},
	{.name = "view", .kind = STORE_VIEW, AT(view), .size = 6},
};
static const struct store_table table = {
	.name = "sample", .columns = columns, .column_count = ARRAY_LEN(columns), .key_count = 2};

static struct sample sample_make(void)
{
	static char text[] = "text";
	return (struct sample){.name = "ab",
			       .flag = true,
			       .small = 7,
			       .large = 0x0102030405060708,
			       .time = -1,
			       .fixed = {0xaa, 0xbb},
			       .blob = {1, 2, 3, 4},
			       .blob_len = 3,
			       .text = text,
			       .view = VIEW_LITERAL("v")};
}

static int setup(void **state)
{
	static struct buf out;
	buf_init(&out, 4096);
	*state = &out;
	return 0;
}

static int teardown(void **state)
{
	buf_cleanup(*state);
	return 0;
}

/* Every seal in every store depends on these bytes. */
static void test_known_answer(void **state)
{
	struct buf *out = *state;
	struct sample sample = sample_make();
	static const uint8_t wanted[] = "\0\x0eholdfast row 1\0\x06sample\x02\x09"
					"\2\0\0\0\2"
					"ab"
					"\1\0\0\0\x8\0\0\0\0\0\0\0\7"
					"\1\0\0\0\x8\0\0\0\0\0\0\0\1"
					"\1\0\0\0\x8\1\2\3\4\5\6\7\x8"
					"\1\0\0\0\x8\xff\xff\xff\xff\xff\xff\xff\xff"
					"\3\0\0\0\2\xaa\xbb"
					"\3\0\0\0\3\1\2\3"
					"\2\0\0\0\4text"
					"\3\0\0\0\1v";
	assert_ok(store_row_encode(&table, &sample, out));
	assert_int_equal(out->len, sizeof wanted - 1);
	assert_memory_equal(out->ptr, wanted, sizeof wanted - 1);
}

static void test_decoding_is_the_inverse(void **state)
{
	struct buf *out = *state;
	struct sample sample = sample_make();
	struct sample read = {0};
	assert_ok(store_row_encode(&table, &sample, out));
	assert_ok(store_row_decode(&table, buf_view(out), &read));
	assert_string_equal(read.name, "ab");
	assert_true(read.flag);
	assert_int_equal(read.small, 7);
	assert_int_equal(read.large, sample.large);
	assert_int_equal(read.time, -1);
	assert_memory_equal(read.fixed, sample.fixed, 2);
	assert_int_equal(read.blob_len, 3);
	assert_memory_equal(read.blob, sample.blob, 3);
	assert_string_equal(read.text, "text");
	assert_true(view_equal_text(read.view, "v"));
	assert_ptr_not_equal(read.text, sample.text);
	store_row_cleanup(&table, &read);
	assert_null(read.text);
	assert_null(read.view.ptr);
}

static void test_members_out_of_bounds_are_not_encoded(void **state)
{
	struct buf *out = *state;
	static char long_text[] = "1234567";
	struct sample bad[8];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = sample_make();
	bad[0].small = 0;
	bad[1].small = 10;
	bad[2].large = UINT64_MAX;
	bad[3].time = -6;
	bad[4].blob_len = 5;
	bad[5].text = long_text;
	bad[6].text = NULL;
	bad[7].view = view_of(long_text, 7);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(store_row_encode(&table, &bad[i], out), E_BUG);
		assert_int_equal(out->len, 0);
	}
}

static void test_text_without_end_is_not_encoded(void **state)
{
	struct sample sample = sample_make();
	mem_copy(sample.name, sizeof sample.name, "abcde", 5);
	assert_err(store_row_encode(&table, &sample, *state), E_BUG);
}

static void test_cut_and_extended_bytes_are_refused(void **state)
{
	struct buf *out = *state;
	struct sample sample = sample_make();
	struct sample read = {0};
	assert_ok(store_row_encode(&table, &sample, out));
	for (size_t len = 0; len < out->len; len++)
		assert_err(store_row_decode(&table, view_of(out->ptr, len), &read), E_FORMAT);
	assert_ok(buf_append(out, VIEW_LITERAL("x")));
	assert_err(store_row_decode(&table, buf_view(out), &read), E_FORMAT);
	assert_null(read.text);
}

/* Whatever byte is changed, what is read is refused or encodes to exactly the changed bytes. */
static void test_one_form_per_row(void **state)
{
	struct buf *out = *state;
	struct sample sample = sample_make();
	CLEANUP(buf_cleanup) struct buf again;
	buf_init(&again, 4096);
	assert_ok(store_row_encode(&table, &sample, out));
	size_t accepted = 0;
	for (size_t bit = 0; bit < 8 * out->len; bit++) {
		struct sample read = {0};
		out->ptr[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (!err_failed(store_row_decode(&table, buf_view(out), &read))) {
			accepted++;
			again.len = 0;
			assert_ok(store_row_encode(&table, &read, &again));
			assert_true(view_equal(buf_view(&again), buf_view(out)));
			store_row_cleanup(&table, &read);
		}
		out->ptr[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_true(accepted > 100 && accepted < 8 * out->len / 2);
}

static void test_other_table_is_refused(void **state)
{
	struct buf *out = *state;
	struct sample sample = sample_make();
	struct sample read = {0};
	struct store_table other = table;
	assert_ok(store_row_encode(&table, &sample, out));
	other.name = "sampla";
	assert_err(store_row_decode(&other, buf_view(out), &read), E_FORMAT);
	other.name = "sample";
	other.key_count = 3;
	assert_err(store_row_decode(&other, buf_view(out), &read), E_FORMAT);
	other.key_count = 2;
	other.column_count--;
	assert_err(store_row_decode(&other, buf_view(out), &read), E_FORMAT);
}

/* ---- later columns ---- */

/* A table as it was, and as it is: three columns came. */
struct grown {
	uint32_t id;
	bool flag;
	uint32_t days;
	int64_t time;
};

#define IN_GROWN(member) .offset = offsetof(struct grown, member)
static const struct store_column grown_columns[] = {
	{.name = "id", .kind = STORE_U32, IN_GROWN(id), .min = 0, .max = UINT32_MAX},
	{.name = "flag", .kind = STORE_BOOL, IN_GROWN(flag), .max = 1, .later = true},
	{.name = "days", .kind = STORE_U32, IN_GROWN(days), .max = 2560, .later = true},
	{.name = "time", .kind = STORE_I64, IN_GROWN(time), .max = INT64_MAX, .later = true},
};
#define GROWN(count)                                                                               \
	{                                                                                          \
		.name = "grown", .columns = grown_columns, .column_count = (count), .key_count = 1 \
	}
static const struct store_table grown = GROWN(4);
/* What earlier programs knew of it. */
static const struct store_table earlier[] = {GROWN(1), GROWN(2), GROWN(3)};

/* Every combination of zero and not. */
static struct grown grown_make(unsigned bits)
{
	return (struct grown){.id = 7,
			      .flag = bits & 1,
			      .days = bits & 2 ? 365 : 0,
			      .time = bits & 4 ? INT64_C(1700000000000) : 0};
}

static size_t told(unsigned bits)
{
	return bits & 4 ? 4 : bits & 2 ? 3 : bits & 1 ? 2 : 1;
}

#define TOLD_AT 25 /* "holdfast row 1" and "grown" with their lengths, and the key columns */
#define COLUMN_BYTES 13

static void test_trailing_zeros_of_later_columns_are_left_out(void **state)
{
	struct buf *out = *state;
	for (unsigned bits = 0; bits < 8; bits++) {
		struct grown row = grown_make(bits);
		struct grown read = {.flag = true, .days = 9, .time = 9};
		out->len = 0;
		assert_ok(store_row_encode(&grown, &row, out));
		assert_int_equal(out->ptr[TOLD_AT - 1], told(bits));
		assert_int_equal(out->len, TOLD_AT + told(bits) * COLUMN_BYTES);
		assert_ok(store_row_decode(&grown, buf_view(out), &read));
		assert_int_equal(read.id, 7);
		assert_int_equal(read.flag, row.flag);
		assert_int_equal(read.days, row.days);
		assert_int_equal(read.time, row.time);
	}
}

/* What every seal of an older schema rests on; and an older program reads what has no more. */
static void test_rows_are_as_an_earlier_program_wrote_them(void **state)
{
	struct buf *out = *state;
	CLEANUP(buf_cleanup) struct buf before;
	buf_init(&before, 4096);
	for (unsigned bits = 0; bits < 8; bits++) {
		struct grown row = grown_make(bits);
		out->len = before.len = 0;
		assert_ok(store_row_encode(&grown, &row, out));
		for (size_t knew = told(bits); knew < 4; knew++) {
			struct grown read = {0};
			before.len = 0;
			assert_ok(store_row_encode(&earlier[knew - 1], &row, &before));
			assert_true(view_equal(buf_view(&before), buf_view(out)));
			assert_ok(store_row_decode(&earlier[knew - 1], buf_view(out), &read));
		}
		for (size_t knew = 1; knew < told(bits); knew++) {
			struct grown read = {0};
			assert_err(store_row_decode(&earlier[knew - 1], buf_view(out), &read),
				   E_FORMAT);
		}
	}
}

/* The first `count` columns of a row, whatever they are. */
static void write_columns(const struct grown *row, size_t count, struct buf *out)
{
	const int64_t values[] = {row->id, row->flag, row->days, row->time, 0};
	struct writer w;
	out->len = 0;
	writer_init_buf(&w, out);
	writer_block16(&w, VIEW_LITERAL("holdfast row 1"));
	writer_block16(&w, VIEW_LITERAL("grown"));
	writer_u8(&w, 1);
	writer_u8(&w, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		writer_u8(&w, STORE_INTEGER);
		writer_u32(&w, 8);
		writer_u64(&w, (uint64_t)values[i]);
	}
	assert_ok(writer_end(&w));
}

/* Of all numbers of columns that could be told, one is accepted: that which encoding tells. */
static void test_a_row_has_one_number_of_columns(void **state)
{
	struct buf *out = *state;
	for (unsigned bits = 0; bits < 8; bits++) {
		struct grown row = grown_make(bits);
		for (size_t count = 0; count <= 5; count++) {
			struct grown read = {0};
			write_columns(&row, count, out);
			bool last_is_zero = count > 1 && !(bits & (1U << (count - 2)));
			bool sound = count >= 1 && count <= 4 && !last_is_zero;
			assert_err(store_row_decode(&grown, buf_view(out), &read),
				   sound ? E_OK : E_FORMAT);
		}
	}
}

static void test_later_columns_have_bounds(void **state)
{
	struct buf *out = *state;
	struct grown row = grown_make(7);
	struct grown read = {0};
	row.days = 2561;
	assert_err(store_row_encode(&grown, &row, out), E_BUG);
	write_columns(&row, 4, out);
	assert_err(store_row_decode(&grown, buf_view(out), &read), E_FORMAT);
	row = grown_make(7);
	row.time = -1;
	assert_err(store_row_encode(&grown, &row, out), E_BUG);
	write_columns(&row, 4, out);
	assert_err(store_row_decode(&grown, buf_view(out), &read), E_FORMAT);
}

/* A byte that moves over the border of two columns makes another row. */
static void test_borders_of_columns_count(void **state)
{
	struct buf *out = *state;
	CLEANUP(buf_cleanup) struct buf other;
	static char no_text[] = "";
	struct sample one = sample_make();
	struct sample two = sample_make();
	buf_init(&other, 4096);
	one.text = no_text;
	one.view = VIEW_LITERAL("x");
	two.text = (char[]){'x', 0};
	two.view = VIEW_NONE;
	assert_ok(store_row_encode(&table, &one, out));
	assert_ok(store_row_encode(&table, &two, &other));
	assert_false(view_equal(buf_view(out), buf_view(&other)));
}

static void test_primary_key_is_shown(void **state)
{
	(void)state;
	char text[STORE_KEY_TEXT];
	struct store_value values[] = {
		{STORE_CHARACTERS, 0, VIEW_LITERAL("123456789012")},
		{STORE_CHARACTERS, 0, VIEW_LITERAL("eu-test-1")},
		{STORE_OCTETS, 0, VIEW_LITERAL("\x01\xff")},
	};
	store_row_key(&store_table_keys, values, text);
	assert_string_equal(text, "account=123456789012 region=eu-test-1 key_id=01ff");
}

static const struct store_table *const tables[] = {
	&store_table_installation, &store_table_keys,       &store_table_versions,
	&store_table_intents,      &store_table_outbox,     &store_table_principals,
	&store_table_access_keys,  &store_table_identities, &store_table_key_uses,
	&store_table_sessions,     &store_table_grants,     &store_table_aliases,
	&store_table_tags,         &store_table_last_uses,  &store_table_claims,
	&store_table_clock_marks,
};

/* Nothing that a table of ours can hold is too large to be sealed. */
/* Whoever writes the file must not write the operator's report as well. */
static void test_a_primary_key_is_shown_in_one_line_of_ascii(UNUSED void **state)
{
	char text[STORE_KEY_TEXT];
	struct store_value values[STORE_COLUMNS_MAX] = {0};
	uint8_t worst[200];
	memset(worst, 0xff, sizeof worst);
	values[0] =
		(struct store_value){STORE_CHARACTERS, 0, VIEW_LITERAL("a\x1b[2J\nVerdict: sound")};
	values[1] = (struct store_value){STORE_CHARACTERS, 0, VIEW_LITERAL("\xc3(\\")};
	values[2] = (struct store_value){STORE_CHARACTERS, 0, VIEW_ARRAY(worst)};
	store_row_key(&store_table_aliases, values, text);
	assert_memory_equal(
		text, "account=a\\x1b[2J\\x0aVerdict: sound region=\\xc3(\\x5c name=\\xff", 61);
	for (size_t i = 0; text[i] != '\0'; i++)
		assert_in_range(text[i], 0x20, 0x7e);
}

static void test_largest_rows_can_be_sealed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		size_t size = 64;
		assert_true(tables[i]->column_count <= STORE_COLUMNS_MAX);
		for (size_t k = 0; k < tables[i]->column_count; k++)
			size += 16 + tables[i]->columns[k].size;
		assert_true(size <= STORE_ROW_MAX);
	}
}

/* What row.h demands of later columns. */
static void test_later_columns_are_what_they_may_be(void **state)
{
	(void)state;
	size_t later = 0;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (size_t k = 0; k < tables[i]->column_count; k++) {
			const struct store_column *column = &tables[i]->columns[k];
			if (column->later) {
				later++;
				assert_int_equal(store_column_tag(column), STORE_INTEGER);
				assert_int_equal(column->min, 0);
				assert_true(k >= tables[i]->key_count);
			} else {
				assert_true(k == 0 || !column[-1].later);
			}
		}
	}
	assert_int_equal(later, 5 + 3); /* keys and versions */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_known_answer),
		TEST(test_decoding_is_the_inverse),
		TEST(test_members_out_of_bounds_are_not_encoded),
		TEST(test_text_without_end_is_not_encoded),
		TEST(test_cut_and_extended_bytes_are_refused),
		TEST(test_one_form_per_row),
		TEST(test_other_table_is_refused),
		TEST(test_trailing_zeros_of_later_columns_are_left_out),
		TEST(test_rows_are_as_an_earlier_program_wrote_them),
		TEST(test_a_row_has_one_number_of_columns),
		TEST(test_later_columns_have_bounds),
		TEST(test_borders_of_columns_count),
		TEST(test_primary_key_is_shown),
		TEST(test_a_primary_key_is_shown_in_one_line_of_ascii),
		TEST(test_largest_rows_can_be_sealed),
		TEST(test_later_columns_are_what_they_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
