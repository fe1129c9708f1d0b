/* SPDX-License-Identifier: Apache-2.0 */
/* Verification as a whole: a signature covers what it must, and only the right one is accepted. */
#include "example_request.h"

struct signed_example {
	struct example e;
	struct secret *key;
	char signature[65];
};

static struct err canonical_of(struct example *e, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out);
	return sigv4_canonical(&e->request, &e->parsed, &w, &e->reason);
}

/* Signs the example as it stands, with the stages under test (which the vectors have proven). */
static void sign(struct signed_example *s)
{
	CLEANUP(buf_cleanup) struct buf canonical;
	char text[512];
	struct writer w;
	buf_init(&canonical, SIGV4_CANONICAL_MAX);
	assert_int_equal(canonical_of(&s->e, &canonical).code, E_OK);
	writer_init(&w, text, sizeof text);
	assert_int_equal(sigv4_string_to_sign(&s->e.parsed, buf_view(&canonical), &w).code, E_OK);
	assert_int_equal(sigv4_signature(s->key, view_of(text, w.len), s->signature).code, E_OK);
	s->e.parsed.signature = view_of_text(s->signature);
}

static void signed_init(struct signed_example *s, const char *signed_headers)
{
	CLEANUP(secret_free) struct secret *secret = NULL;
	example_init(&s->e);
	example_parse(&s->e, signed_headers);
	assert_int_equal(secret_new_from(VIEW_LITERAL(EXAMPLE_SECRET), &secret).code, E_OK);
	assert_int_equal(sigv4_signing_key(secret, s->e.parsed.date, s->e.parsed.region,
					   s->e.parsed.service, &s->key)
				 .code,
			 E_OK);
	sign(s);
}

static void signed_cleanup(struct signed_example *s)
{
	secret_free(&s->key);
}

static struct err verify(struct signed_example *s)
{
	return sigv4_verify(&s->e.request, &s->e.parsed, &s->e.rules, s->key, &s->e.reason);
}

static void assert_mismatch(struct signed_example *s)
{
	assert_int_equal(verify(s).code, E_AUTH_SIGNATURE);
	assert_string_equal(
		s->e.reason.text,
		"The request signature we calculated does not match the signature you "
		"provided. Check your AWS Secret Access Key and signing method. Consult "
		"the service documentation for details.");
}

static void right_signature_is_accepted(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	assert_int_equal(verify(&s).code, E_OK);
}

static void published_signing_key_is_derived(void **state)
{
	/* AWS General Reference, "Deriving a signing key": 20120215/us-east-1/iam. */
	static const uint8_t expected[] = {0xf4, 0x78, 0x0e, 0x2d, 0x9f, 0x65, 0xfa, 0x89,
					   0x5f, 0x9c, 0x67, 0xb3, 0x2c, 0xe1, 0xba, 0xf0,
					   0xb0, 0xd8, 0xa4, 0x35, 0x05, 0xa0, 0x00, 0xa1,
					   0xa9, 0xe0, 0x90, 0xd4, 0x14, 0xdb, 0x40, 0x4d};
	CLEANUP(secret_free) struct secret *secret = NULL;
	CLEANUP(secret_free) struct secret *key = NULL;
	(void)state;
	assert_int_equal(secret_new_from(VIEW_LITERAL(EXAMPLE_SECRET), &secret).code, E_OK);
	assert_int_equal(sigv4_signing_key(secret, VIEW_LITERAL("20120215"),
					   VIEW_LITERAL("us-east-1"), VIEW_LITERAL("iam"), &key)
				 .code,
			 E_OK);
	assert_true(view_equal(secret_view(key), VIEW_ARRAY(expected)));
}

static void every_digit_of_the_signature_counts(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	for (size_t i = 0; i < 64; i++) {
		char digit = s.signature[i];
		s.signature[i] = digit == '0' ? '1' : '0';
		assert_mismatch(&s);
		s.signature[i] = digit;
	}
	assert_int_equal(verify(&s).code, E_OK);
	s.e.parsed.signature = view_of(s.signature, 63);
	assert_mismatch(&s);
	s.e.parsed.signature = VIEW_NONE;
	assert_mismatch(&s);
}

static void changed_requests_are_refused(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	struct sigv4_request good;
	(void)state;
	signed_init(&s, NULL);
	good = s.e.request;
	s.e.request.body = VIEW_LITERAL("{ }");
	assert_mismatch(&s);
	s.e.request = good;
	s.e.request.method = VIEW_LITERAL("PUT");
	assert_mismatch(&s);
	s.e.request = good;
	s.e.request.path = VIEW_LITERAL("/x");
	assert_mismatch(&s);
	s.e.request = good;
	s.e.request.query = VIEW_LITERAL("a=1");
	assert_mismatch(&s);
	s.e.request = good;
	assert_int_equal(verify(&s).code, E_OK);
}

static void changed_signed_headers_are_refused(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	example_set(&s.e, "X-Amz-Target", "TrentService.ScheduleKeyDeletion");
	assert_mismatch(&s);
	example_set(&s.e, "X-Amz-Target", "TrentService.ListKeys");
	assert_int_equal(verify(&s).code, E_OK);
	example_set(&s.e, "User-Agent", "another");
	assert_int_equal(verify(&s).code, E_OK);
}

