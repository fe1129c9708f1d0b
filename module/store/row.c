/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"

#define ROW_DOMAIN VIEW_LITERAL("holdfast row 1")
#define INTEGER_LEN 8
#define NAME_MAX_BYTES 64
#define CUT "..."

enum store_tag store_column_tag(const struct store_column *column)
{
	switch (column->kind) {
	case STORE_BYTES:
	case STORE_BLOB:
	case STORE_VIEW:
		return STORE_OCTETS;
	case STORE_TEXT:
	case STORE_TEXT_OWNED:
		return STORE_CHARACTERS;
	case STORE_BOOL:
	case STORE_U32:
	case STORE_I64:
	case STORE_U64:
		break;
	}
	return STORE_INTEGER;
}

static struct err value_check(const struct store_column *column, const struct store_value *value)
{
	REQUIRE(value->tag == store_column_tag(column), E_FORMAT);
	if (value->tag == STORE_INTEGER) {
		REQUIRE(value->integer >= column->min && value->integer <= column->max, E_FORMAT);
		return OK;
	}
	size_t max = column->kind == STORE_TEXT ? column->size - 1 : column->size;
	REQUIRE(value->bytes.len <= max, E_FORMAT);
	REQUIRE(column->kind != STORE_BYTES || value->bytes.len == column->size, E_FORMAT);
	if (value->tag == STORE_CHARACTERS)
		REQUIRE(view_find(value->bytes, 0) == value->bytes.len, E_FORMAT);
	return OK;
}

/* Members are read and written as bytes: the table, not the compiler, knows their type. */
#define MEMBER_READ(at, variable) mem_copy(&(variable), sizeof(variable), (at), sizeof(variable))
#define MEMBER_WRITE(at, variable) mem_copy((at), sizeof(variable), &(variable), sizeof(variable))

static int64_t integer_read(enum store_kind kind, const uint8_t *at)
{
	bool truth = false;
	uint32_t narrow = 0;
	int64_t wide = 0;
	if (kind == STORE_BOOL) {
		MEMBER_READ(at, truth);
		return truth;
	}
	if (kind == STORE_U32) {
		MEMBER_READ(at, narrow);
		return narrow;
	}
	MEMBER_READ(at, wide); /* a U64 above INT64_MAX turns negative, which no U64 column allows
				*/
	return wide;
}

static void integer_write(enum store_kind kind, uint8_t *at, int64_t value)
{
	bool truth = value != 0;
	uint32_t narrow = (uint32_t)value;
	if (kind == STORE_BOOL)
		MEMBER_WRITE(at, truth);
	else if (kind == STORE_U32)
		MEMBER_WRITE(at, narrow);
	else
		MEMBER_WRITE(at, value);
}

static struct view bytes_read(const struct store_column *column, const uint8_t *object)
{
	const uint8_t *at = object + column->offset;
	struct view view = VIEW_NONE;
	const char *text = NULL;
	size_t len = column->size;
	switch (column->kind) {
	case STORE_VIEW:
		MEMBER_READ(at, view);
		return view;
	case STORE_TEXT_OWNED:
		MEMBER_READ(at, text);
		return view_of_text(text);
	case STORE_TEXT:
		return view_of(at, view_find(view_of(at, column->size), 0));
	case STORE_BLOB:
		MEMBER_READ(object + column->length_offset, len);
		return view_of(at, len);
	case STORE_BYTES:
	case STORE_BOOL:
	case STORE_U32:
	case STORE_I64:
	case STORE_U64:
		break;
	}
	return view_of(at, len);
}

static struct store_value value_read(const struct store_column *column, const uint8_t *object)
{
	struct store_value value = {.tag = store_column_tag(column)};
	if (value.tag == STORE_INTEGER)
		value.integer = integer_read(column->kind, object + column->offset);
	else
		value.bytes = bytes_read(column, object);
	return value;
}

static struct err text_own(uint8_t *at, struct view bytes)
{
	char *text = NULL;
	TRY(text_new(bytes, &text));
	MEMBER_WRITE(at, text);
	return OK;
}

static struct err view_own(uint8_t *at, struct view bytes)
{
	uint8_t *copy = NULL;
	TRY(MEM_NEW_ARRAY(bytes.len, &copy));
	mem_copy(copy, bytes.len, bytes.ptr, bytes.len);
	struct view view = view_of(copy, bytes.len);
	MEMBER_WRITE(at, view);
	return OK;
}

