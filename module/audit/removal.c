/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/removal.h"

#include "audit/attestation.h"
#include "audit/own_record.h"
#include "base/text.h"
#include "codec/base64.h"
#include "codec/hex.h"

NODISCARD struct err removal_digest(const struct audit_point *last, uint8_t digest[AUDIT_HASH_LEN])
{
	return attestation_digest_of("holdfast audit removed 1", last, "", digest);
}

NODISCARD struct err removal_write(const struct removal *removal, struct writer *w)
{
	writer_format(w, "\"chain\":\"%s\",\"lastSequence\":%llu,\"lastHash\":\"",
		      removal->last.chain, (unsigned long long)removal->last.sequence);
	hex_encode(w, VIEW_ARRAY(removal->last.hash));
	writer_format(w, "\",\"key\":\"%s\",\"signature\":\"", removal->key);
	base64_encode(w, VIEW_ARRAY(removal->signature));
	writer_text(w, "\"");
	return writer_end(w);
}

static struct err take_details(const struct json *details, struct removal *out)
{
	struct writer w;
	int64_t sequence = json_integer_of(json_member(details, "lastSequence"));
	struct view chain = json_string_of(json_member(details, "chain"));
	struct view hash = json_string_of(json_member(details, "lastHash"));
	struct view key = json_string_of(json_member(details, "key"));
	struct view signature = json_string_of(json_member(details, "signature"));
	REQUIRE(sequence > 0 && chain.len == AUDIT_CHAIN_ID_LEN && key.len == AUDIT_KEY_ID_LEN,
		E_FORMAT);
	out->last.sequence = (uint64_t)sequence;
	TRY(text_copy(out->last.chain, sizeof out->last.chain, chain));
	TRY(text_copy(out->key, sizeof out->key, key));
	TRY(hex_decode(hash, out->last.hash, sizeof out->last.hash));
	writer_init(&w, out->signature, sizeof out->signature);
	TRY(base64_decode(&w, signature));
	TRY(writer_end(&w));
	REQUIRE(w.len == sizeof out->signature, E_FORMAT);
	return OK;
}

NODISCARD struct err removal_parse(struct view line, struct removal *out, bool *is)
{
	CLEANUP(json_free) struct json *record = NULL;
	*is = false;
	TRY(own_record_parse(line, REMOVAL_EVENT, &record));
	if (record == NULL)
		return OK;
	struct removal found = {0};
	*is = !err_failed(take_details(json_member(record, "serviceEventDetails"), &found));
	if (*is)
		*out = found;
	return OK;
}
