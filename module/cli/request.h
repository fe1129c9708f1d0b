/* SPDX-License-Identifier: Apache-2.0 */
/* One admin operation of a running holdfastd: asked, and its refusals told to people. */
#ifndef HOLDFAST_CLI_REQUEST_H
#define HOLDFAST_CLI_REQUEST_H

#include "base/buf.h"
#include "cli/command.h"
#include "codec/json.h"

/*
 * Asks; *answer json_free(), and `text` (initialised by the caller) is the body as it came. On any
 * other end than EXIT_DONE the reason is on standard error. Blocks.
 */
NODISCARD enum exit_status request_send(const struct command_context *context,
					const char *operation, struct view body, struct buf *text,
					struct json **answer);

/* One that may take long, and whose refusal is part of what is told rather than its end. */
struct request {
	const char *operation;
	struct view body;
	uint32_t timeout_ms; /* 0: as client/client.h has it */
};

#define REQUEST_TYPE_MAX 64
#define REQUEST_MESSAGE_MAX 512

struct request_failure {
	struct err error;                  /* nobody answered: why; OK when the service refuses */
	char type[REQUEST_TYPE_MAX];       /* "AccessDeniedException" */
	char message[REQUEST_MESSAGE_MAX]; /* for people; "" when there is nothing to add */
};

/* As request_send(), with the reason in *why and nothing said; then *answer stays NULL. */
enum exit_status request_try(const struct command_context *context, const struct request *request,
			     struct buf *text, struct json **answer, struct request_failure *why);

#endif
