/* SPDX-License-Identifier: Apache-2.0 */
/* format 1 | length 2 | last 1..MARKER_LAST_MAX | MAC 32, as Base64. */
#include "service/marker.h"

#include "base/mem.h"
#include "base/reader.h"
#include "codec/base64.h"

#define FORMAT 2
#define BODY_MAX (1 + 2 + MARKER_LAST_MAX)
#define MESSAGE_MAX (BODY_MAX + 256)

_Static_assert(BASE64_ENCODED_LEN(BODY_MAX + KMS_SEAL_LEN) < MARKER_TEXT, "a marker fits");

NODISCARD struct err marker_set_last(struct marker_place *place, struct view last)
{
	ENSURE(last.len > 0 && last.len <= MARKER_LAST_MAX);
	mem_copy(place->last, sizeof place->last, last.ptr, last.len);
	place->last_len = last.len;
	return OK;
}

struct view marker_last(const struct marker_place *place)
{
	return view_of(place->last, place->last_len);
}

/* Apart from every row of the store by its first block, which no table is called. */
static struct err authenticate(const struct kms_sealer *sealer, const struct marker_place *place,
			       struct view body, uint8_t out[KMS_SEAL_LEN])
{
	uint8_t room[MESSAGE_MAX];
	struct writer w;
	writer_init(&w, room, sizeof room);
	writer_block16(&w, VIEW_LITERAL("holdfast list marker"));
	writer_block16(&w, view_of_text(place->operation));
	writer_block16(&w, view_of_text(place->scope->account));
	writer_block16(&w, view_of_text(place->scope->region));
	writer_block16(&w, place->about);
	writer_block16(&w, body);
	TRY(writer_end(&w));
	const struct view message = view_of(room, w.len);
	uint8_t seal[1][KMS_SEAL_LEN];
	TRY(sealer->seal(sealer->self, &message, 1, seal));
	mem_copy(out, KMS_SEAL_LEN, seal[0], sizeof seal[0]);
	return OK;
}

NODISCARD struct err marker_make(const struct kms_sealer *sealer, const struct marker_place *place,
				 char out[MARKER_TEXT])
{
	uint8_t bytes[BODY_MAX + KMS_SEAL_LEN], mac[KMS_SEAL_LEN];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	writer_u8(&w, FORMAT);
	writer_block16(&w, marker_last(place));
	TRY(authenticate(sealer, place, view_of(bytes, w.len), mac));
	writer_bytes(&w, VIEW_ARRAY(mac));
	TRY(writer_end(&w));
	struct writer text;
	writer_init(&text, out, MARKER_TEXT);
	base64_encode(&text, view_of(bytes, w.len));
	return writer_end_text(&text);
}

static struct err take_apart(struct view bytes, struct marker_place *place, struct view *mac)
{
	struct reader r;
	reader_init(&r, bytes);
	uint8_t format = reader_u8(&r);
	struct view last = reader_block16(&r, MARKER_LAST_MAX);
	*mac = reader_bytes(&r, KMS_SEAL_LEN);
	TRY(reader_end(&r));
	REQUIRE(format == FORMAT && last.len > 0 && last.len <= MARKER_LAST_MAX, E_FORMAT);
	return marker_set_last(place, last);
}

NODISCARD struct err marker_read(const struct kms_sealer *sealer, struct view text,
				 struct marker_place *place)
{
	uint8_t bytes[BODY_MAX + KMS_SEAL_LEN];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	struct view mac;
	REQUIRE(!err_failed(base64_decode(&w, text)), E_KMS_INVALID_MARKER);
	REQUIRE(!err_failed(take_apart(view_of(bytes, w.len), place, &mac)), E_KMS_INVALID_MARKER);
	uint8_t expected[KMS_SEAL_LEN];
	TRY(authenticate(sealer, place, view_of(bytes, w.len - KMS_SEAL_LEN), expected));
	REQUIRE(mem_equal_constant_time(mac.ptr, expected, sizeof expected), E_KMS_INVALID_MARKER);
	return OK;
}
