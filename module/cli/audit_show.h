/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdfast audit show: the records of a log's folder, offline, the newest last. Reads the log and
 * nothing else: indexes could have been made to hide something by whoever may write there.
 */
#ifndef HOLDFAST_CLI_AUDIT_SHOW_H
#define HOLDFAST_CLI_AUDIT_SHOW_H

#include "cli/command.h"

extern const struct argument audit_show_arguments[];

enum exit_status audit_show_run(const struct command_context *context,
				const struct command_call *call);

#endif
