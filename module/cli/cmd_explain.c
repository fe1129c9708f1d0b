/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast explain: would this be allowed, and by what? Nothing is done. */
#include <stdio.h>

#include "cli/command.h"

static const struct argument arguments[] = {
	ARGUMENT_NEEDED("principal", "Principal", "ARN", ARGUMENT_TEXT,
			"user, role, session, account root, or a service's name"),
	ARGUMENT_NEEDED("action", "Action", "ACTION", ARGUMENT_TEXT,
			"what the principal would do: kms:Decrypt"),
	ARGUMENT_OPTION("key", "KeyId", "KEY", ARGUMENT_TEXT, "id, ARN, alias or alias ARN"),
	ARGUMENT_OPTION("resource", "Resource", "ARN", ARGUMENT_TEXT,
			"an alias or its ARN, for the actions on aliases"),
	ARGUMENT_OPTION("context", "EncryptionContext", "NAME=VALUE", ARGUMENT_MAP,
			"pairs of the encryption context"),
	ARGUMENT_OPTION("via-service", "ViaService", "SERVICE", ARGUMENT_TEXT,
			"a service acts for the principal"),
	ARGUMENT_OPTION("source-ip", "SourceIp", "ADDRESS", ARGUMENT_TEXT,
			"where the request comes from"),
	ARGUMENT_OPTION("condition", "Conditions", "KEY=VALUE", ARGUMENT_VALUES,
			"any other condition key: kms:GrantOperations=Decrypt"),
	ARGUMENTS_END};

static enum exit_status answer(const struct command_context *context,
			       const struct command_call *call, const struct json *said,
			       struct view json)
{
	(void)call;
	bool allowed = json_bool_of(json_member(said, "Allowed"));
	struct view by = json_string_of(json_member(said, "DecidedBy"));
	if (!context->json)
		(void)printf("%s: %.*s\n\n", allowed ? "ALLOWED" : "DENIED", (int)by.len,
			     (const char *)by.ptr);
	enum exit_status status = command_print(context, said, json);
	return status == EXIT_DONE && !allowed ? EXIT_WARNING : status;
}

static const struct verb verbs[] = {
	{.name = "",
	 .operation = "Explain",
	 .summary = "would this be allowed, and by what; ends with 0, or 1 when denied",
	 .arguments = arguments,
	 .answer = answer},
	VERBS_END};

const struct command cmd_explain = {
	.name = "explain",
	.summary = "would this be allowed, and by what; nothing is done",
	.verbs = verbs,
};
