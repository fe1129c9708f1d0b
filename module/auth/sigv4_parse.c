/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first stage: the Authorization header, x-amz-date and x-amz-security-token taken apart. Says
 * what the client claims; whether it may be believed, the later stages find out.
 */
#include "auth/sigv4_local.h"
#include "base/ascii.h"
#include "base/text.h"
#include "codec/timestamp.h"

#define AUTHORIZATION_MAX ((size_t)8192) /* 64 long header names and a credential fit */
#define QUERY_FORM_PREFIX "X-Amz-Signature="

static NODISCARD struct err take_header(const struct sigv4_request *request, const char *name,
					struct view *value, struct sigv4_reason *reason)
{
	size_t count = sigv4_header_count(request, view_of_text(name), value);
	if (count <= 1)
		return OK;
	sigv4_reason_set(reason, "'%s' must be sent once.", name);
	return ERR(E_AUTH_INCOMPLETE);
}

/* Presigned URLs: KMS takes them nowhere, and one request must not carry two signatures. */
static bool has_query_form(struct view query)
{
	while (query.ptr != NULL) {
		struct view pair = view_cut(&query, '&');
		struct view start = view_part(pair, 0, sizeof QUERY_FORM_PREFIX - 1);
		if (view_equal_ignore_case(start, VIEW_LITERAL(QUERY_FORM_PREFIX)))
			return true;
	}
	return false;
}

static NODISCARD struct err take_authorization(const struct sigv4_request *request,
					       struct view *value, struct sigv4_reason *reason)
{
	if (request->header_count > SIGV4_HEADERS_MAX) {
		sigv4_reason_set(reason, "More than %d headers were sent.", SIGV4_HEADERS_MAX);
		return ERR(E_BOUNDS);
	}
	if (has_query_form(request->query)) {
		sigv4_reason_set(reason, "The signature must be sent in the Authorization header, "
					 "not in the query string.");
		return ERR(E_AUTH_INCOMPLETE);
	}
	TRY(take_header(request, "Authorization", value, reason));
	if (value->len == 0) {
		sigv4_reason_set(reason, "Missing Authentication Token");
		return ERR(E_AUTH_MISSING);
	}
	if (value->len > AUTHORIZATION_MAX) {
		sigv4_reason_set(reason, "The Authorization header is longer than %zu bytes.",
				 AUTHORIZATION_MAX);
		return ERR(E_AUTH_INCOMPLETE);
	}
	return OK;
}

/* The word before the first blank; *rest becomes what stands behind it. */
static NODISCARD struct err take_algorithm(struct view *rest, struct sigv4_reason *reason)
{
	struct view algorithm = view_cut(rest, ' ');
	if (view_equal_text(algorithm, SIGV4_ALGORITHM))
		return OK;
	if (view_starts_with(algorithm, VIEW_LITERAL("AWS4-")))
		sigv4_reason_set(reason, "Unsupported AWS 'algorithm': '%.*s'.",
				 SIGV4_ECHO(algorithm));
	else
		sigv4_reason_set(reason, "Authorization header requires '" SIGV4_ALGORITHM
					 "' as its algorithm.");
	return ERR(E_AUTH_INCOMPLETE);
}

enum parameter { CREDENTIAL, SIGNATURE, SIGNED_HEADERS, PARAMETER_COUNT };

/* In the order in which AWS complains of their absence. */
static const char *const parameter_names[PARAMETER_COUNT] = {
	[CREDENTIAL] = "Credential",
	[SIGNATURE] = "Signature",
	[SIGNED_HEADERS] = "SignedHeaders",
};

static NODISCARD struct err take_parameter(struct view pair, struct view values[PARAMETER_COUNT],
					   struct sigv4_reason *reason)
{
	struct view value = pair;
	struct view name = view_cut(&value, '=');
	if (value.ptr == NULL) {
		sigv4_reason_set(reason,
				 "'%.*s' not a valid key=value pair (missing equal-sign) in "
				 "Authorization header.",
				 SIGV4_ECHO(pair));
		return ERR(E_AUTH_INCOMPLETE);
	}
	for (size_t i = 0; i < PARAMETER_COUNT; i++) {
		if (!view_equal_text(name, parameter_names[i]) || values[i].ptr != NULL)
			continue;
		values[i] = value;
		return OK;
	}
	sigv4_reason_set(reason,
			 "Authorization header has an unknown or repeated '%.*s' parameter.",
			 SIGV4_ECHO(name));
	return ERR(E_AUTH_INCOMPLETE);
}

