/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast access-key: long-lived credentials of users, services and accounts' roots. */
#include "cli/command.h"
#include "cli/credentials.h"

#define OWNER                                                                   \
	{.option = "user",                                                      \
	 .member = "Name",                                                      \
	 .value = "USER",                                                       \
	 .kind = ARGUMENT_TEXT,                                                 \
	 .help = "whose",                                                       \
	 .implies = "user"},                                                    \
		{.option = "service",                                           \
		 .member = "Name",                                              \
		 .value = "SERVICE",                                            \
		 .kind = ARGUMENT_TEXT,                                         \
		 .help = "whose: rds.us-east-1.amazonaws.com",                  \
		 .implies = "service"},                                         \
		{.option = "root",                                              \
		 .member = "Name",                                              \
		 .value = "ACCOUNT",                                            \
		 .kind = ARGUMENT_TEXT,                                         \
		 .help = "the root of this account",                            \
		 .implies = "account"},                                         \
		ARGUMENT_OPTION("account", "Account", "ACCOUNT", ARGUMENT_TEXT, \
				"of the user; else the installation's")
#define ACCESS_KEY ARGUMENT_WORD("AccessKeyId", "ACCESS-KEY-ID", "AKIA...")

static const struct argument created[] = {OWNER, CREDENTIALS_ARGUMENTS, ARGUMENTS_END};
static const struct argument listed[] = {OWNER, ARGUMENTS_END};
static const struct argument updated[] = {
	ACCESS_KEY, ARGUMENT_WORD("Status", "STATUS", "Active or Inactive"), ARGUMENTS_END};
static const struct argument deleted[] = {ACCESS_KEY, ARGUMENTS_END};

static const struct verb verbs[] = {{.name = "create",
				     .operation = "CreateAccessKey",
				     .summary = "make one, and tell its secret once",
				     .arguments = created,
				     .next = "The secret is told once: keep it.",
				     .prepare = credentials_prepare,
				     .answer = credentials_answer},
				    {.name = "list",
				     .operation = "ListAccessKeys",
				     .summary = "those of one, and when they were last used",
				     .arguments = listed},
				    {.name = "update",
				     .operation = "UpdateAccessKey",
				     .summary = "switch one off or on",
				     .arguments = updated},
				    {.name = "delete",
				     .operation = "DeleteAccessKey",
				     .summary = "remove one: its next request is refused",
				     .arguments = deleted},
				    VERBS_END};

const struct command cmd_access_key = {
	.name = "access-key",
	.summary = "access keys of users, services and accounts' roots",
	.verbs = verbs,
};
