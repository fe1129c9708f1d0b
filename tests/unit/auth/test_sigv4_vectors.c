/* SPDX-License-Identifier: Apache-2.0 */
/* Every stage against requests that botocore signed (vectors/sigv4.json). */
#include <stdio.h>

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/timestamp.h"
#include "example_request.h"

#define VECTORS_MIN 30 /* fewer: the file is not what it should be */
#define FILE_MAX ((size_t)1 << 20)
#define BODY_MAX 8192

static struct json *document;

static int load(void **state)
{
	static uint8_t text[FILE_MAX];
	FILE *f = fopen(SIGV4_VECTORS, "re");
	(void)state;
	if (f == NULL)
		return -1;
	size_t n = fread(text, 1, sizeof text, f);
	(void)fclose(f);
	if (err_failed(json_start()) || err_failed(json_parse(view_of(text, n), &document)))
		return -1;
	return 0;
}

static int unload(void **state)
{
	(void)state;
	json_free(&document);
	return 0;
}

struct vector {
	const struct json *json;
	struct example e;
	uint8_t body[BODY_MAX];
	struct secret *key;
};

static struct view text_of(const struct vector *v, const char *name)
{
	const struct json *member = json_member(v->json, name);
	assert_int_equal(json_type_of(member), JSON_TYPE_STRING);
	return json_string_of(member);
}

static void take_headers(struct vector *v)
{
	const struct json *headers = json_member(v->json, "headers");
	assert_in_range(json_count(headers), 2, SIGV4_HEADERS_MAX);
	for (size_t i = 0; i < json_count(headers); i++) {
		const struct json *pair = json_element(headers, i);
		/* The server hands values over without the blanks around them. */
		v->e.headers[i].name = json_string_of(json_element(pair, 0));
		v->e.headers[i].value = view_trim(json_string_of(json_element(pair, 1)));
	}
	v->e.request.header_count = json_count(headers);
}

static void vector_init(struct vector *v, size_t at)
{
	CLEANUP(secret_free) struct secret *secret = NULL;
	struct writer body;
	int64_t now_ms = 0;
	*v = (struct vector){.json = json_element(json_member(document, "vectors"), at)};
	writer_init(&body, v->body, sizeof v->body);
	assert_int_equal(base64_decode(&body, text_of(v, "body")).code, E_OK);
	assert_int_equal(
		timestamp_parse_basic(json_string_of(json_member(document, "time")), &now_ms).code,
		E_OK);
	v->e.request = (struct sigv4_request){
		.method = text_of(v, "method"),
		.path = text_of(v, "path"),
		.query = text_of(v, "query"),
		.headers = v->e.headers,
		.body = view_of(v->body, body.len),
	};
	v->e.rules = (struct sigv4_rules){
		.region = text_of(v, "region"), .service = text_of(v, "service"), .now_ms = now_ms};
	take_headers(v);
	assert_int_equal(sigv4_parse(&v->e.request, &v->e.parsed, &v->e.reason).code, E_OK);
	assert_int_equal(secret_new_from(text_of(v, "secret"), &secret).code, E_OK);
	assert_int_equal(sigv4_signing_key(secret, v->e.parsed.date, v->e.parsed.region,
					   v->e.parsed.service, &v->key)
				 .code,
			 E_OK);
}

static void vector_cleanup(struct vector *v)
{
	secret_free(&v->key);
}

static void assert_same(const struct vector *v, struct view ours, const char *member)
{
	struct view theirs = text_of(v, member);
	struct view name = text_of(v, "name");
	if (!view_equal(ours, theirs))
		fail_msg("%.*s, %s:\n%.*s\ninstead of\n%.*s", (int)name.len, (const char *)name.ptr,
			 member, (int)ours.len, (const char *)ours.ptr, (int)theirs.len,
			 (const char *)theirs.ptr);
}

/* Runs one check over every vector. */
static void each_vector(void (*check)(struct vector *v))
{
	size_t count = json_count(json_member(document, "vectors"));
	assert_true(count >= VECTORS_MIN);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(vector_cleanup) struct vector v;
		vector_init(&v, i);
		check(&v);
	}
}

static void check_parts(struct vector *v)
{
	struct view token;
	assert_true(view_equal(v->e.parsed.access_key_id,
			       json_string_of(json_member(document, "access_key_id"))));
	assert_same(v, v->e.parsed.signature, "signature");
	assert_same(v, v->e.parsed.region, "region");
	assert_same(v, v->e.parsed.service, "service");
	token = v->e.parsed.session_token;
	for (size_t i = 0; i < v->e.request.header_count; i++)
		if (view_equal_ignore_case(v->e.headers[i].name,
					   VIEW_LITERAL("x-amz-security-token")))
			assert_true(view_equal(token, v->e.headers[i].value));
}

static void parts_agree(void **state)
{
	(void)state;
	each_vector(check_parts);
}

static void check_stages(struct vector *v)
{
	static uint8_t canonical[SIGV4_CANONICAL_MAX];
	char text[512], signature[65];
	struct writer w, to_sign;
	writer_init(&w, canonical, sizeof canonical);
	assert_int_equal(sigv4_canonical(&v->e.request, &v->e.parsed, &w, &v->e.reason).code, E_OK);
	assert_same(v, view_of(canonical, w.len), "canonical");
	writer_init(&to_sign, text, sizeof text);
	assert_int_equal(
		sigv4_string_to_sign(&v->e.parsed, view_of(canonical, w.len), &to_sign).code, E_OK);
	assert_same(v, view_of(text, to_sign.len), "string_to_sign");
	assert_int_equal(sigv4_signature(v->key, view_of(text, to_sign.len), signature).code, E_OK);
	assert_same(v, view_of_text(signature), "signature");
}

static void stages_agree(void **state)
{
	(void)state;
	each_vector(check_stages);
}

static struct err verify(struct vector *v)
{
	return sigv4_verify(&v->e.request, &v->e.parsed, &v->e.rules, v->key, &v->e.reason);
}

static void check_whole(struct vector *v)
{
	struct err e = verify(v);
	if (err_failed(e))
		fail_msg("%s: %s", err_name(e), v->e.reason.text);
	v->e.request.body = view_of(v->body, v->e.request.body.len + 1);
	assert_int_equal(verify(v).code, E_AUTH_SIGNATURE);
}

static void requests_are_accepted_and_a_byte_more_is_not(void **state)
{
	(void)state;
	each_vector(check_whole);
}

static void check_key(struct vector *v)
{
	v->key->ptr[0] ^= 0x80;
	assert_int_equal(verify(v).code, E_AUTH_SIGNATURE);
}

static void another_key_is_refused(void **state)
{
	(void)state;
	each_vector(check_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_agree),
		cmocka_unit_test(stages_agree),
		cmocka_unit_test(requests_are_accepted_and_a_byte_more_is_not),
		cmocka_unit_test(another_key_is_refused),
	};
	return cmocka_run_group_tests_name("sigv4_vectors", tests, load, unload);
}
