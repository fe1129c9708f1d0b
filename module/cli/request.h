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

#endif
