/* SPDX-License-Identifier: Apache-2.0 */
/* A request of a KMS client that the tests change in one place at a time. */
#ifndef HOLDFAST_TESTS_UNIT_AUTH_EXAMPLE_REQUEST_H
#define HOLDFAST_TESTS_UNIT_AUTH_EXAMPLE_REQUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/sigv4.h"
#include "base/text.h"

#define EXAMPLE_NOW_MS INT64_C(1440938160000) /* 2015-08-30T12:36:00Z */
#define EXAMPLE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define EXAMPLE_SIGNED "content-type;host;x-amz-date;x-amz-target"
#define EXAMPLE_SIGNATURE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EXAMPLE_CREDENTIAL "AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request"
#define EXAMPLE_AUTHORIZATION                                                               \
	"AWS4-HMAC-SHA256 Credential=" EXAMPLE_CREDENTIAL ", SignedHeaders=" EXAMPLE_SIGNED \
	", Signature=" EXAMPLE_SIGNATURE
#define EXAMPLE_HEADERS_MAX 80

struct example {
	struct sigv4_request request;
	struct sigv4_parsed parsed;
	struct sigv4_rules rules;
	struct sigv4_reason reason;
	struct http_header headers[EXAMPLE_HEADERS_MAX];
};

static inline void example_add(struct example *e, const char *name, const char *value)
{
	assert_in_range(e->request.header_count, 0, EXAMPLE_HEADERS_MAX - 1);
	e->headers[e->request.header_count++] =
		(struct http_header){view_of_text(name), view_of_text(value)};
}

/* value NULL takes the header away. */
static inline void example_set(struct example *e, const char *name, const char *value)
{
	for (size_t i = 0; i < e->request.header_count; i++) {
		if (!view_equal_text(e->headers[i].name, name))
			continue;
		e->headers[i].value = view_of_text(value);
		if (value == NULL)
			e->headers[i] = e->headers[--e->request.header_count];
		return;
	}
	fail_msg("no header %s", name);
}

static inline void example_init(struct example *e)
{
	*e = (struct example){
		.request = {.method = VIEW_LITERAL("POST"),
			    .path = VIEW_LITERAL("/"),
			    .headers = e->headers,
			    .body = VIEW_LITERAL("{}")},
		.rules = {.region = VIEW_LITERAL("us-east-1"),
			  .service = VIEW_LITERAL("kms"),
			  .now_ms = EXAMPLE_NOW_MS},
	};
	example_add(e, "Host", "kms.example:4599");
	example_add(e, "Content-Type", "application/x-amz-json-1.1");
	example_add(e, "X-Amz-Date", "20150830T123600Z");
	example_add(e, "X-Amz-Target", "TrentService.ListKeys");
	example_add(e, "User-Agent", "example");
	example_add(e, "Authorization", EXAMPLE_AUTHORIZATION);
}

/* Parses what example_init() made, with another list of signed headers where one is given. */
static inline void example_parse(struct example *e, const char *signed_headers)
{
	assert_int_equal(sigv4_parse(&e->request, &e->parsed, &e->reason).code, E_OK);
	if (signed_headers != NULL)
		e->parsed.signed_headers = view_of_text(signed_headers);
}

static inline void assert_reason(const struct example *e, const char *part)
{
	for (const char *at = e->reason.text; *at != '\0'; at++)
		if (view_starts_with(view_of_text(at), view_of_text(part)))
			return;
	fail_msg("\"%s\" does not say \"%s\"", e->reason.text, part);
}

#endif
