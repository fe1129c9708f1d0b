/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that make credentials do with them: shown once, or kept in a profile (profile.h).
 */
#ifndef HOLDFAST_CLI_CREDENTIALS_H
#define HOLDFAST_CLI_CREDENTIALS_H

#include "cli/command.h"

/* Rows of their tables. */
#define CREDENTIALS_ARGUMENTS                                                           \
	ARGUMENT_OPTION("profile", NULL, "NAME", ARGUMENT_TEXT,                         \
			"keep it in a new profile of the AWS CLI, and show no secret"), \
		ARGUMENT_OPTION("endpoint", NULL, "URL", ARGUMENT_TEXT,                 \
				"of the profile; else from the settings file")

/* A profile that cannot be written is refused before anything is made. */
enum exit_status credentials_prepare(const struct command_call *call);

/* AccessKey or Credentials of the answer to the profile; without one they are printed, and
 * verb->next. */
enum exit_status credentials_answer(const struct command_context *context,
				    const struct command_call *call, const struct json *said,
				    struct view json);

#endif
