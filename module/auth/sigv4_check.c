/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second stage: is the claim about us, about now, and about everything that matters? Needs no
 * key, so that it costs nothing to refuse.
 */
#include "auth/sigv4_local.h"
#include "codec/timestamp.h"

#define AMZ_PREFIX "x-amz-"
#define SKEW_MINUTES (SIGV4_SKEW_MS / 60000)

/* "Create a signed AWS API request": the scope's date is that of the request, in UTC. */
static NODISCARD struct err check_scope(const struct sigv4_parsed *parsed,
					const struct sigv4_rules *rules,
					struct sigv4_reason *reason)
{
	struct view day = view_part(parsed->amz_date, 0, SIGV4_DATE_LEN);
	reason->text[0] = '\0';
	if (!view_equal(parsed->region, rules->region))
		sigv4_reason_add(reason, "Credential should be scoped to a valid region.");
	if (!view_equal(parsed->service, rules->service))
		sigv4_reason_add(reason, "Credential should be scoped to correct service: '%.*s'.",
				 SIGV4_ECHO(rules->service));
	if (!view_equal(parsed->date, day))
		sigv4_reason_add(reason,
				 "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
				 "version of date from HTTP: '%.*s' != '%.*s', from '%.*s'.",
				 SIGV4_ECHO(parsed->date), SIGV4_ECHO(day),
				 SIGV4_ECHO(parsed->amz_date));
	return reason->text[0] == '\0' ? OK : ERR(E_AUTH_SCOPE);
}

static NODISCARD struct err check_clock(const struct sigv4_parsed *parsed, int64_t now_ms,
					struct sigv4_reason *reason)
{
	char sent[TIMESTAMP_BASIC_TEXT], now[TIMESTAMP_BASIC_TEXT], limit[TIMESTAMP_BASIC_TEXT];
	bool late = parsed->time_ms < now_ms - SIGV4_SKEW_MS;
	bool early = parsed->time_ms > now_ms + SIGV4_SKEW_MS;
	if (!late && !early)
		return OK;
	timestamp_basic(parsed->time_ms, sent);
	timestamp_basic(now_ms, now);
	timestamp_basic(late ? now_ms - SIGV4_SKEW_MS : now_ms + SIGV4_SKEW_MS, limit);
	if (late)
		sigv4_reason_set(reason,
				 "Signature expired: %s is now earlier than %s (%s - %d min.)",
				 sent, limit, now, SKEW_MINUTES);
	else
		sigv4_reason_set(reason,
				 "Signature not yet current: %s is still later than %s "
				 "(%s + %d min.)",
				 sent, limit, now, SKEW_MINUTES);
	return ERR(E_AUTH_EXPIRED);
}

static bool is_lower_case(struct view name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')
			return false;
	return name.len > 0;
}

/* A name of the list: in lower case, above the one before, sent exactly once. */
static NODISCARD struct err check_signed_name(const struct sigv4_request *request, struct view name,
					      struct view before, struct sigv4_reason *reason)
{
	struct view value;
	if (!is_lower_case(name) || (before.ptr != NULL && view_compare(before, name) >= 0)) {
		sigv4_reason_set(reason,
				 "SignedHeaders must be lower-case names in ascending order, "
				 "separated by semicolons.");
		return ERR(E_AUTH_SIGNATURE);
	}
	if (sigv4_header_count(request, name, &value) != 1) {
		sigv4_reason_set(reason, "The signed header '%.*s' must be sent once.",
				 SIGV4_ECHO(name));
		return ERR(E_AUTH_SIGNATURE);
	}
	return OK;
}

static NODISCARD struct err check_signed_list(const struct sigv4_request *request,
					      struct view names, struct sigv4_reason *reason)
{
	struct view before = VIEW_NONE;
	size_t count = 0;
	while (names.ptr != NULL) {
		struct view name = view_cut(&names, ';');
		if (++count > SIGV4_HEADERS_MAX) {
			sigv4_reason_set(reason, "SignedHeaders has more than %d names.",
					 SIGV4_HEADERS_MAX);
			return ERR(E_BOUNDS);
		}
		TRY(check_signed_name(request, name, before, reason));
		before = name;
	}
	return OK;
}

static bool is_signed(struct view names, struct view header)
{
	while (names.ptr != NULL)
		if (view_equal_ignore_case(view_cut(&names, ';'), header))
			return true;
	return false;
}

/* What a header means must not depend on bytes that the signature does not cover. */
static bool must_be_signed(struct view header)
{
	struct view start = view_part(header, 0, sizeof AMZ_PREFIX - 1);
	return view_equal_ignore_case(start, VIEW_LITERAL(AMZ_PREFIX)) ||
	       view_equal_ignore_case(header, VIEW_LITERAL("content-type"));
}

static NODISCARD struct err check_coverage(const struct sigv4_request *request, struct view names,
					   bool xks, struct sigv4_reason *reason)
{
	if (!is_signed(names, VIEW_LITERAL("host"))) {
		sigv4_reason_set(reason,
				 "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
				 "Authorization.");
		return ERR(E_AUTH_SIGNATURE);
	}
	if (!is_signed(names, VIEW_LITERAL("x-amz-date"))) {
		sigv4_reason_set(reason,
				 "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.");
		return ERR(E_AUTH_SIGNATURE);
	}
	for (size_t i = 0; !xks && i < request->header_count; i++) {
		struct view name = request->headers[i].name;
		if (!must_be_signed(name) || is_signed(names, name))
			continue;
		sigv4_reason_set(reason,
				 "'%.*s' must be a 'SignedHeader' in the AWS Authorization.",
				 SIGV4_ECHO(name));
		return ERR(E_AUTH_SIGNATURE);
	}
	return OK;
}

NODISCARD struct err sigv4_check(const struct sigv4_request *request,
				 const struct sigv4_parsed *parsed, const struct sigv4_rules *rules,
				 struct sigv4_reason *reason)
{
	reason->text[0] = '\0';
	TRY(check_scope(parsed, rules, reason));
	TRY(check_clock(parsed, rules->now_ms, reason));
	TRY(check_signed_list(request, parsed->signed_headers, reason));
	return check_coverage(request, parsed->signed_headers, rules->xks, reason);
}
