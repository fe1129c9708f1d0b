/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast key: what an operator does to a key that its own policy does not let anybody do. */
#include "cli/command.h"

static const struct argument arguments[] = {ARGUMENT_WORD("KeyId", "KEY", "id or ARN of the key"),
					    ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "reset-policy",
	 .operation = "ResetKeyPolicy",
	 .summary = "the default key policy again, for a key that nobody can manage any more",
	 .arguments = arguments,
	 .next = "The account's own policies now decide who may use and manage the key."},
	VERBS_END};

const struct command cmd_key = {
	.name = "key",
	.summary = "a key whose policy locks everybody out",
	.verbs = verbs,
};
