/* SPDX-License-Identifier: Apache-2.0 */
#include "kms/ciphertext.h"

#include "base/reader.h"
#include "base/writer.h"

/* No plaintext is empty (KMS API: PlaintextType, 1 to 4,096 bytes). */
#define SEALED_MIN (HSM_SEALED_OVERHEAD + 1)

void kms_ciphertext_header(const struct kms_version *version,
			   uint8_t out[KMS_CIPHERTEXT_HEADER_LEN])
{
	struct writer w;
	writer_init(&w, out, KMS_CIPHERTEXT_HEADER_LEN);
	writer_u8(&w, KMS_CIPHERTEXT_FORMAT);
	writer_u8(&w, (uint8_t)version->suite);
	writer_u8(&w, version->key_id.multi_region ? KMS_CIPHERTEXT_FLAG_MULTI_REGION : 0);
	writer_bytes(&w, VIEW_ARRAY(version->key_id.bytes));
	writer_u32(&w, version->number);
}

NODISCARD struct err kms_ciphertext_parse(struct view blob, struct kms_ciphertext *out)
{
	REQUIRE(blob.len <= KMS_CIPHERTEXT_MAX, E_KMS_CIPHERTEXT);
	REQUIRE(blob.len >= KMS_CIPHERTEXT_HEADER_LEN + SEALED_MIN, E_KMS_CIPHERTEXT);
	struct kms_ciphertext parsed = {.header = view_part(blob, 0, KMS_CIPHERTEXT_HEADER_LEN)};
	struct reader r;
	reader_init(&r, blob);
	uint8_t format = reader_u8(&r);
	uint8_t suite = reader_u8(&r);
	uint8_t flags = reader_u8(&r);
	reader_copy(&r, parsed.key_id.bytes, sizeof parsed.key_id.bytes);
	parsed.version = reader_u32(&r);
	parsed.sealed = reader_remaining(&r);
	REQUIRE(!err_failed(reader_end(&r)), E_KMS_CIPHERTEXT);
	REQUIRE(format == KMS_CIPHERTEXT_FORMAT, E_KMS_CIPHERTEXT);
	REQUIRE(suite >= HSM_SUITE_SP800_108 && suite <= HSM_SUITE_DIRECT, E_KMS_CIPHERTEXT);
	REQUIRE((flags & ~KMS_CIPHERTEXT_FLAG_MULTI_REGION) == 0, E_KMS_CIPHERTEXT);
	REQUIRE(parsed.version > 0, E_KMS_CIPHERTEXT);
	parsed.suite = (enum hsm_suite)suite;
	parsed.key_id.multi_region = (flags & KMS_CIPHERTEXT_FLAG_MULTI_REGION) != 0;
	*out = parsed;
	return OK;
}
