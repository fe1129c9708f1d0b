/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages of sigv4.h share; private to auth/. */
#ifndef HOLDFAST_AUTH_SIGV4_LOCAL_H
#define HOLDFAST_AUTH_SIGV4_LOCAL_H

#include "auth/sigv4.h"
#include "codec/hex.h"
#include "crypto/digest.h"

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_TERMINATOR "aws4_request"
#define SIGV4_SIGNATURE_LEN ((size_t)64) /* hex digits */
#define SIGV4_DATE_LEN ((size_t)8)
#define SIGV4_SCOPE_PART_MAX ((size_t)64) /* region, service */
#define SIGV4_ECHO_MAX 128                /* bytes of the request in one reason */

/* For "%.*s": at most SIGV4_ECHO_MAX bytes of what the client sent. */
#define SIGV4_ECHO(v) (int)MIN_OF((v).len, (size_t)SIGV4_ECHO_MAX), (const char *)(v).ptr

/* How often a header of this name (in any case) was sent; *value is that of the first, else empty.
 */
static inline size_t sigv4_header_count(const struct sigv4_request *request, struct view name,
					struct view *value)
{
	size_t count = 0;
	*value = VIEW_NONE;
	for (size_t i = 0; i < request->header_count; i++) {
		if (!view_equal_ignore_case(request->headers[i].name, name))
			continue;
		if (count++ == 0)
			*value = request->headers[i].value;
	}
	return count;
}

/* Sets the reason in full, or, where it does not fit, to what fits. */
void sigv4_reason_set(struct sigv4_reason *reason, const char *format, ...) PRINTF_LIKE(2, 3);

/* Adds a sentence; the sentences are separated by a blank. */
void sigv4_reason_add(struct sigv4_reason *reason, const char *format, ...) PRINTF_LIKE(2, 3);

/* SHA-256 in 64 lower-case hex digits. */
NODISCARD struct err sigv4_hex_digest(struct view bytes, char out[SIGV4_SIGNATURE_LEN]);

#endif
