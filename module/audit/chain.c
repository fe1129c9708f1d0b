/* SPDX-License-Identifier: Apache-2.0 */
/* The member `chain` as text, and from a line to the next. Attestations: attestation.c. */
#include "audit/chain.h"

#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "crypto/digest.h"

_Static_assert(AUDIT_HASH_LEN == SHA256_LEN, "lines are hashed by SHA-256");

static const char opening[] = ",\"chain\":{\"id\":\"";
static const char numbering[] = "\",\"sequence\":";
static const char preceding[] = ",\"previous\":\"";
static const char closing[] = "\"}}";
static const char attesting[] = "{\"attestation\":{";

#define LEN(text) (sizeof(text) - 1)
#define FRONT_LEN (LEN(opening) + AUDIT_CHAIN_ID_LEN + LEN(numbering))
#define BACK_LEN (LEN(preceding) + (size_t)2 * AUDIT_HASH_LEN + LEN(closing))
#define DIGITS_MAX 19 /* of INT64_MAX */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_id(struct view id)
{
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.ptr[i];
		if (!is_digit(c) && !(c >= 'a' && c <= 'f') && c != '-')
			return false;
	}
	return id.len == AUDIT_CHAIN_ID_LEN;
}

/* As it is written, in lower case. Nothing here is secret, and lines are many: codec/hex.h takes
 * four times as long, the same for any content. */
static bool take_hash(struct view hex, uint8_t out[AUDIT_HASH_LEN])
{
	bool good = hex.len == (size_t)2 * AUDIT_HASH_LEN;
	for (size_t i = 0; good && i < hex.len; i++) {
		uint8_t c = hex.ptr[i];
		uint8_t value = (uint8_t)(is_digit(c) ? c - '0' : c - 'a' + 10);
		good = value < 16 && (is_digit(c) || c >= 'a');
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | value);
	}
	return good;
}

static bool parse_back(struct view back, struct audit_link *out)
{
	struct view hex = view_part(back, LEN(preceding), (size_t)2 * AUDIT_HASH_LEN);
	struct view end = view_part(back, back.len - LEN(closing), LEN(closing));
	return view_starts_with(back, view_of(preceding, LEN(preceding))) &&
	       view_equal(end, view_of(closing, LEN(closing))) && take_hash(hex, out->previous);
}

static bool parse_front(struct view front, struct audit_link *out)
{
	struct view id = view_part(front, LEN(opening), AUDIT_CHAIN_ID_LEN);
	struct view end = view_part(front, LEN(opening) + id.len, LEN(numbering));
	return view_starts_with(front, view_of(opening, LEN(opening))) && is_id(id) &&
	       view_equal(end, view_of(numbering, LEN(numbering))) &&
	       !err_failed(text_copy(out->chain, sizeof out->chain, id));
}

static bool parse_sequence(struct view digits, struct audit_link *out)
{
	int64_t number = 0;
	if (digits.len > DIGITS_MAX || digits.len == 0 || digits.ptr[0] == '0' ||
	    err_failed(text_parse_integer(digits, 1, INT64_MAX, &number)))
		return false;
	out->sequence = (uint64_t)number;
	return true;
}

bool audit_link_parse(struct view line, struct audit_link *out)
{
	struct audit_link found = {0};
	/* A brace, at least, and one digit. */
	if (line.len < FRONT_LEN + BACK_LEN + 2 || line.ptr[0] != '{')
		return false;
	size_t back = line.len - BACK_LEN;
	size_t digits = back;
	while (digits > FRONT_LEN && is_digit(line.ptr[digits - 1]))
		digits--;
	size_t front = digits - FRONT_LEN;
	if (!parse_back(view_part(line, back, BACK_LEN), &found) ||
	    !parse_sequence(view_part(line, digits, back - digits), &found) ||
	    !parse_front(view_part(line, front, FRONT_LEN), &found))
		return false;
	found.record = view_part(line, 0, front);
	*out = found;
	return true;
}

NODISCARD struct err audit_link_write(const struct audit_point *head, char room[AUDIT_CHAIN_ROOM],
				      size_t *len)
{
	struct writer w;
	REQUIRE(head->sequence < INT64_MAX, E_BOUNDS);
	writer_init(&w, room, AUDIT_CHAIN_ROOM);
	writer_format(&w, "%s%s%s%llu%s", opening, head->chain, numbering,
		      (unsigned long long)head->sequence + 1, preceding);
	hex_encode(&w, VIEW_ARRAY(head->hash));
	writer_text(&w, closing);
	writer_u8(&w, '\n');
	TRY(writer_end(&w));
	*len = w.len;
	return OK;
}

NODISCARD struct err audit_point_move(struct audit_point *head, struct view record,
				      struct view ending)
{
	ENSURE(ending.len > 0);
	const struct view parts[] = {record, view_part(ending, 0, ending.len - 1)};
	TRY(digest_sha256(parts, ARRAY_LEN(parts), head->hash));
	head->sequence++;
	return OK;
}

NODISCARD struct err audit_point_of(struct view line, struct audit_point *out)
{
	struct audit_link link;
	struct audit_point point = {0};
	REQUIRE(audit_link_parse(line, &link), E_FORMAT);
	mem_copy(point.chain, sizeof point.chain, link.chain, sizeof link.chain);
	point.sequence = link.sequence;
	TRY(digest_sha256(&line, 1, point.hash));
	*out = point;
	return OK;
}

void audit_point_begin(struct audit_point *out, const char chain[AUDIT_CHAIN_ID_LEN + 1])
{
	*out = (struct audit_point){0};
	mem_copy(out->chain, sizeof out->chain, chain, sizeof out->chain);
}

bool audit_point_equal(const struct audit_point *a, const struct audit_point *b)
{
	return a->sequence == b->sequence && text_equal(a->chain, b->chain) &&
	       mem_equal(a->hash, b->hash, sizeof a->hash);
}

bool audit_line_attests(struct view line)
{
	return view_starts_with(line, view_of(attesting, LEN(attesting)));
}

NODISCARD struct err audit_key_id(const uint8_t *public_key, char out[AUDIT_KEY_ID_LEN + 1])
{
	struct writer w;
	uint8_t hash[AUDIT_HASH_LEN];
	const struct view point = view_of(public_key, AUDIT_POINT_LEN);
	TRY(digest_sha256(&point, 1, hash));
	writer_init(&w, out, AUDIT_KEY_ID_LEN + 1);
	hex_encode(&w, view_of(hash, AUDIT_KEY_ID_LEN / 2));
	return writer_end_text(&w);
}