/* `value` has been checked against the column. */
static struct err value_write(const struct store_column *column, const struct store_value *value,
			      uint8_t *object)
{
	uint8_t *at = object + column->offset;
	size_t len = value->bytes.len;
	switch (column->kind) {
	case STORE_TEXT_OWNED:
		return text_own(at, value->bytes);
	case STORE_VIEW:
		return view_own(at, value->bytes);
	case STORE_TEXT:
		return text_copy((char *)at, column->size, value->bytes);
	case STORE_BLOB:
		MEMBER_WRITE(object + column->length_offset, len);
		mem_copy(at, column->size, value->bytes.ptr, len);
		return OK;
	case STORE_BYTES:
		mem_copy(at, column->size, value->bytes.ptr, len);
		return OK;
	case STORE_BOOL:
	case STORE_U32:
	case STORE_I64:
	case STORE_U64:
		integer_write(column->kind, at, value->integer);
		return OK;
	}
	return ERR(E_BUG);
}

/* How many columns are in the canonical bytes: zero is what a row has that is older than they. */
static size_t columns_told(const struct store_table *table, const struct store_value *values)
{
	size_t count = table->column_count;
	while (count > 0 && table->columns[count - 1].later && values[count - 1].integer == 0)
		count--;
	return count;
}

static void canonical_write(const struct store_table *table, const struct store_value *values,
			    struct writer *w)
{
	size_t count = columns_told(table, values);
	writer_block16(w, ROW_DOMAIN);
	writer_block16(w, view_of_text(table->name));
	writer_u8(w, (uint8_t)table->key_count);
	writer_u8(w, (uint8_t)count);
	for (size_t i = 0; i < count; i++) {
		writer_u8(w, (uint8_t)values[i].tag);
		if (values[i].tag == STORE_INTEGER) {
			writer_u32(w, INTEGER_LEN);
			writer_u64(w, (uint64_t)values[i].integer);
		} else {
			writer_block32(w, values[i].bytes);
		}
	}
}

NODISCARD struct err store_row_write(const struct store_table *table,
				     const struct store_value *values, struct buf *out)
{
	ENSURE(table->column_count <= STORE_COLUMNS_MAX);
	for (size_t i = 0; i < table->column_count; i++)
		TRY(value_check(&table->columns[i], &values[i]));
	size_t before = out->len;
	struct writer w;
	writer_init_buf(&w, out);
	canonical_write(table, values, &w);
	struct err result = writer_end(&w);
	if (!err_failed(result) && out->len - before > STORE_ROW_MAX)
		result = ERR(E_BOUNDS);
	if (err_failed(result))
		out->len = before;
	return result;
}

NODISCARD struct err store_row_encode(const struct store_table *table, const void *object,
				      struct buf *out)
{
	struct store_value values[STORE_COLUMNS_MAX];
	ENSURE(table->column_count <= STORE_COLUMNS_MAX);
	for (size_t i = 0; i < table->column_count; i++) {
		values[i] = value_read(&table->columns[i], object);
		ENSURE(values[i].tag == STORE_INTEGER || values[i].bytes.ptr != NULL ||
		       table->columns[i].kind == STORE_VIEW);
	}
	struct err result = store_row_write(table, values, out);
	return err_is(result, E_FORMAT) ? ERR(E_BUG) : result;
}

static struct store_value value_next(struct reader *r)
{
	struct store_value value = {.tag = (enum store_tag)reader_u8(r)};
	value.bytes = reader_block32(r, STORE_ROW_MAX);
	if (value.tag != STORE_INTEGER)
		return value;
	struct reader digits;
	reader_init(&digits, value.bytes);
	value.integer = (int64_t)reader_u64(&digits);
	value.bytes = VIEW_NONE;
	if (err_failed(reader_end(&digits)))
		reader_fail(r);
	return value;
}

/* Those that are told, then zeros. */
static struct err values_read(struct reader *r, const struct store_table *table, size_t count,
			      struct store_value *values)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const struct store_column *column = &table->columns[i];
		REQUIRE(i < count || column->later, E_FORMAT);
		values[i] = i < count ? value_next(r)
				      : (struct store_value){STORE_INTEGER, 0, VIEW_NONE};
		TRY(value_check(column, &values[i]));
	}
	REQUIRE(columns_told(table, values) == count, E_FORMAT);
	return OK;
}

