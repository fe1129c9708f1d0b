/* SPDX-License-Identifier: Apache-2.0 */
/* format 1 | multi-Region 1 | key id 16 | account 12 | grant id 64 | nonce 16 | MAC 32, as Base64.
 */
#include "service/grant_token.h"

#include "base/entropy.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "service/core.h"
#include "service/input.h"

#define FORMAT 1
#define GRANT_ID_BYTES (KMS_GRANT_ID_LEN / 2)
#define NONCE_LEN 16
#define BODY_LEN (1 + 1 + 16 + KMS_ACCOUNT_LEN + GRANT_ID_BYTES + NONCE_LEN)
#define TOKEN_LEN (BODY_LEN + KMS_SEAL_LEN)
#define DOMAIN "holdfast grant token" /* what no table is called, nor a list's marker */
#define MESSAGE_LEN (2 + sizeof DOMAIN - 1 + 2 + BODY_LEN)
#define TOKENS_MAX 10 /* KMS API: GrantTokenList */

_Static_assert(BASE64_ENCODED_LEN(TOKEN_LEN) < GRANT_TOKEN_TEXT, "a token fits");

/* What is authenticated. */
struct message {
	uint8_t bytes[MESSAGE_LEN];
	size_t len;
};

static struct err write_message(struct view body, struct message *out)
{
	struct writer w;
	writer_init(&w, out->bytes, sizeof out->bytes);
	writer_block16(&w, VIEW_LITERAL(DOMAIN));
	writer_block16(&w, body);
	out->len = w.len;
	return writer_end(&w);
}

static struct err write_body(const struct grant_token *token, struct writer *w)
{
	uint8_t id[GRANT_ID_BYTES], nonce[NONCE_LEN];
	TRY(hex_decode(view_of_text(token->grant_id), id, sizeof id));
	TRY(entropy_fill(nonce, sizeof nonce));
	writer_u8(w, FORMAT);
	writer_u8(w, token->key_id.multi_region);
	writer_bytes(w, VIEW_ARRAY(token->key_id.bytes));
	writer_bytes(w, view_of_text(token->account));
	writer_bytes(w, VIEW_ARRAY(id));
	writer_bytes(w, VIEW_ARRAY(nonce));
	ENSURE(w->len == BODY_LEN);
	return writer_end(w);
}

NODISCARD struct err grant_token_make(const struct kms_sealer *sealer,
				      const struct grant_token *token, char out[GRANT_TOKEN_TEXT])
{
	uint8_t bytes[TOKEN_LEN], mac[1][KMS_SEAL_LEN];
	struct message message;
	struct writer w, text;
	writer_init(&w, bytes, sizeof bytes);
	TRY(write_body(token, &w));
	TRY(write_message(view_of(bytes, w.len), &message));
	const struct view sealed = view_of(message.bytes, message.len);
	TRY(sealer->seal(sealer->self, &sealed, 1, mac));
	writer_bytes(&w, VIEW_ARRAY(mac[0]));
	TRY(writer_end(&w));
	writer_init(&text, out, GRANT_TOKEN_TEXT);
	base64_encode(&text, VIEW_ARRAY(bytes));
	return writer_end_text(&text);
}

static struct err read_body(struct view body, struct grant_token *out)
{
	struct reader r;
	reader_init(&r, body);
	uint8_t format = reader_u8(&r), multi_region = reader_u8(&r);
	reader_copy(&r, out->key_id.bytes, sizeof out->key_id.bytes);
	struct view account = reader_bytes(&r, KMS_ACCOUNT_LEN);
	struct view id = reader_bytes(&r, GRANT_ID_BYTES);
	(void)reader_bytes(&r, NONCE_LEN);
	TRY(reader_end(&r));
	REQUIRE(format == FORMAT && multi_region <= 1, E_FORMAT);
	out->key_id.multi_region = multi_region;
	struct writer w;
	writer_init(&w, out->grant_id, sizeof out->grant_id);
	hex_encode(&w, id);
	TRY(writer_end_text(&w));
	return text_copy(out->account, sizeof out->account, account);
}

/* Believed by nobody yet: the MAC stands behind the body. */
struct claim {
	uint8_t bytes[TOKEN_LEN];
	struct grant_token token;
	struct message message;
};

static struct err read_claim(struct view text, struct claim *out)
{
	struct writer w;
	writer_init(&w, out->bytes, sizeof out->bytes);
	TRY(base64_decode(&w, text));
	REQUIRE(w.len == TOKEN_LEN, E_FORMAT);
	struct view body = view_of(out->bytes, BODY_LEN);
	TRY(read_body(body, &out->token));
	return write_message(body, &out->message);
}

static struct err check_claims(const struct kms_sealer *sealer, const struct claim *claims,
			       size_t count)
{
	struct view messages[TOKENS_MAX] = {VIEW_NONE};
	uint8_t macs[TOKENS_MAX][KMS_SEAL_LEN];
	for (size_t i = 0; i < count; i++)
		messages[i] = view_of(claims[i].message.bytes, claims[i].message.len);
	TRY(sealer->seal(sealer->self, messages, count, macs));
	for (size_t i = 0; i < count; i++)
		REQUIRE(mem_equal_constant_time(macs[i], claims[i].bytes + BODY_LEN, KMS_SEAL_LEN),
			E_KMS_GRANT_TOKEN);
	return OK;
}

NODISCARD struct err grant_token_read(const struct kms_sealer *sealer, struct view text,
				      struct grant_token *out)
{
	struct claim claim;
	REQUIRE(!err_failed(read_claim(text, &claim)), E_KMS_GRANT_TOKEN);
	TRY(check_claims(sealer, &claim, 1));
	*out = claim.token;
	return OK;
}

NODISCARD struct err grant_tokens_check(const struct call_work *work)
{
	struct claim claims[TOKENS_MAX];
	if (!input_declares(work, "GrantTokens"))
		return OK;
	const struct json *tokens = input_member(work, "GrantTokens");
	size_t count = json_count(tokens);
	if (count == 0)
		return OK;
	ENSURE(count <= TOKENS_MAX);
	for (size_t i = 0; i < count; i++)
		REQUIRE(!err_failed(
				read_claim(json_string_of(json_element(tokens, i)), &claims[i])),
			E_KMS_GRANT_TOKEN);
	REQUIRE(work->may_block, E_WOULD_BLOCK);
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	return check_claims(&sealer, claims, count);
}
