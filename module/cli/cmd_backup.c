/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast backup: a copy of the store, made by the service while it serves. */
#include "cli/command.h"

#define TIMEOUT_MS 3600000 /* of a large store */

static const struct argument arguments[] = {
	{.member = "Name",
	 .value = "NAME",
	 .kind = ARGUMENT_TEXT,
	 .help = "of the file, in place of holdfast-<time>-<epoch>.db"},
	ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "",
	 .operation = "BackupStore",
	 .summary = "a verified copy of the store in backup_directory of [store], while it serves",
	 .arguments = arguments,
	 .timeout_ms = TIMEOUT_MS,
	 .next = "Take it to another machine, and see that the token and the audit log are backed "
		 "up as well:\nholdfast-recovery(7)"},
	VERBS_END};

const struct command cmd_backup = {
	.name = "backup",
	.summary = "a verified copy of the store, made while it serves",
	.verbs = verbs,
};