static void another_key_is_refused(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	s.key->ptr[31] ^= 1;
	assert_mismatch(&s);
}

static void unsigned_header_is_refused_with_a_right_signature(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, "content-type;host;x-amz-date");
	assert_int_equal(verify(&s).code, E_AUTH_SIGNATURE);
	assert_reason(&s.e, "'X-Amz-Target' must be a 'SignedHeader'");
}

static void expired_request_is_refused_with_a_right_signature(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	s.e.rules.now_ms += SIGV4_SKEW_MS + 1;
	assert_int_equal(verify(&s).code, E_AUTH_EXPIRED);
}

static struct err verify_payload_hash(const char *value, bool xks)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	signed_init(&s, NULL);
	s.e.rules.xks = xks;
	example_add(&s.e, "X-Amz-Content-SHA256", value);
	s.e.parsed.signed_headers =
		VIEW_LITERAL("content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target");
	/* A client that signs a lie can do so; here the canonical form refuses to be made. */
	CLEANUP(buf_cleanup) struct buf canonical;
	buf_init(&canonical, SIGV4_CANONICAL_MAX);
	TRY(canonical_of(&s.e, &canonical));
	sign(&s);
	return verify(&s);
}

static void payload_hash_must_be_that_of_the_body(void **state)
{
	static const char *const lies[] = {
		"UNSIGNED-PAYLOAD",
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		"",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A",
	};
	(void)state;
	assert_int_equal(
		verify_payload_hash("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060"
				    "f61caaff8a",
				    false)
			.code,
		E_OK);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		assert_int_equal(verify_payload_hash(lies[i], false).code, E_AUTH_SIGNATURE);
		assert_int_equal(verify_payload_hash(lies[i], true).code, E_AUTH_SIGNATURE);
	}
}

static struct err canonical_with(struct view path, struct view query)
{
	CLEANUP(buf_cleanup) struct buf canonical;
	struct example e;
	example_init(&e);
	example_parse(&e, NULL);
	e.request.path = path;
	e.request.query = query;
	buf_init(&canonical, SIGV4_CANONICAL_MAX);
	return canonical_of(&e, &canonical);
}

static void canonical_form_is_bounded(void **state)
{
	static uint8_t many[SIGV4_CANONICAL_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 == 0 ? '/' : 'a';
	assert_int_equal(canonical_with(view_of(many, 128), VIEW_NONE).code, E_OK);
	assert_int_equal(canonical_with(view_of(many, 130), VIEW_NONE).code, E_BOUNDS);
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 == 0 ? 'a' : '&';
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), view_of(many, 127)).code, E_OK);
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), view_of(many, 128)).code, E_BOUNDS);
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = ' ';
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), view_of(many, 2048)).code, E_OK);
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), view_of(many, 2049)).code, E_BOUNDS);
	many[0] = '/';
	assert_int_equal(canonical_with(VIEW_ARRAY(many), VIEW_NONE).code, E_BOUNDS);
}

static void broken_query_escapes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), VIEW_LITERAL("a=%2")).code, E_FORMAT);
	assert_int_equal(canonical_with(VIEW_LITERAL("/"), VIEW_LITERAL("%zz=1")).code, E_FORMAT);
}

static void spelling_of_the_query_does_not_matter(void **state)
{
	CLEANUP(signed_cleanup) struct signed_example s;
	(void)state;
	signed_init(&s, NULL);
	s.e.request.query = VIEW_LITERAL("a%2Fb=%7E&c=d");
	sign(&s);
	s.e.request.query = VIEW_LITERAL("c=d&a%2fb=~");
	assert_int_equal(verify(&s).code, E_OK);
	s.e.request.query = VIEW_LITERAL("c=d&a%2fb=~&");
	assert_mismatch(&s);
}

static void no_secret_is_left_locked(void **state)
{
	size_t before = secret_usage().live_count;
	(void)state;
	{
		CLEANUP(signed_cleanup) struct signed_example s;
		signed_init(&s, NULL);
		assert_int_equal(secret_usage().live_count, before + 1);
	}
	assert_int_equal(secret_usage().live_count, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_signature_is_accepted),
		cmocka_unit_test(published_signing_key_is_derived),
		cmocka_unit_test(every_digit_of_the_signature_counts),
		cmocka_unit_test(changed_requests_are_refused),
		cmocka_unit_test(changed_signed_headers_are_refused),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(unsigned_header_is_refused_with_a_right_signature),
		cmocka_unit_test(expired_request_is_refused_with_a_right_signature),
		cmocka_unit_test(payload_hash_must_be_that_of_the_body),
		cmocka_unit_test(canonical_form_is_bounded),
		cmocka_unit_test(broken_query_escapes_are_refused),
		cmocka_unit_test(spelling_of_the_query_does_not_matter),
		cmocka_unit_test(no_secret_is_left_locked),
	};
	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
