/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the admin operations on identities, in a notation that can be read. */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_IDENTITIES_H
#define HOLDFAST_TESTS_UNIT_SERVICE_IDENTITIES_H

#include "fixture.h"

#define OTHER_ACCOUNT "444455556666"
#define ADMINISTRATOR_ACCESS "arn:aws:iam::aws:policy/AdministratorAccess"
#define POLICY_ARN(name) "arn:aws:iam::" WORLD_ACCOUNT ":policy/" name

/* A policy that an identity may have, and one that a role trusts; as members of a body. */
#define READS "{`Statement`:{`Effect`:`Allow`,`Action`:`kms:ListKeys`,`Resource`:`*`}}"
#define TRUSTS(principal) \
	"{`Statement`:{`Effect`:`Allow`,`Action`:`sts:AssumeRole`,`Principal`:{" principal "}}}"
#define TRUSTS_ADMIN TRUSTS("`AWS`:`arn:aws:iam::" WORLD_ACCOUNT ":user/admin`")

/*
 * A call on the admin socket. `body` is a printf format; afterwards ' stands for " and ` for \",
 * so that documents in strings stay readable.
 */
void ask(struct world *w, struct reply *out, const char *operation, const char *body, ...)
	PRINTF_LIKE(4, 5);

/* The same, that must succeed; and that must be refused with this type and these words. */
void must(struct world *w, const char *operation, const char *body, ...) PRINTF_LIKE(3, 4);
struct refusal {
	const char *type, *message; /* message NULL: whatever the words */
};
void must_not(struct world *w, const struct refusal *refusal, const char *operation,
	      const char *body, ...) PRINTF_LIKE(4, 5);
#define REFUSED(type, message) (&(const struct refusal){type, message})

/* GetIdentity; the member Identity of the reply. */
const struct json *get_identity(struct world *w, struct reply *out, const char *kind,
				const char *name);

/* A text of an object, or "". */
const char *text_in(const struct json *object, const char *member);

#define assert_text(object, member, wanted) assert_string_equal(text_in(object, member), wanted)

#endif