static NODISCARD struct err take_parameters(struct view rest, struct view values[PARAMETER_COUNT],
					    struct sigv4_reason *reason)
{
	while (rest.ptr != NULL) {
		struct view pair = view_trim(view_cut(&rest, ','));
		if (pair.len > 0)
			TRY(take_parameter(pair, values, reason));
	}
	return OK;
}

/* One sentence for each part that is missing, as AWS does. */
static NODISCARD struct err check_complete(const struct view values[PARAMETER_COUNT],
					   struct view amz_date, struct sigv4_reason *reason)
{
	reason->text[0] = '\0';
	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		if (values[i].len == 0)
			sigv4_reason_add(reason, "Authorization header requires '%s' parameter.",
					 parameter_names[i]);
	if (amz_date.len == 0)
		sigv4_reason_add(reason, "Authorization header requires existence of either a "
					 "'X-Amz-Date' or a 'Date' header.");
	return reason->text[0] == '\0' ? OK : ERR(E_AUTH_INCOMPLETE);
}

static bool is_access_key_id(struct view id)
{
	return id.len <= AUTH_ACCESS_KEY_ID_MAX &&
	       ascii_consists_of(id, ASCII_ALPHANUMERIC, VIEW_LITERAL("_"));
}

static bool is_date(struct view date)
{
	return date.len == SIGV4_DATE_LEN && ascii_consists_of(date, ASCII_DIGIT, VIEW_NONE);
}

static bool is_scope_part(struct view part)
{
	return part.len > 0 && part.len <= SIGV4_SCOPE_PART_MAX;
}

/* keyid/date/region/service/aws4_request */
static NODISCARD struct err split_credential(struct view credential, struct sigv4_parsed *out,
					     struct sigv4_reason *reason)
{
	struct view rest = credential;
	out->access_key_id = view_cut(&rest, '/');
	out->date = view_cut(&rest, '/');
	out->region = view_cut(&rest, '/');
	out->service = view_cut(&rest, '/');
	if (rest.ptr == NULL || view_find(rest, '/') != rest.len ||
	    !is_access_key_id(out->access_key_id) || !is_date(out->date) ||
	    !is_scope_part(out->region) || !is_scope_part(out->service)) {
		sigv4_reason_set(reason,
				 "Credential must have exactly 5 slash-delimited elements, e.g. "
				 "keyid/date/region/service/term, got '%.*s'",
				 SIGV4_ECHO(credential));
		return ERR(E_AUTH_INCOMPLETE);
	}
	if (!view_equal_text(rest, SIGV4_TERMINATOR)) {
		sigv4_reason_set(reason,
				 "Credential should be scoped with a valid terminator: "
				 "'" SIGV4_TERMINATOR "', not '%.*s'.",
				 SIGV4_ECHO(rest));
		return ERR(E_AUTH_INCOMPLETE);
	}
	return OK;
}

static NODISCARD struct err check_signature_form(struct view signature, struct sigv4_reason *reason)
{
	uint8_t bytes[SHA256_LEN];
	if (!err_failed(hex_decode(signature, bytes, sizeof bytes)))
		return OK;
	sigv4_reason_set(reason, "Signature must be %zu hexadecimal digits.", SIGV4_SIGNATURE_LEN);
	return ERR(E_AUTH_INCOMPLETE);
}

static NODISCARD struct err read_time(struct sigv4_parsed *out, struct sigv4_reason *reason)
{
	if (!err_failed(timestamp_parse_basic(out->amz_date, &out->time_ms)))
		return OK;
	sigv4_reason_set(reason,
			 "Date must be in ISO-8601 'basic format'. Got '%.*s'. See "
			 "http://en.wikipedia.org/wiki/ISO_8601",
			 SIGV4_ECHO(out->amz_date));
	return ERR(E_AUTH_INCOMPLETE);
}

NODISCARD struct err sigv4_parse(const struct sigv4_request *request, struct sigv4_parsed *out,
				 struct sigv4_reason *reason)
{
	struct sigv4_parsed parsed = {0};
	struct view rest, values[PARAMETER_COUNT] = {{0}};
	reason->text[0] = '\0';
	TRY(take_authorization(request, &rest, reason));
	TRY(take_header(request, "X-Amz-Date", &parsed.amz_date, reason));
	TRY(take_header(request, "X-Amz-Security-Token", &parsed.session_token, reason));
	TRY(take_algorithm(&rest, reason));
	TRY(take_parameters(rest, values, reason));
	TRY(check_complete(values, parsed.amz_date, reason));
	TRY(split_credential(values[CREDENTIAL], &parsed, reason));
	TRY(check_signature_form(values[SIGNATURE], reason));
	TRY(read_time(&parsed, reason));
	parsed.signed_headers = values[SIGNED_HEADERS];
	parsed.signature = values[SIGNATURE];
	*out = parsed;
	return OK;
}
