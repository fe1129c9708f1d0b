/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signer.h"

#include "base/mem.h"
#include "base/writer.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SIGNED_HEADERS "content-type;host;x-amz-date;x-amz-target"
#define CANONICAL_MAX 2048
#define SCOPE_MAX 256
#define DATE_LEN 8
#define KEY_PREFIX "AWS4"
#define SECRET_ROOM 256

static struct err hex_of_digest(struct view bytes, struct writer *w)
{
	uint8_t digest[SHA256_LEN];
	TRY(digest_sha256(&bytes, 1, digest));
	hex_encode(w, VIEW_ARRAY(digest));
	return OK;
}

/* AWS SigV4: "Create a canonical request". */
static struct err canonical_digest(const struct signer_request *r, const char *date,
				   struct writer *w)
{
	char text[CANONICAL_MAX];
	struct writer c;
	writer_init(&c, text, sizeof text);
	writer_text(&c, "POST\n");
	writer_bytes(&c, r->path);
	writer_text(&c, "\n\ncontent-type:");
	writer_bytes(&c, r->content_type);
	writer_text(&c, "\nhost:");
	writer_bytes(&c, r->host);
	writer_format(&c, "\nx-amz-date:%s\nx-amz-target:", date);
	writer_bytes(&c, r->target);
	writer_text(&c, "\n\n" SIGNED_HEADERS "\n");
	TRY(hex_of_digest(r->body, &c));
	TRY(writer_end(&c));
	return hex_of_digest(view_of(text, c.len), w);
}

static struct err hmac(struct view key, struct view message, struct secret *out)
{
	TRY(digest_hmac_sha256(key, &message, 1, out->ptr));
	out->len = SHA256_LEN;
	return OK;
}

/* AWS SigV4: "Derive a signing key". */
static struct err signing_key(const struct signer *s, struct view date, struct secret *key)
{
	CLEANUP(secret_free) struct secret *seed = NULL;
	TRY(secret_new(SECRET_ROOM, &seed));
	struct writer w;
	writer_init_secret(&w, seed);
	writer_text(&w, KEY_PREFIX);
	writer_bytes(&w, secret_view(s->secret_key));
	TRY(writer_end_secret(&w, seed));
	CLEANUP(secret_free) struct secret *other = NULL;
	TRY(secret_new(SHA256_LEN, &other));
	TRY(hmac(secret_view(seed), date, key));
	TRY(hmac(secret_view(key), s->region, other));
	TRY(hmac(secret_view(other), s->service, key));
	TRY(hmac(secret_view(key), VIEW_LITERAL("aws4_request"), other));
	mem_copy(key->ptr, key->cap, other->ptr, SHA256_LEN);
	return OK;
}

static struct err signature(const struct signer *s, struct view to_sign, struct view date,
			    struct writer *w)
{
	CLEANUP(secret_free) struct secret *key = NULL;
	TRY(secret_new(SHA256_LEN, &key));
	TRY(signing_key(s, date, key));
	uint8_t mac[SHA256_LEN];
	TRY(digest_hmac_sha256(secret_view(key), &to_sign, 1, mac));
	hex_encode(w, VIEW_ARRAY(mac));
	return OK;
}

NODISCARD struct err signer_sign(const struct signer *s, const struct signer_request *r,
				 struct signer_headers *out)
{
	timestamp_basic(r->now_ms, out->date);
	struct view date = view_of(out->date, DATE_LEN);
	char scope[SCOPE_MAX], text[CANONICAL_MAX];
	struct writer w;
	writer_init(&w, scope, sizeof scope);
	writer_bytes(&w, date);
	writer_text(&w, "/");
	writer_bytes(&w, s->region);
	writer_text(&w, "/");
	writer_bytes(&w, s->service);
	writer_text(&w, "/aws4_request");
	TRY(writer_end_text(&w));
	writer_init(&w, text, sizeof text);
	writer_format(&w, ALGORITHM "\n%s\n%s\n", out->date, scope);
	TRY(canonical_digest(r, out->date, &w));
	TRY(writer_end(&w));
	struct view to_sign = view_of(text, w.len);
	writer_init(&w, out->authorization, sizeof out->authorization);
	writer_text(&w, ALGORITHM " Credential=");
	writer_bytes(&w, s->access_key_id);
	writer_format(&w, "/%s, SignedHeaders=" SIGNED_HEADERS ", Signature=", scope);
	TRY(signature(s, to_sign, date, &w));
	return writer_end_text(&w);
}
