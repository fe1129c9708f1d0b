/* SPDX-License-Identifier: Apache-2.0 */
/* The last stages: string to sign, keys, signature and the comparison. */
#include "auth/sigv4.h"

#include <stdarg.h>
#include <stdio.h>

#include "auth/sigv4_local.h"
#include "base/mem.h"

#define KEY_PREFIX "AWS4"
#define STRING_TO_SIGN_MAX 320 /* algorithm, date, scope with parts of 64, digest */
#define CANONICAL_USUAL 1024

void sigv4_reason_set(struct sigv4_reason *reason, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(reason->text, sizeof reason->text, format, args);
	va_end(args);
}

void sigv4_reason_add(struct sigv4_reason *reason, const char *format, ...)
{
	size_t used = view_of_text(reason->text).len;
	va_list args;
	if (used > 0 && used + 1 < sizeof reason->text)
		reason->text[used++] = ' ';
	va_start(args, format);
	(void)vsnprintf(reason->text + used, sizeof reason->text - used, format, args);
	va_end(args);
}

NODISCARD struct err sigv4_hex_digest(struct view bytes, char out[SIGV4_SIGNATURE_LEN])
{
	uint8_t digest[SHA256_LEN];
	struct writer w;
	TRY(digest_sha256(&bytes, 1, digest));
	writer_init(&w, out, SIGV4_SIGNATURE_LEN);
	hex_encode(&w, VIEW_ARRAY(digest));
	return writer_end(&w);
}

NODISCARD struct err sigv4_string_to_sign(const struct sigv4_parsed *parsed, struct view canonical,
					  struct writer *out)
{
	const struct view scope[] = {parsed->date, parsed->region, parsed->service};
	char digest[SIGV4_SIGNATURE_LEN];
	TRY(sigv4_hex_digest(canonical, digest));
	writer_text(out, SIGV4_ALGORITHM "\n");
	writer_bytes(out, parsed->amz_date);
	writer_u8(out, '\n');
	for (size_t i = 0; i < ARRAY_LEN(scope); i++) {
		writer_bytes(out, scope[i]);
		writer_u8(out, '/');
	}
	writer_text(out, SIGV4_TERMINATOR "\n");
	writer_bytes(out, VIEW_ARRAY(digest));
	return writer_end(out);
}

/* Each step's key is the result of the one before; all of them live in locked memory. */
NODISCARD struct err sigv4_signing_key(const struct secret *secret_key, struct view date,
				       struct view region, struct view service, struct secret **out)
{
	const struct view steps[] = {date, region, service, VIEW_LITERAL(SIGV4_TERMINATOR)};
	CLEANUP(secret_free) struct secret *start = NULL;
	CLEANUP(secret_free) struct secret *key = NULL;
	struct writer w;
	*out = NULL;
	TRY(secret_new(sizeof KEY_PREFIX - 1 + secret_key->len, &start));
	writer_init_secret(&w, start);
	writer_text(&w, KEY_PREFIX);
	writer_bytes(&w, secret_view(secret_key));
	TRY(writer_end_secret(&w, start));

	TRY(secret_new(SIGV4_SIGNING_KEY_LEN, &key));
	key->len = SIGV4_SIGNING_KEY_LEN;
	TRY(digest_hmac_sha256(secret_view(start), &steps[0], 1, key->ptr));
	for (size_t i = 1; i < ARRAY_LEN(steps); i++)
		TRY(digest_hmac_sha256(secret_view(key), &steps[i], 1, key->ptr));
	*out = TAKE(key);
	return OK;
}

NODISCARD struct err sigv4_signature(const struct secret *signing_key, struct view string_to_sign,
				     char out[65])
{
	uint8_t mac[SHA256_LEN];
	struct writer w;
	TRY(digest_hmac_sha256(secret_view(signing_key), &string_to_sign, 1, mac));
	writer_init(&w, out, SIGV4_SIGNATURE_LEN + 1);
	hex_encode(&w, VIEW_ARRAY(mac));
	mem_wipe(mac, sizeof mac);
	return writer_end_text(&w);
}

/* The signature that the request should carry. */
static NODISCARD struct err expected_signature(const struct sigv4_request *request,
					       const struct sigv4_parsed *parsed,
					       const struct secret *signing_key,
					       struct sigv4_reason *reason, char out[65])
{
	CLEANUP(buf_cleanup) struct buf canonical;
	char text[STRING_TO_SIGN_MAX];
	struct writer w, to_sign;
	buf_init(&canonical, SIGV4_CANONICAL_MAX);
	TRY(buf_reserve(&canonical, CANONICAL_USUAL));
	writer_init_buf(&w, &canonical);
	TRY(sigv4_canonical(request, parsed, &w, reason));
	writer_init(&to_sign, text, sizeof text);
	TRY(sigv4_string_to_sign(parsed, buf_view(&canonical), &to_sign));
	return sigv4_signature(signing_key, view_of(text, to_sign.len), out);
}

NODISCARD struct err sigv4_verify(const struct sigv4_request *request,
				  const struct sigv4_parsed *parsed,
				  const struct sigv4_rules *rules, const struct secret *signing_key,
				  struct sigv4_reason *reason)
{
	char expected[SIGV4_SIGNATURE_LEN + 1];
	TRY(sigv4_check(request, parsed, rules, reason));
	TRY(expected_signature(request, parsed, signing_key, reason, expected));
	bool same = parsed->signature.len == SIGV4_SIGNATURE_LEN &&
		    mem_equal_constant_time(expected, parsed->signature.ptr, SIGV4_SIGNATURE_LEN);
	mem_wipe(expected, sizeof expected);
	if (same)
		return OK;
	sigv4_reason_set(
		reason,
		"The request signature we calculated does not match the signature you "
		"provided. Check your AWS Secret Access Key and signing method. Consult the "
		"service documentation for details.");
	return ERR(E_AUTH_SIGNATURE);
}
