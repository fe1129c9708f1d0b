/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast store: is the store, as a whole, the one that was sealed last? */
#include <stdio.h>

#include "cli/command.h"

static const struct argument none[] = {ARGUMENTS_END};

static enum exit_status tell(const struct command_context *context, const struct command_call *call,
			     const struct json *said, struct view json)
{
	(void)call;
	bool sound = json_bool_of(json_member(said, "Ok"));
	if (!context->json)
		(void)printf("%s\n\n",
			     sound ? "SOUND: every row is as it was sealed, and the token "
				     "remembers no newer store"
				   : "NOT SOUND");
	enum exit_status status = command_print(context, said, json);
	return status == EXIT_DONE && !sound ? EXIT_REFUSED : status;
}

static const struct verb verbs[] = {
	{.name = "verify",
	 .operation = "VerifyStore",
	 .summary = "is every row as it was sealed; the manifest, the token's anchor",
	 .arguments = none,
	 .answer = tell},
	VERBS_END};

const struct command cmd_store = {
	.name = "store",
	.summary = "was the database changed, cut short or put back from outside",
	.verbs = verbs,
};
