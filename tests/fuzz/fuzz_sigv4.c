/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any request through all stages of SigV4. The input: a line each for method, path and query, then
 * a line per header ("name:value"), an empty line, and the body.
 * What passes the check verifies with the signature made for it, and with no other.
 */
#include "auth/sigv4.h"
#include "target.h"

#define HEADERS_MAX 70 /* a few more than are allowed */

static void check_reason(const struct sigv4_reason *reason)
{
	must(view_find(VIEW_ARRAY(reason->text), 0) < sizeof reason->text);
}

static struct sigv4_request request_of(struct view input, struct http_header *headers)
{
	struct sigv4_request request = {.headers = headers};
	request.method = view_cut(&input, '\n');
	request.path = view_cut(&input, '\n');
	request.query = view_cut(&input, '\n');
	while (input.ptr != NULL && request.header_count < HEADERS_MAX) {
		struct view line = view_cut(&input, '\n');
		if (line.len == 0)
			break;
		struct view name = view_cut(&line, ':');
		headers[request.header_count++] = (struct http_header){name, view_trim(line)};
	}
	request.body = input;
	return request;
}

static struct secret *key_of(const struct sigv4_parsed *parsed)
{
	CLEANUP(secret_free) struct secret *secret = NULL;
	struct secret *key = NULL;
	must(!err_failed(secret_new_from(VIEW_LITERAL("secret"), &secret)));
	must(!err_failed(
		sigv4_signing_key(secret, parsed->date, parsed->region, parsed->service, &key)));
	return key;
}

/* false: the request has no canonical form. */
static bool sign(const struct sigv4_request *request, const struct sigv4_parsed *parsed,
		 const struct secret *key, char signature[65])
{
	CLEANUP(buf_cleanup) struct buf canonical;
	struct sigv4_reason reason;
	struct writer w, to_sign;
	char text[512];
	buf_init(&canonical, SIGV4_CANONICAL_MAX);
	writer_init_buf(&w, &canonical);
	struct err e = sigv4_canonical(request, parsed, &w, &reason);
	check_reason(&reason);
	if (err_failed(e))
		return false;
	writer_init(&to_sign, text, sizeof text);
	must(!err_failed(sigv4_string_to_sign(parsed, buf_view(&canonical), &to_sign)));
	must(!err_failed(sigv4_signature(key, view_of(text, to_sign.len), signature)));
	return true;
}

static void check_verify(const struct sigv4_request *request, struct sigv4_parsed *parsed,
			 const struct sigv4_rules *rules)
{
	CLEANUP(secret_free) struct secret *key = key_of(parsed);
	struct sigv4_reason reason;
	char signature[65];
	struct err checked = sigv4_check(request, parsed, rules, &reason);
	check_reason(&reason);
	/* The signature of the input was made without this key. */
	must(err_failed(sigv4_verify(request, parsed, rules, key, &reason)));
	check_reason(&reason);
	bool made = sign(request, parsed, key, signature);
	if (!made)
		return;
	parsed->signature = view_of(signature, 64);
	struct err verified = sigv4_verify(request, parsed, rules, key, &reason);
	must(err_failed(verified) == err_failed(checked));
	signature[63] = signature[63] == '0' ? '1' : '0';
	must(err_failed(sigv4_verify(request, parsed, rules, key, &reason)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_header headers[HEADERS_MAX];
	struct sigv4_request request = request_of(view_of(data, size), headers);
	struct sigv4_parsed parsed;
	struct sigv4_reason reason;
	struct err e = sigv4_parse(&request, &parsed, &reason);
	check_reason(&reason);
	must(err_failed(e) == (reason.text[0] != '\0'));
	if (err_failed(e))
		return 0;
	struct sigv4_rules rules = {.region = parsed.region,
				    .service = parsed.service,
				    .now_ms = parsed.time_ms,
				    .xks = size % 2 == 1};
	check_verify(&request, &parsed, &rules);
	return 0;
}
