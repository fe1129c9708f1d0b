/* SPDX-License-Identifier: Apache-2.0 */
/* Admin operation GetAuditPublicKey: what holdfast audit verify needs. Changes nothing. */
#include "codec/hex.h"
#include "crypto/digest.h"
#include "crypto/ecdsa.h"
#include "service/core.h"
#include "service/operation.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

/* SHA-256 of the point: the log's lines name the key by its beginning. */
static struct err put_fingerprint(struct json_out *out, const uint8_t *point)
{
	char text[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];
	const struct view key = view_of(point, ECDSA_P256_POINT_LEN);
	struct writer w;
	TRY(digest_sha256(&key, 1, hash));
	writer_init(&w, text, sizeof text);
	hex_encode(&w, VIEW_ARRAY(hash));
	TRY(writer_end_text(&w));
	json_out_text(out, "Fingerprint", view_of_text(text));
	return OK;
}

static struct err put_key(struct json_out *out, const uint8_t *point)
{
	char pem[ECDSA_PEM_MAX];
	struct writer w;
	writer_init(&w, pem, sizeof pem);
	TRY(ecdsa_p256_pem_write(point, &w));
	json_out_text(out, "PublicKey", view_of(pem, w.len));
	return put_fingerprint(out, point);
}

static struct err execute(struct call_work *work)
{
	REQUIRE(work->service->options.audit_public_key != NULL, E_UNSUPPORTED_OPERATION);
	return OK;
}

static void encode(struct call_work *work, struct json_out *out)
{
	struct err e = put_key(out, work->service->options.audit_public_key);
	if (err_failed(e))
		writer_fail(out->w, e);
}

const struct operation admin_get_audit_public_key = {
	.name = "GetAuditPublicKey",
	.door = CALL_DOOR_ADMIN,
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:GetAuditPublicKey"}},
	.execute = execute,
	.encode = encode,
};
