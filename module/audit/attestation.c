/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/attestation.h"

#include "base/reader.h"
#include "base/text.h"
#include "codec/base64.h"
#include "crypto/digest.h"

#define TIME_LEN (TIMESTAMP_ISO_TEXT - 1)
#define SIGNATURE_TEXT BASE64_ENCODED_LEN(AUDIT_SIGNATURE_LEN)
#define DIGITS_MAX 19

NODISCARD struct err attestation_digest_of(const char *domain, const struct audit_point *point,
					   const char *time, uint8_t digest[AUDIT_HASH_LEN])
{
	uint8_t room[256];
	struct writer w;
	writer_init(&w, room, sizeof room);
	writer_block16(&w, view_of_text(domain));
	writer_block16(&w, view_of_text(point->chain));
	writer_u16(&w, sizeof point->sequence);
	writer_u64(&w, point->sequence);
	writer_block16(&w, VIEW_ARRAY(point->hash));
	writer_block16(&w, view_of_text(time));
	TRY(writer_end(&w));
	const struct view statement = view_of(room, w.len);
	return digest_sha256(&statement, 1, digest);
}

NODISCARD struct err attestation_digest(const struct audit_point *attested, const char *time,
					uint8_t digest[AUDIT_HASH_LEN])
{
	return attestation_digest_of("holdfast audit head 1", attested, time, digest);
}

NODISCARD struct err attestation_write(const struct attestation *attestation, struct writer *w)
{
	writer_format(w, "{\"attestation\":{\"time\":\"%s\",\"sequence\":%llu,\"key\":\"%s\"",
		      attestation->time, (unsigned long long)attestation->sequence,
		      attestation->key);
	writer_text(w, ",\"signature\":\"");
	base64_encode(w, VIEW_ARRAY(attestation->signature));
	writer_text(w, "\"}}");
	return writer_end(w);
}

/* The next bytes are this text. */
static void expect(struct reader *r, const char *text)
{
	struct view wanted = view_of_text(text);
	if (!view_equal(reader_bytes(r, wanted.len), wanted))
		reader_fail(r);
}

static struct err take_text(struct reader *r, size_t len, char *out)
{
	return text_copy(out, len + 1, reader_bytes(r, len));
}

static struct err take_number(struct reader *r, uint64_t *out)
{
	int64_t number = 0;
	size_t len = view_find(view_part(r->rest, 0, DIGITS_MAX + 1), ',');
	TRY(text_parse_integer(reader_bytes(r, len), 1, INT64_MAX, &number));
	*out = (uint64_t)number;
	return OK;
}

static struct err take_signature(struct reader *r, uint8_t out[AUDIT_SIGNATURE_LEN])
{
	struct writer w;
	writer_init(&w, out, AUDIT_SIGNATURE_LEN);
	TRY(base64_decode(&w, reader_bytes(r, SIGNATURE_TEXT)));
	TRY(writer_end(&w));
	REQUIRE(w.len == AUDIT_SIGNATURE_LEN, E_FORMAT);
	return OK;
}

NODISCARD struct err attestation_parse(struct view record, struct attestation *out)
{
	struct reader r;
	struct attestation found = {0};
	reader_init(&r, record);
	expect(&r, "{\"attestation\":{\"time\":\"");
	TRY(take_text(&r, TIME_LEN, found.time));
	expect(&r, "\",\"sequence\":");
	TRY(take_number(&r, &found.sequence));
	expect(&r, ",\"key\":\"");
	TRY(take_text(&r, AUDIT_KEY_ID_LEN, found.key));
	expect(&r, "\",\"signature\":\"");
	TRY(take_signature(&r, found.signature));
	expect(&r, "\"}");
	TRY(reader_end(&r));
	*out = found;
	return OK;
}
