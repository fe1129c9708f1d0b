/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast explain: would this be allowed, and by what? Nothing is done. */
#include <stdio.h>

#include "cli/command.h"

static const struct argument arguments[] = {
	ARGUMENT_NEEDED("principal", "Principal", "ARN", ARGUMENT_TEXT,
			"user, role, session, account root, or a service's name"),
	ARGUMENT_NEEDED("action", "Action", "ACTION", ARGUMENT_TEXT, "kms:Decrypt"),
	ARGUMENT_OPTION("key", "KeyId", "KEY", ARGUMENT_TEXT, "id, ARN, alias or alias ARN"),
	ARGUMENT_OPTION("resource", "Resource", "ARN", ARGUMENT_TEXT,
			"another resource than a key"),
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
	if (!context->json)
		(void)puts(allowed ? "ALLOWED\n" : "DENIED\n");
	enum exit_status status = command_print(context, said, json);
	return status == EXIT_DONE && !allowed ? EXIT_WARNING : status;
}

static const struct verb verbs[] = {{.name = "",
				     .operation = "Explain",
				     .summary = "would this be allowed, and by what",
				     .arguments = arguments,
				     .answer = answer},
				    VERBS_END};

const struct command cmd_explain = {
	.name = "explain",
	.summary = "would this be allowed, and by what; nothing is done",
	.verbs = verbs,
};
