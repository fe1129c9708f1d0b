/* SPDX-License-Identifier: Apache-2.0 */
/* Users of a world, with access keys and policies of their own, and calls that they make. */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_CALLERS_H
#define HOLDFAST_TESTS_UNIT_SERVICE_CALLERS_H

#include "identities.h"

/* Policies in the notation of identities.h. */
#define STATEMENTS(statements) "{`Version`:`2012-10-17`,`Statement`:[" statements "]}"
#define ALLOW(actions) "{`Effect`:`Allow`,`Action`:" actions ",`Resource`:`*`}"

struct caller {
	const char *name, *account;
	char id[AUTH_ACCESS_KEY_ID_LEN + 1];
	struct secret *secret; /* secret_free() */
};

/* Makes the user, and an access key. */
void caller_hire(struct world *w, struct caller *who);

/* In place of whatever the user was allowed before. */
void caller_allow(struct world *w, const struct caller *who, const char *document);
void caller_allow_nothing(struct world *w, const struct caller *who);

/* `body` is plain JSON, a printf format. */
struct callers_call {
	struct world *world;
	const struct caller *who;
};
void caller_call(const struct callers_call *call, struct reply *out, const char *operation,
		 const char *body, ...) PRINTF_LIKE(4, 5);

#endif
