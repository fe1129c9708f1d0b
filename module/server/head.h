/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before the body: target and headers, copied out of libmicrohttpd's memory and
 * otherwise as they came, and the rules of framing that the library does not keep (RFC 9112 §3.2,
 * §6.3): each is a way to smuggle a request past something in front of this server.
 */
#ifndef HOLDFAST_SERVER_HEAD_H
#define HOLDFAST_SERVER_HEAD_H

#include "auth/sigv4.h"
#include "server/refusal.h"

#define HEAD_LENGTH_UNKNOWN (-1)

struct head {
	char *text; /* owned; all views below point into it */
	struct http_header *headers;
	size_t count;
	struct view path, query;

	/* by head_check() */
	struct view target, user_agent;
	bool form;              /* a body of the AWS Query protocol: a form, and no target */
	int64_t content_length; /* HEAD_LENGTH_UNKNOWN: none or chunked */
	bool chunked;
	bool expects_continue;
};

/* One header as it was received. */
struct head_field {
	struct view name, value;
};

/* Copies. At most SIGV4_HEADERS_MAX fields are kept; more is told by head_check(). E_NOMEM. */
NODISCARD struct err head_init(struct head *head, struct view uri, const struct head_field *fields,
			       size_t count);
void head_cleanup(struct head *head);

/* Finds what the server needs and says what is wrong with the rest. `version`: "HTTP/1.1". */
enum refusal head_check(struct head *head, struct view version);

#endif
