/* SPDX-License-Identifier: Apache-2.0 */
/* What can be seen of a service that does not answer: its sockets, settings, files. */
#ifndef HOLDFAST_CLI_OUTSIDE_H
#define HOLDFAST_CLI_OUTSIDE_H

#include "base/writer.h"
#include "cli/command.h"

/* Writes a status in the form of the admin operation's; `why` is what asking it came to. Blocks for
 * connects to Unix sockets alone. */
void outside_look(const struct command_context *context, struct err why, struct writer *w);

#endif
