/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast session: temporary credentials, made and revoked by the operator. */
#include "cli/command.h"
#include "cli/credentials.h"

static const struct argument created[] = {
	ARGUMENT_WORD("Principal", "PRINCIPAL",
		      "ARN of a role, a user or an account's root; or a service's name"),
	ARGUMENT_OPTION("name", "SessionName", "NAME", ARGUMENT_TEXT, "of the session, for a role"),
	ARGUMENT_OPTION("service", "Service", "SERVICE", ARGUMENT_TEXT,
			"acts for the user or account: kms:ViaService"),
	ARGUMENT_OPTION("source-arn", "SourceArn", "ARN", ARGUMENT_TEXT,
			"what a service acts for: aws:SourceArn"),
	ARGUMENT_OPTION("source-account", "SourceAccount", "ACCOUNT", ARGUMENT_TEXT,
			"likewise: aws:SourceAccount"),
	ARGUMENT_OPTION("duration", "DurationSeconds", "SECONDS", ARGUMENT_INTEGER,
			"900 to 43200; 3600"),
	ARGUMENT_OPTION("policy", "Policy", "FILE", ARGUMENT_FILE,
			"session policy: bounds what the session may"),
	CREDENTIALS_ARGUMENTS,
	ARGUMENTS_END};

static const struct argument listed[] = {
	ARGUMENT_OPTION("account", "Account", "ACCOUNT", ARGUMENT_TEXT,
			"12 digits; else the installation's"),
	ARGUMENT_OPTION("limit", "Limit", "COUNT", ARGUMENT_INTEGER,
			"one page of so many; else all"),
	ARGUMENT_OPTION("marker", "Marker", "MARKER", ARGUMENT_TEXT,
			"the page behind: NextMarker of the one before"),
	ARGUMENTS_END};

static const struct argument deleted[] = {
	ARGUMENT_WORD("AccessKeyId", "ACCESS-KEY-ID", "ASIA..., of the session"), ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "create",
	 .operation = "CreateSession",
	 .summary = "temporary credentials",
	 .arguments = created,
	 .next = "Secret and token are told once. Hand them over as AWS_ACCESS_KEY_ID, "
		 "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
	 .prepare = credentials_prepare,
	 .answer = credentials_answer},
	{.name = "list",
	 .operation = "ListSessions",
	 .summary = "those that have not ended",
	 .arguments = listed,
	 .list = "Sessions"},
	{.name = "delete",
	 .operation = "DeleteSession",
	 .summary = "revoke one: its next request is refused",
	 .arguments = deleted},
	VERBS_END};

const struct command cmd_session = {
	.name = "session",
	.summary = "temporary credentials of roles and of services acting for somebody",
	.verbs = verbs,
};
