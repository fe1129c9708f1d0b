/* SPDX-License-Identifier: Apache-2.0 */
#include "store/name.h"

#include "base/ascii.h"
#include "base/mem.h"
#include "base/reader.h"
#include "codec/hex.h"
#include "crypto/digest.h"
#include "store/manifest.h"

#define NAME_DOMAIN VIEW_LITERAL("holdfast name 1")
#define CHECK_LEN 4
#define BODY_LEN (STORE_NAME_LEN - CHECK_LEN)
#define LENGTH_MAX 255 /* whatever is as long is cut */
#define TAG_DIGITS 4   /* beside enum store_tag */

/* ---- making ---- */

static void put(struct view bytes, uint8_t body[BODY_LEN], size_t *len)
{
	size_t fits = MIN_OF(bytes.len, BODY_LEN - *len);
	mem_copy(body + *len, BODY_LEN - *len, bytes.ptr, fits);
	*len += fits;
}

static bool is_digits(struct view text)
{
	return text.len % 2 == 0 && text.len <= 2 * BODY_LEN &&
	       ascii_consists_of(text, ASCII_DIGIT, VIEW_LITERAL("abcdef"));
}

/* What stands for the value; room: of its own, where it needs some. */
static struct err value_pack(const struct store_value *value, uint8_t room[BODY_LEN],
			     uint8_t head[2], struct view *out)
{
	struct view bytes = value->bytes;
	struct writer w;
	uint8_t tag = (uint8_t)value->tag;
	if (value->tag == STORE_INTEGER) {
		writer_init(&w, room, sizeof(uint64_t));
		writer_u64(&w, (uint64_t)value->integer);
		bytes = view_of(room, sizeof(uint64_t));
	} else if (value->tag == STORE_CHARACTERS && is_digits(value->bytes)) {
		tag = TAG_DIGITS;
		TRY(hex_decode(value->bytes, room, value->bytes.len / 2));
		bytes = view_of(room, value->bytes.len / 2);
	}
	head[0] = tag;
	head[1] = (uint8_t)MIN_OF(bytes.len, (size_t)LENGTH_MAX);
	*out = bytes;
	return OK;
}

static struct err check_make(const uint8_t place[STORE_PLACE_LEN], const uint8_t *body,
			     uint8_t out[CHECK_LEN])
{
	const struct view parts[] = {NAME_DOMAIN, view_of(place, STORE_PLACE_LEN),
				     view_of(body, BODY_LEN)};
	uint8_t digest[SHA256_LEN];
	TRY(digest_sha256(parts, ARRAY_LEN(parts), digest));
	mem_copy(out, CHECK_LEN, digest, CHECK_LEN);
	return OK;
}

NODISCARD struct err store_name_make(const struct store_table *table,
				     const struct store_value *values,
				     const uint8_t place[STORE_PLACE_LEN], struct store_name *out)
{
	struct store_name made = {0};
	size_t len = 0;
	for (size_t i = 0; i < table->key_count; i++) {
		uint8_t head[2], room[BODY_LEN];
		struct view bytes = VIEW_NONE;
		TRY(value_pack(&values[i], room, head, &bytes));
		put(VIEW_ARRAY(head), made.bytes, &len);
		put(bytes, made.bytes, &len);
	}
	TRY(check_make(place, made.bytes, made.bytes + BODY_LEN));
	*out = made;
	return OK;
}

/* ---- reading ---- */

struct unpacked {
	struct store_value values[STORE_KEY_COLUMNS_MAX];
	char digits[STORE_KEY_COLUMNS_MAX][2 * BODY_LEN];
	size_t count; /* the last of them is cut, unless: */
	bool whole;
};

static void digits_unpack(struct view bytes, char room[2 * BODY_LEN], struct store_value *out)
{
	struct writer w;
	writer_init(&w, room, 2 * BODY_LEN);
	hex_encode(&w, bytes);
	*out = (struct store_value){STORE_CHARACTERS, 0, view_of(room, w.len)};
}

static bool value_unpack(uint8_t tag, struct view bytes, char room[2 * BODY_LEN],
			 struct store_value *out)
{
	struct reader r;
	reader_init(&r, bytes);
	*out = (struct store_value){.tag = (enum store_tag)tag, .bytes = bytes};
	switch (tag) {
	case STORE_INTEGER:
		*out = (struct store_value){STORE_INTEGER, (int64_t)reader_u64(&r), VIEW_NONE};
		return !err_failed(reader_end(&r));
	case TAG_DIGITS:
		digits_unpack(bytes, room, out);
		return true;
	case STORE_CHARACTERS:
	case STORE_OCTETS:
		return true;
	default:
		return false;
	}
}

/* The next value, as far as it is there. A cut integer tells nothing. */
static bool value_read(struct reader *r, size_t *left, struct unpacked *out)
{
	uint8_t tag = 0;
	size_t len = 0;
	if (*left >= 2) {
		tag = reader_u8(r);
		len = reader_u8(r);
		*left -= 2;
	}
	size_t there = MIN_OF(len, *left);
	out->whole = tag != 0 && there == len;
	if (tag == 0 || (tag == STORE_INTEGER && !out->whole))
		return tag != 0 || *left < 2;
	*left -= there;
	size_t at = out->count++;
	return value_unpack(tag, reader_bytes(r, there), out->digits[at], &out->values[at]);
}

static bool unpack(const struct store_table *table, const struct store_name *name,
		   struct unpacked *out)
{
	struct reader r;
	size_t left = BODY_LEN;
	reader_init(&r, view_of(name->bytes, BODY_LEN));
	*out = (struct unpacked){.whole = true};
	while (out->count < table->key_count && out->whole)
		if (!value_read(&r, &left, out))
			return false;
	return out->count > 0;
}

static struct err is_of(const struct store_table *table, const struct store_name *name,
			const uint8_t place[STORE_PLACE_LEN], bool *yes)
{
	uint8_t check[CHECK_LEN];
	*yes = false;
	TRY(check_make(place, name->bytes, check));
	*yes = table->key_count <= STORE_KEY_COLUMNS_MAX &&
	       mem_equal(check, name->bytes + BODY_LEN, CHECK_LEN);
	return OK;
}

NODISCARD struct err store_name_show(const struct store_table *table, const struct store_name *name,
				     const uint8_t place[STORE_PLACE_LEN], char out[STORE_KEY_TEXT])
{
	struct unpacked told;
	uint8_t its_place[STORE_PLACE_LEN];
	bool believed = false;
	out[0] = '\0';
	TRY(is_of(table, name, place, &believed));
	if (!believed || !unpack(table, name, &told))
		return OK;
	if (told.whole) {
		TRY(store_place_make(table, told.count, told.values, its_place));
		if (!mem_equal(its_place, place, sizeof its_place))
			return OK;
	}
	store_row_key_part(table, told.values, told.count, told.whole, out);
	return OK;
}
