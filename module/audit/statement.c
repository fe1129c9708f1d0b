/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/statement.h"

#include "base/writer.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"

#define PARTS 4
#define LENGTH_LEN 4
#define STATEMENT_MAX                                                                            \
	(PARTS * LENGTH_LEN + sizeof AUDIT_STATEMENT_DOMAIN + AUDIT_STATEMENT_INSTALLATION_MAX + \
	 TIMESTAMP_ISO_TEXT + SHA256_LEN)

NODISCARD struct err audit_statement_digest(const struct audit_statement *statement,
					    uint8_t out[AUDIT_STATEMENT_DIGEST_LEN])
{
	uint8_t bytes[STATEMENT_MAX];
	char time[TIMESTAMP_ISO_TEXT];
	struct writer w;
	struct view id = statement->installation;
	REQUIRE(id.len > 0 && id.len <= AUDIT_STATEMENT_INSTALLATION_MAX, E_BOUNDS);
	timestamp_iso(statement->time_ms, true, time);
	writer_init(&w, bytes, sizeof bytes);
	writer_block32(&w, VIEW_LITERAL(AUDIT_STATEMENT_DOMAIN));
	writer_block32(&w, id);
	writer_block32(&w, view_of_text(time));
	writer_block32(&w, VIEW_ARRAY(statement->digest));
	TRY(writer_end(&w));
	const struct view whole = view_of(bytes, w.len);
	return digest_sha256(&whole, 1, out);
}

NODISCARD struct err audit_statement_fingerprint(struct view point,
						 char out[AUDIT_STATEMENT_FINGERPRINT_TEXT])
{
	uint8_t digest[SHA256_LEN];
	struct writer w;
	out[0] = '\0';
	TRY(digest_sha256(&point, 1, digest));
	writer_init(&w, out, AUDIT_STATEMENT_FINGERPRINT_TEXT);
	hex_encode(&w, VIEW_ARRAY(digest));
	return writer_end_text(&w);
}
