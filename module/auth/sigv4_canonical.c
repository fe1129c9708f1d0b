/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The third stage: "Create a signed AWS API request", step 1, the canonical request of any service
 * but S3: the path is normalised and encoded once more than it was sent.
 */
#include "auth/sigv4_local.h"
#include "codec/uri.h"

#define PATH_SEGMENTS_MAX 64
#define QUERY_PARAMETERS_MAX 64
#define QUERY_MAX 2048
#define QUERY_ENCODED_MAX (3 * QUERY_MAX)

/* RFC 3986 §5.2.4, and runs of slashes become one. */
static NODISCARD struct err split_path(struct view path, struct view *segments, size_t *count)
{
	*count = 0;
	while (path.ptr != NULL) {
		struct view segment = view_cut(&path, '/');
		if (segment.len == 0 || view_equal_text(segment, "."))
			continue;
		if (view_equal_text(segment, "..")) {
			*count -= *count > 0 ? 1 : 0;
			continue;
		}
		REQUIRE(*count < PATH_SEGMENTS_MAX, E_BOUNDS);
		segments[(*count)++] = segment;
	}
	return OK;
}

static NODISCARD struct err put_path(struct writer *out, struct view path)
{
	struct view segments[PATH_SEGMENTS_MAX];
	size_t count = 0;
	TRY(split_path(path, segments, &count));
	for (size_t i = 0; i < count; i++) {
		writer_u8(out, '/');
		uri_encode(out, segments[i], false);
	}
	/* A slash at the end stays one; without any segment it is the whole path. */
	if (count == 0 || path.ptr[path.len - 1] == '/')
		writer_u8(out, '/');
	writer_u8(out, '\n');
	return OK;
}

struct parameter {
	struct view name, value; /* encoded */
};

/* Once undone and done again, the parts of the query have a single spelling. */
static NODISCARD struct err encode_part(struct writer *room, struct view raw, struct view *encoded)
{
	uint8_t plain[QUERY_MAX];
	struct writer decoded;
	writer_init(&decoded, plain, sizeof plain);
	TRY(uri_decode(&decoded, raw));
	size_t start = room->len;
	uri_encode(room, view_of(plain, decoded.len), false);
	TRY(writer_end(room));
	*encoded = view_of(room->ptr + start, room->len - start);
	return OK;
}

static NODISCARD struct err split_query(struct view query, struct writer *room,
					struct parameter *parameters, size_t *count)
{
	while (query.ptr != NULL) {
		REQUIRE(*count < QUERY_PARAMETERS_MAX, E_BOUNDS);
		struct parameter *p = &parameters[(*count)++];
		struct view value = view_cut(&query, '&');
		struct view name = view_cut(&value, '=');
		TRY(encode_part(room, name, &p->name));
		TRY(encode_part(room, value, &p->value));
	}
	return OK;
}

static int compare_parameters(const struct parameter *a, const struct parameter *b)
{
	int order = view_compare(a->name, b->name);
	return order != 0 ? order : view_compare(a->value, b->value);
}

/* By insertion: there are few. */
static void sort_parameters(struct parameter *parameters, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct parameter moving = parameters[i];
		size_t at = i;
		for (; at > 0 && compare_parameters(&parameters[at - 1], &moving) > 0; at--)
			parameters[at] = parameters[at - 1];
		parameters[at] = moving;
	}
}

static NODISCARD struct err put_parameters(struct writer *out, struct view query)
{
	uint8_t encoded[QUERY_ENCODED_MAX];
	struct parameter parameters[QUERY_PARAMETERS_MAX];
	struct writer room;
	size_t count = 0;
	REQUIRE(query.len <= QUERY_MAX, E_BOUNDS);
	writer_init(&room, encoded, sizeof encoded);
	TRY(split_query(query, &room, parameters, &count));
	sort_parameters(parameters, count);
	for (size_t i = 0; i < count; i++) {
		writer_text(out, i > 0 ? "&" : "");
		writer_bytes(out, parameters[i].name);
		writer_u8(out, '=');
		writer_bytes(out, parameters[i].value);
	}
	return OK;
}

/* Few requests have a query: the room for its parts is on the stack of those that do. */
static NODISCARD struct err put_query(struct writer *out, struct view query)
{
	if (query.len > 0)
		TRY(put_parameters(out, query));
	writer_u8(out, '\n');
	return OK;
}

static NODISCARD struct err put_target(const struct sigv4_request *request, struct writer *out,
				       struct sigv4_reason *reason)
{
	sigv4_reason_set(reason, "The path or the query string is malformed or too long.");
	writer_bytes(out, request->method);
	writer_u8(out, '\n');
	TRY(put_path(out, request->path));
	TRY(put_query(out, request->query));
	TRY(writer_end(out));
	reason->text[0] = '\0';
	return OK;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without blanks at the ends, runs of them inside as one. */
static void put_header_value(struct writer *out, struct view value)
{
	size_t at = 0;
	bool first = true;
	while (at < value.len) {
		size_t start = at;
		while (at < value.len && !is_blank(value.ptr[at]))
			at++;
		if (at > start) {
			writer_text(out, first ? "" : " ");
			writer_bytes(out, view_part(value, start, at - start));
			first = false;
		}
		at++;
	}
}

static NODISCARD struct err put_headers(const struct sigv4_request *request, struct view names,
					struct writer *out, struct sigv4_reason *reason)
{
	while (names.ptr != NULL) {
		struct view value, name = view_cut(&names, ';');
		if (sigv4_header_count(request, name, &value) != 1) {
			sigv4_reason_set(reason, "The signed header '%.*s' must be sent once.",
					 SIGV4_ECHO(name));
			return ERR(E_AUTH_SIGNATURE);
		}
		writer_bytes(out, name);
		writer_u8(out, ':');
		put_header_value(out, value);
		writer_u8(out, '\n');
	}
	return OK;
}

/* The hash that the client names, however often, must be that of the body: never UNSIGNED-PAYLOAD.
 */
static NODISCARD struct err check_payload_header(const struct sigv4_request *request,
						 struct view digest, struct sigv4_reason *reason)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *header = &request->headers[i];
		if (!view_equal_ignore_case(header->name, VIEW_LITERAL("x-amz-content-sha256")) ||
		    view_equal(view_trim(header->value), digest))
			continue;
		sigv4_reason_set(reason,
				 "The provided 'x-amz-content-sha256' header does not match "
				 "what was computed.");
		return ERR(E_AUTH_SIGNATURE);
	}
	return OK;
}

NODISCARD struct err sigv4_canonical(const struct sigv4_request *request,
				     const struct sigv4_parsed *parsed, struct writer *out,
				     struct sigv4_reason *reason)
{
	char digest[SIGV4_SIGNATURE_LEN];
	reason->text[0] = '\0';
	TRY(sigv4_hex_digest(request->body, digest));
	TRY(check_payload_header(request, VIEW_ARRAY(digest), reason));
	TRY(put_target(request, out, reason));
	TRY(put_headers(request, parsed->signed_headers, out, reason));
	writer_u8(out, '\n');
	writer_bytes(out, parsed->signed_headers);
	writer_u8(out, '\n');
	writer_bytes(out, VIEW_ARRAY(digest));
	if (err_failed(writer_end(out)))
		sigv4_reason_set(reason, "The signed headers are too long.");
	return writer_end(out);
}
