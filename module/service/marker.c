/* SPDX-License-Identifier: Apache-2.0 */
/* format 1 | flags 1 | key id 16 | MAC 32, as Base64. */
#include "service/marker.h"

#include "base/mem.h"
#include "base/reader.h"
#include "codec/base64.h"

#define FORMAT 1
#define FLAG_MULTI_REGION 0x01
#define BODY_LEN (1 + 1 + 16)
#define MARKER_LEN (BODY_LEN + KMS_SEAL_LEN)
#define MESSAGE_MAX 256

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
	uint8_t bytes[MARKER_LEN];
	struct writer w;
	writer_init(&w, bytes, BODY_LEN);
	writer_u8(&w, FORMAT);
	writer_u8(&w, place->last.multi_region ? FLAG_MULTI_REGION : 0);
	writer_bytes(&w, VIEW_ARRAY(place->last.bytes));
	TRY(writer_end(&w));
	TRY(authenticate(sealer, place, view_of(bytes, BODY_LEN), bytes + BODY_LEN));
	struct writer text;
	writer_init(&text, out, MARKER_TEXT);
	base64_encode(&text, VIEW_ARRAY(bytes));
	return writer_end_text(&text);
}

static struct err take_apart(struct view bytes, struct marker_place *place, struct view *mac)
{
	struct reader r;
	reader_init(&r, bytes);
	uint8_t format = reader_u8(&r);
	uint8_t flags = reader_u8(&r);
	reader_copy(&r, place->last.bytes, sizeof place->last.bytes);
	*mac = reader_bytes(&r, KMS_SEAL_LEN);
	TRY(reader_end(&r));
	REQUIRE(format == FORMAT && (flags & ~FLAG_MULTI_REGION) == 0, E_FORMAT);
	place->last.multi_region = flags & FLAG_MULTI_REGION;
	return OK;
}

NODISCARD struct err marker_read(const struct kms_sealer *sealer, struct view text,
				 struct marker_place *place)
{
	uint8_t bytes[MARKER_LEN];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	struct view mac;
	REQUIRE(!err_failed(base64_decode(&w, text)), E_KMS_INVALID_MARKER);
	REQUIRE(!err_failed(take_apart(view_of(bytes, w.len), place, &mac)), E_KMS_INVALID_MARKER);
	uint8_t expected[KMS_SEAL_LEN];
	TRY(authenticate(sealer, place, view_of(bytes, BODY_LEN), expected));
	REQUIRE(mem_equal_constant_time(mac.ptr, expected, sizeof expected), E_KMS_INVALID_MARKER);
	return OK;
}
