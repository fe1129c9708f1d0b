/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, header form, verified. Pure: values in, values out; each stage is a
 * function of its own, so that each can be tested against what AWS publishes.
 *
 *   sigv4_parse ─► sigv4_check ─► sigv4_canonical ─► sigv4_string_to_sign ─► sigv4_verify
 */
#ifndef HOLDFAST_AUTH_SIGV4_H
#define HOLDFAST_AUTH_SIGV4_H

#include "auth/principal.h"
#include "base/secret.h"
#include "base/writer.h"

#define SIGV4_HEADERS_MAX 64
#define SIGV4_SKEW_MS (5 * 60 * 1000)
#define SIGV4_CANONICAL_MAX (32 << 10)
#define SIGV4_SIGNING_KEY_LEN 32

struct http_header {
	struct view name;  /* as sent */
	struct view value; /* without blanks around it */
};

/* What was received, as it was received: nothing decoded, nothing reordered. */
struct sigv4_request {
	struct view method;
	struct view path;  /* raw, starts with '/' */
	struct view query; /* raw, without '?' */
	const struct http_header *headers;
	size_t header_count;
	struct view body;
};

/* The Authorization header taken apart; views borrow from the request. */
struct sigv4_parsed {
	struct view access_key_id;
	struct view date; /* of the scope, 8 digits */
	struct view region;
	struct view service;
	struct view signed_headers; /* a;b;c */
	struct view signature;      /* 64 hex digits */
	struct view amz_date;       /* value of x-amz-date */
	struct view session_token;  /* value of x-amz-security-token; empty without */
	int64_t time_ms;
};

/* What must hold besides the signature; all borrowed. */
struct sigv4_rules {
	struct view region;
	struct view service;
	int64_t now_ms;
	bool xks; /* only host and x-amz-date must be signed (XKS proxy API) */
};

/* Why a request was refused, in AWS's words, for the reply; never contains the secret or the right
 * signature. */
#define SIGV4_REASON_MAX 1024
struct sigv4_reason {
	char text[SIGV4_REASON_MAX];
};

/*
 * E_AUTH_MISSING (no Authorization header), E_AUTH_INCOMPLETE (a part missing or malformed, doubled
 * header, query-string form, SigV4a), E_BOUNDS (more than SIGV4_HEADERS_MAX headers).
 */
NODISCARD struct err sigv4_parse(const struct sigv4_request *request, struct sigv4_parsed *out,
				 struct sigv4_reason *reason);

/*
 * Clock, scope and the set of signed headers: host, every x-amz-* that was sent, content-type when
 * it was sent; each named header present, once, names sorted and in lower case. E_AUTH_EXPIRED
 * (more than five minutes off), E_AUTH_SCOPE, E_AUTH_SIGNATURE (an unsigned header).
 */
NODISCARD struct err sigv4_check(const struct sigv4_request *request,
				 const struct sigv4_parsed *parsed, const struct sigv4_rules *rules,
				 struct sigv4_reason *reason);

/* The canonical request. E_BOUNDS; E_FORMAT for a broken escape in the query. The payload hash is
 * made from the body; x-amz-content-sha256, if sent, must equal it: E_AUTH_SIGNATURE. */
NODISCARD struct err sigv4_canonical(const struct sigv4_request *request,
				     const struct sigv4_parsed *parsed, struct writer *out,
				     struct sigv4_reason *reason);

/* Algorithm, date, scope and the digest of the canonical request. */
NODISCARD struct err sigv4_string_to_sign(const struct sigv4_parsed *parsed, struct view canonical,
					  struct writer *out);

/* The day's key for (secret, date, region, service). *out owned by the caller. */
NODISCARD struct err sigv4_signing_key(const struct secret *secret_key, struct view date,
				       struct view region, struct view service,
				       struct secret **out);

/* 64 hex digits and a NUL. */
NODISCARD struct err sigv4_signature(const struct secret *signing_key, struct view string_to_sign,
				     char out[65]);

/* All stages but sigv4_parse(), given the day's signing key; compares in constant time.
 * E_AUTH_SIGNATURE and the above. */
NODISCARD struct err sigv4_verify(const struct sigv4_request *request,
				  const struct sigv4_parsed *parsed,
				  const struct sigv4_rules *rules, const struct secret *signing_key,
				  struct sigv4_reason *reason);

#endif
