/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of holdfastd. */
#ifndef HOLDFAST_DAEMON_ARGUMENTS_H
#define HOLDFAST_DAEMON_ARGUMENTS_H

#include <sys/types.h>

#include "base/err.h"

enum arguments_mode {
	ARGUMENTS_SERVE,
	ARGUMENTS_CHECK,
	ARGUMENTS_INIT,
	ARGUMENTS_RECOVER,
	ARGUMENTS_HELP,
	ARGUMENTS_VERSION
};

struct arguments {
	enum arguments_mode mode;
	const char *config;
	const char *region, *account, *partition, *administrator, *credentials; /* INIT */

	/* RECOVER */
	const char *restore; /* the backup that shall be the store; NULL: the store as it is */
	const char *accept;  /* the code of the report; NULL: report alone */
	bool accept_token;   /* another token that has the installation's keys */
	bool discard_refused;
	uid_t operator; /* who started it; recover_become_owner() sets it */
	bool json;
};

#define ARGUMENTS_MESSAGE_MAX 512

/*
 * Views of argv, checked: account, region and names have AWS's form, --init has what it needs.
 * E_USAGE with a line for people in `message`.
 */
NODISCARD struct err arguments_parse(int argc, char **argv, struct arguments *out,
				     char message[ARGUMENTS_MESSAGE_MAX]);

/* --help, but for the exit statuses: base/exit.h. */
extern const char arguments_help[];

#endif
