/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expected signatures were made by botocore 1.43.11 (SigV4Auth) for the
 * same requests and credentials.
 */
#include "client/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-21T12:34:56Z */
#define NOW_MS INT64_C(1795264496000)

static void sign(const char *body, const char *secret_text, struct signer_headers *out)
{
	struct secret *secret = NULL;
	assert_int_equal(secret_new_from(view_of_text(secret_text), &secret).code, E_OK);
	const struct signer signer = {.access_key_id = VIEW_LITERAL("AKIAIOSFODNN7EXAMPLE"),
				      .secret_key = secret,
				      .region = VIEW_LITERAL("eu-central-1"),
				      .service = VIEW_LITERAL("kms")};
	const struct signer_request request = {.host = VIEW_LITERAL("127.0.0.1:4599"),
					       .path = VIEW_LITERAL("/"),
					       .content_type =
						       VIEW_LITERAL("application/x-amz-json-1.1"),
					       .target = VIEW_LITERAL("TrentService.ListKeys"),
					       .body = view_of_text(body),
					       .now_ms = NOW_MS};
	assert_int_equal(signer_sign(&signer, &request, out).code, E_OK);
	secret_free(&secret);
}

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

static void the_signature_is_that_of_botocore(void **state)
{
	(void)state;
	struct signer_headers got;
	sign("{}", SECRET, &got);
	assert_string_equal(got.date, "20261121T123456Z");
	assert_string_equal(
		got.authorization,
		"AWS4-HMAC-SHA256 "
		"Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-central-1/kms/aws4_request, "
		"SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
		"Signature=2686973d67390c7da648b3424bdb7bb39020be22099af03f1cc832e95a24dc4f");
	sign("{\"Limit\":1}", SECRET, &got);
	assert_string_equal(
		got.authorization,
		"AWS4-HMAC-SHA256 "
		"Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-central-1/kms/aws4_request, "
		"SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
		"Signature=13e9819329988c075583fe080339900fa74753f8617492fe1560a604bb8edd4b");
}

static void another_secret_makes_another_signature(void **state)
{
	(void)state;
	struct signer_headers one, other;
	sign("{}", SECRET, &one);
	sign("{}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ", &other);
	assert_string_not_equal(one.authorization, other.authorization);
}

static void nothing_secret_is_left(void **state)
{
	(void)state;
	struct signer_headers got;
	sign("{}", SECRET, &got);
	assert_null(strstr(got.authorization, "wJalr"));
	assert_int_equal(secret_usage().live_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_signature_is_that_of_botocore),
		cmocka_unit_test(another_secret_makes_another_signature),
		cmocka_unit_test(nothing_secret_is_left),
	};
	return cmocka_run_group_tests_name("client signer", tests, NULL, NULL);
}