NODISCARD struct err store_row_values(const struct store_table *table, struct view canonical,
				      struct store_value values[STORE_COLUMNS_MAX])
{
	ENSURE(table->column_count <= STORE_COLUMNS_MAX);
	REQUIRE(canonical.len <= STORE_ROW_MAX, E_FORMAT);
	struct reader r;
	reader_init(&r, canonical);
	REQUIRE(view_equal(reader_block16(&r, NAME_MAX_BYTES), ROW_DOMAIN), E_FORMAT);
	REQUIRE(view_equal_text(reader_block16(&r, NAME_MAX_BYTES), table->name), E_FORMAT);
	REQUIRE(reader_u8(&r) == table->key_count, E_FORMAT);
	size_t count = reader_u8(&r);
	REQUIRE(count <= table->column_count, E_FORMAT);
	TRY(values_read(&r, table, count, values));
	return reader_end(&r);
}

/* Frees the first `count` columns. */
static void columns_cleanup(const struct store_table *table, size_t count, uint8_t *object)
{
	const char *no_text = NULL;
	struct view none = VIEW_NONE;
	for (size_t i = 0; i < count; i++) {
		const struct store_column *column = &table->columns[i];
		uint8_t *at = object + column->offset;
		void *owned = NULL;
		if (column->kind == STORE_TEXT_OWNED) {
			MEMBER_READ(at, owned);
			MEMBER_WRITE(at, no_text);
		} else if (column->kind == STORE_VIEW) {
			/* its pointer is its first member */
			MEMBER_READ(at, owned);
			MEMBER_WRITE(at, none);
		}
		mem_free(owned);
	}
}

_Static_assert(offsetof(struct view, ptr) == 0, "columns_cleanup() takes it from there");

NODISCARD struct err store_row_decode(const struct store_table *table, struct view canonical,
				      void *object)
{
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_row_values(table, canonical, values));
	for (size_t i = 0; i < table->column_count; i++) {
		struct err result = value_write(&table->columns[i], &values[i], object);
		if (err_failed(result)) {
			columns_cleanup(table, i, object);
			return result;
		}
	}
	return OK;
}

void store_row_cleanup(const struct store_table *table, void *object)
{
	columns_cleanup(table, table->column_count, object);
}

/* It may be anything that somebody wrote into the file, and is shown on terminals, in reports and
 * in records: what does not print in ASCII is told as bytes. */
static void characters_show(struct view text, struct writer *w)
{
	for (size_t i = 0; i < MIN_OF(text.len, (size_t)NAME_MAX_BYTES); i++) {
		uint8_t c = text.ptr[i];
		if (c >= 0x20 && c < 0x7f && c != '\\')
			writer_u8(w, c);
		else
			writer_format(w, "\\x%02x", c);
	}
}

static void value_show(const struct store_value *value, struct writer *w)
{
	size_t max = value->tag == STORE_OCTETS ? NAME_MAX_BYTES / 2 : NAME_MAX_BYTES;
	if (value->tag == STORE_INTEGER)
		writer_format(w, "%lld", (long long)value->integer);
	else if (value->tag == STORE_CHARACTERS)
		characters_show(value->bytes, w);
	else
		for (size_t i = 0; i < MIN_OF(value->bytes.len, max); i++)
			writer_format(w, "%02x", value->bytes.ptr[i]);
	if (value->bytes.len > max)
		writer_text(w, CUT);
}

static bool ends_cut(const char *text, size_t len)
{
	return len >= sizeof CUT - 1 && text_equal(text + len - (sizeof CUT - 1), CUT);
}

void store_row_key_part(const struct store_table *table, const struct store_value *values,
			size_t count, bool whole, char out[STORE_KEY_TEXT])
{
	struct writer w;
	writer_init(&w, out, STORE_KEY_TEXT - sizeof CUT);
	for (size_t i = 0; i < count; i++) {
		writer_format(&w, "%s%s=", i ? " " : "", table->columns[i].name);
		value_show(&values[i], &w);
	}
	out[w.len] = '\0';
	whole = whole && !err_failed(writer_end(&w));
	if (!whole && !ends_cut(out, w.len))
		mem_copy(out + w.len, STORE_KEY_TEXT - w.len, CUT, sizeof CUT);
}

void store_row_key(const struct store_table *table, const struct store_value *values,
		   char out[STORE_KEY_TEXT])
{
	store_row_key_part(table, values, table->key_count, true, out);
}
